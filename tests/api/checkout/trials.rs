//! Trials at Stripe: who gets one, and who does not. Whoever signs up has had ours, so these are about accounts that had none.

use chrono::TimeDelta;
use fixpath::stripe::sandbox::actions::Action;
use serde_json::{Value, json};

use crate::support::app::ORIGIN;
use crate::support::shop::Shop;
use crate::support::{Actor, people};

/// What the page of a plan with a trial asks for now, for who gets none.
const WITHOUT: i64 = 1200;

/// A platform that gives no trial of its own: whoever buys Starter begins with one at Stripe.
async fn open() -> Shop {
    let shop = Shop::open().await;
    shop.app.db_execute("UPDATE plans SET trial_days = 0 WHERE key = 'pro'").await;
    shop
}

async fn person(shop: &Shop, name: &str) -> Actor {
    let person = shop.app.sign_up(name).await;
    shop.app.db_verify(name).await;
    person
}

/// Pays something with that card.
async fn pays(shop: &Shop, who: &Actor, card: &str) {
    let query = "mutation($input: BuyCreditsInput!) { buyCredits(input: $input) { checkout { id } userErrors { code } } }";
    let input = json!({ "packKey": "credits-100", "successUrl": format!("{ORIGIN}/ok"), "cancelUrl": format!("{ORIGIN}/no") });
    let session = who.ok(query, json!({ "input": input })).await.str("buyCredits.checkout.id");
    assert_eq!(shop.pay(&session, card), "paid");
}

/// The same, so that the card is known to be theirs.
async fn buys_credits(shop: &Shop, who: &Actor, card: &str) {
    pays(shop, who, card).await;
    shop.settle().await;
}

