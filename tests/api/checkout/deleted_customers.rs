//! A customer who was deleted at Stripe, in every order in which that may come to light.

use chrono::TimeDelta;
use fixpath::billing::jobs::BillingJob;
use fixpath::jobs::Job;
use fixpath::stripe::sandbox::actions::Action;
use serde_json::{Value, json};

use crate::support::shop::Shop;

/// The owner pays for Pro, and Stripe has just deleted them.
async fn deleted() -> Shop {
    let shop = Shop::open().await;
    shop.subscribe(json!({})).await;
    assert_eq!(shop.subscription().await["status"], "ACTIVE");
    let customer = shop.app.db_value("SELECT provider_customer_id FROM customers").await.as_str().unwrap().to_owned();
    shop.sandbox.act(Action::DeleteCustomer { customer }).unwrap();
    shop
}

/// The page.
async fn buys_credits(shop: &Shop, quantity: i32) -> String {
    let query = "mutation($quantity: Int!) { buyCredits(input: { packKey: \"credits-100\", quantity: $quantity, successUrl: \"http://localhost:3000/\", \
                 cancelUrl: \"http://localhost:3000/\" }) { checkout { id } userErrors { code message } } }";
    let answer = shop.owner.ok(query, json!({ "quantity": quantity })).await;
    assert_eq!(answer.refusals("buyCredits"), Vec::<String>::new());
    answer.str("buyCredits.checkout.id")
}

async fn of_stripe(shop: &Shop) -> Value {
    shop.app.db_value("SELECT status FROM subscriptions WHERE provider = 'stripe' ORDER BY id LIMIT 1").await
}

/// Of all that has happened; the rest is lost.
async fn hears_only(shop: &Shop, kind: &str) {
    for signed in shop.sandbox.take_deliveries().iter().filter(|signed| signed.kind == kind) {
        shop.deliver_one(signed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_they_had_ends_although_a_purchase_found_them_gone_first() {
    let shop = deleted().await;
    buys_credits(&shop, 1).await;
    assert_eq!(of_stripe(&shop).await, "active", "nobody has told yet");
    shop.settle().await;
    assert_eq!(of_stripe(&shop).await, "canceled");
    let again = shop.start(json!({})).await;
    assert_eq!(shop.pay(&again, "works"), "paid");
    shop.settle().await;
    assert_eq!(shop.subscription().await["status"], "ACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_they_had_ends_although_nobody_ever_tells() {
    let mut shop = deleted().await;
    buys_credits(&shop, 1).await;
    shop.sandbox.take_deliveries();
    shop.pass(TimeDelta::days(40)).await;
    shop.app.run_job(&Job::Billing(BillingJob::EndLapsed)).await;
    assert_eq!(of_stripe(&shop).await, "canceled");
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_open_does_not_stand_in_the_way_when_it_has_expired() {
    for told in [true, false] {
        let mut shop = Shop::open().await;
        let page = shop.start(json!({})).await;
        let customer = shop.sandbox.object(&page)["customer"].as_str().unwrap().to_owned();
        shop.sandbox.act(Action::DeleteCustomer { customer }).unwrap();
        if told {
            shop.settle().await;
            assert_eq!(shop.app.db_value("SELECT status FROM checkouts").await, "expired");
        } else {
            // Another purchase finds the customer gone.
            shop.sandbox.take_deliveries();
            buys_credits(&shop, 1).await;
        }
        shop.pass(TimeDelta::hours(30)).await;
        shop.sandbox.take_deliveries();
        let again = shop.start(json!({})).await;
        assert_ne!(again, page);
        assert_eq!(shop.pay(&again, "works"), "paid");
        shop.settle().await;
        assert_eq!(shop.subscription().await["status"], "ACTIVE", "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_that_was_on_its_way_is_not_waited_for() {
    for by_the_release_before in [false, true] {
        let shop = Shop::open().await;
        let page = shop.start(json!({})).await;
        if by_the_release_before {
            shop.app.db_execute("UPDATE checkouts SET provider_customer_id = NULL").await;
        }
        assert_eq!(shop.pay(&page, "delayed"), "processing");
        let customer = shop.sandbox.object(&page)["customer"].as_str().unwrap().to_owned();
        // Of all that has happened we hear of the page, and then that the customer is gone.
        hears_only(&shop, "checkout.session.completed").await;
        shop.sandbox.act(Action::DeleteCustomer { customer }).unwrap();
        hears_only(&shop, "customer.deleted").await;
        let again = shop.start(json!({})).await;
        assert_eq!(shop.pay(&again, "works"), "paid");
        shop.settle().await;
        assert_eq!(shop.subscription().await["status"], "ACTIVE");
    }
}

/// Somebody tidies up at Stripe.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_stays_open_when_another_customer_of_the_account_is_deleted() {
    for found_gone in [false, true] {
        let shop = Shop::open().await;
        let first = shop.start(json!({})).await;
        let customer = shop.sandbox.object(&first)["customer"].as_str().unwrap().to_owned();
        let (mut page, mut other) = (first, crate::support::stripe::Story::new("other"));
        if found_gone {
            // The next page is another customer's, before anybody tells.
            shop.sandbox.act(Action::DeleteCustomer { customer: customer.clone() }).unwrap();
            page = shop.start(json!({ "seats": 2 })).await;
            assert_ne!(shop.sandbox.object(&page)["customer"], customer);
            other.customer = customer;
        } else {
            other.link_beside(&shop.app, crate::support::people::ids(&shop.owner).await.1).await;
        }
        let gone = json!({ "id": other.customer, "object": "customer", "deleted": true });
        shop.app.deliver(&other.event("customer.deleted", 1, gone)).await;
        let status = format!("SELECT status FROM checkouts WHERE provider_session_id = '{page}'");
        assert_eq!(shop.app.db_value(&status).await, "open", "{found_gone}");
        assert_eq!(shop.start(json!({ "seats": if found_gone { 2 } else { 1 } })).await, page, "nobody pays twice");
        shop.settle().await;
    }
}

/// Paid or not: it is nobody's any more, and keeps nobody from buying.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_purchase_goes_with_a_customer_whom_somebody_finds_gone() {
    for (paid, told) in [(false, "customer.deleted"), (true, "checkout.session.completed"), (true, "nothing")] {
        let shop = Shop::open().await;
        let page = buys_credits(&shop, 1).await;
        let customer = shop.sandbox.object(&page)["customer"].as_str().unwrap().to_owned();
        if paid {
            assert_eq!(shop.pay(&page, "works"), "paid");
        }
        shop.sandbox.act(Action::DeleteCustomer { customer }).unwrap();
        let late = shop.sandbox.take_deliveries();
        shop.start(json!({})).await;
        for signed in late.iter().filter(|signed| signed.kind == told) {
            shop.deliver_one(signed).await;
        }
        let another = buys_credits(&shop, if told == "nothing" { 2 } else { 1 }).await;
        assert_ne!(another, page, "{paid}, {told}");
        assert_eq!(shop.pay(&another, "works"), "paid");
        shop.settle().await;
        assert_eq!(shop.app.db_value("SELECT balance FROM credit_balances").await, if told == "nothing" { 200 } else { 100 });
    }
}