/// The page on which they would begin with Starter, and what it asks for now.
async fn starter(shop: &Shop, who: &Actor) -> (String, Value) {
    let page = shop.start_as(who, json!({ "planKey": "starter" })).await.str("startCheckout.checkout.id");
    let asked = shop.sandbox.object(&page)["amount_total"].clone();
    (page, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_account_with_a_card_that_is_known_gets_no_trial() {
    let shop = open().await;
    let (first, second, third) = (person(&shop, "first").await, person(&shop, "second").await, person(&shop, "third").await);
    buys_credits(&shop, &first, "4242 4242 4242 4242").await;
    buys_credits(&shop, &second, "4242424242424242").await;
    buys_credits(&shop, &third, "5555 5555 5555 4444").await;
    assert_eq!(starter(&shop, &second).await.1, WITHOUT, "the first account has paid with this card before");
    assert_eq!(starter(&shop, &third).await.1, 0, "nobody else has paid with this one");
    let (page, asked) = starter(&shop, &first).await;
    assert_eq!(asked, 0, "that another account uses the card later takes nothing from the first");
    assert_eq!(shop.pay(&page, "works"), "paid");
    shop.settle().await;
    let status = "{ viewer { account { subscription { status plan { key } } } } }";
    assert_eq!(
        first.ok(status, json!({})).await.data("viewer.account.subscription"),
        json!({ "status": "TRIALING", "plan": { "key": "starter" } })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_came_first_is_told_by_the_payments_whichever_is_heard_of_first() {
    let shop = open().await;
    let (first, second) = (person(&shop, "first").await, person(&shop, "second").await);
    pays(&shop, &first, "works").await;
    let late = shop.sandbox.take_deliveries();
    shop.app.advance(TimeDelta::minutes(1));
    buys_credits(&shop, &second, "works").await;
    for signed in &late {
        shop.deliver_one(signed).await;
    }
    shop.settle().await;
    assert_eq!((starter(&shop, &first).await.1, starter(&shop, &second).await.1), (json!(0), json!(WITHOUT)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_an_account_has_paid_its_plan_with_is_known_as_well() {
    let shop = open().await;
    shop.subscribe(json!({})).await;
    let second = person(&shop, "second").await;
    buys_credits(&shop, &second, "works").await;
    assert_eq!(starter(&shop, &second).await.1, WITHOUT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_only_stored_is_nobodys() {
    let shop = open().await;
    let (first, second) = (person(&shop, "first").await, person(&shop, "second").await);
    buys_credits(&shop, &first, "5555 5555 5555 4444").await;
    let customer = shop.sandbox.world(|world| world.all("charge").next().unwrap()["customer"].as_str().unwrap().to_owned());
    shop.sandbox.act(Action::NewCard { customer, card: "works".into() }).unwrap();
    shop.settle().await;
    buys_credits(&shop, &second, "works").await;
    assert_eq!(starter(&shop, &second).await.1, 0, "the first account has never paid with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_had_ours_gets_no_other() {
    let shop = Shop::open().await;
    let id = shop.start(json!({})).await;
    assert_eq!(shop.sandbox.object(&id)["amount_total"], 2900, "the owner had a trial");
    let new = shop.app.sign_up("new").await;
    shop.app.db_verify("new").await;
    let account = uuid::Uuid::from(people::ids(&new).await.1);
    shop.app.db_execute(&format!("DELETE FROM trial_grants WHERE account_id = '{account}'")).await;
    let trial = shop.start_as(&new, json!({})).await.str("startCheckout.checkout.id");
    assert_eq!(shop.sandbox.object(&trial)["amount_total"], 0);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_of_the_same_mailbox_gets_no_other_trial() {
    let shop = Shop::open().await;
    let again = shop.app.sign_up("again").await;
    shop.app.db_verify("again").await;
    let account = uuid::Uuid::from(people::ids(&again).await.1);
    let address = "UPDATE users SET email = 'Owner+2@example.com' WHERE username = 'again'";
    shop.app.db_execute(&format!("{address}; DELETE FROM trial_grants WHERE account_id = '{account}'")).await;
    let page = shop.start_as(&again, json!({ "planKey": "enterprise" })).await.str("startCheckout.checkout.id");
    assert_eq!(shop.sandbox.object(&page)["amount_total"], 5900);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_begins_as_trialing() {
    let shop = Shop::open().await;
    shop.app.db_execute("DELETE FROM trial_grants").await;
    let id = shop.start(json!({})).await;
    shop.pay(&id, "works");
    shop.settle().await;
    assert_eq!(shop.subscription().await["status"], "TRIALING");
}

/// Whoever has an address that reads the same mailbox.
async fn same_mailbox(shop: &Shop, name: &str, address: &str) -> Actor {
    let person = person(shop, name).await;
    shop.app.db_execute(&format!("UPDATE users SET email = '{address}' WHERE username = '{name}'")).await;
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_had_a_trial_at_stripe_gets_no_other_whichever_event_tells_of_it_first() {
    for reversed in [false, true] {
        let shop = open().await;
        let first = person(&shop, "first").await;
        let (page, asked) = starter(&shop, &first).await;
        assert_eq!(asked, 0);
        let second = same_mailbox(&shop, "second", "First+2@example.com").await;
        let (left, asked) = starter(&shop, &second).await;
        assert_eq!(asked, 0, "a page alone is no trial");
        assert_eq!(shop.pay(&page, "works"), "paid");
        let mut told = shop.sandbox.take_deliveries();
        if reversed {
            told.reverse();
        }
        for signed in &told {
            shop.deliver_one(signed).await;
        }
        shop.settle().await;
        let third = same_mailbox(&shop, "third", "first+3@example.com").await;
        assert_eq!(starter(&shop, &third).await.1, WITHOUT);
        // What was opened before is still what it was. Its trial is no second line for the mailbox.
        assert_eq!(shop.pay(&left, "5555 5555 5555 4444"), "paid");
        shop.settle().await;
        assert_eq!(shop.app.db_value("SELECT count(*) FROM trial_grants WHERE account_id IN (SELECT account_id FROM checkouts)").await, 1);
        // An account that is gone, with all that it had.
        let gone = "DELETE FROM subscriptions WHERE provider = 'stripe'; UPDATE trial_grants SET account_id = NULL";
        shop.app.db_execute(gone).await;
        let fourth = same_mailbox(&shop, "fourth", "first+4@example.com").await;
        assert_eq!(starter(&shop, &fourth).await.1, WITHOUT);
        shop.settle().await;
    }
}
