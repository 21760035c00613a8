//! `cancelSubscription`, `resumeSubscription` and the billing portal.

use fixpath::billing::jobs::BillingJob;
use fixpath::jobs::Job;
use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::app::ORIGIN;
use crate::support::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_waits_for_the_paid_period_s_end_and_can_be_taken_back() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    let reason = json!({ "reason": "too many trees" });
    let cancelled = shop.changed("cancelSubscription", reason).await;
    assert_eq!((&cancelled["status"], &cancelled["cancelAt"]), (&json!("ACTIVE"), &cancelled["currentPeriodEnd"]));
    assert_eq!(shop.sandbox.object(&id)["cancellation_details"]["comment"], "too many trees");
    assert_eq!(shop.change("changeSeats", json!({ "seats": 2 })).await.refusals("changeSeats"), ["WRONG_STATE"]);
    let resumed = shop.changed("resumeSubscription", json!({})).await;
    assert_eq!(resumed["cancelAt"], Value::Null);
    shop.settle().await;
    assert_eq!(shop.subscription().await["cancelAt"], Value::Null);
    assert_eq!(shop.change("resumeSubscription", json!({})).await.refusals("resumeSubscription"), ["WRONG_STATE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_period_is_over_so_is_the_subscription() {
    let mut shop = Shop::open().await;
    shop.subscribe(json!({})).await;
    shop.changed("cancelSubscription", json!({})).await;
    shop.pass(chrono::TimeDelta::days(32)).await;
    shop.settle().await;
    assert_eq!(shop.app.db_value("SELECT status FROM subscriptions WHERE provider = 'stripe'").await, "canceled");
    assert_eq!(shop.app.db_value("SELECT count(*) FROM payments").await, 1, "no renewal");
    // And another one can begin.
    shop.start(json!({ "planKey": "starter" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_once_is_at_once_also_when_the_answer_is_lost() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    shop.sandbox.plan_fault(Fault::ResetAfter, &format!("/v1/subscriptions/{id}"), 2);
    shop.change("cancelSubscription", json!({ "immediately": true, "idempotencyKey": "k" })).await;
    shop.changed("cancelSubscription", json!({ "immediately": true, "idempotencyKey": "k" })).await;
    shop.settle().await;
    assert_eq!(shop.app.db_value("SELECT status FROM subscriptions WHERE provider = 'stripe'").await, "canceled");
    assert_eq!(shop.change("cancelSubscription", json!({})).await.refusals("cancelSubscription"), ["NOT_SUBSCRIBED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lost_the_answer_repeats_the_key_and_hears_that_it_has_ended() {
    for heard in [false, true] {
        let shop = Shop::open().await;
        let id = shop.subscribe(json!({})).await;
        let keyed = || json!({ "immediately": true, "idempotencyKey": "k" });
        shop.sandbox.plan_fault(Fault::ResetAfter, &format!("DELETE /v1/subscriptions/{id}"), 3);
        assert_eq!(shop.change("cancelSubscription", keyed()).await.refusals("cancelSubscription"), ["STRIPE_UNAVAILABLE"]);
        assert_eq!(shop.sandbox.object(&id)["status"], "canceled");
        if heard {
            shop.settle().await;
        }
        for _ in 0..2 {
            assert_eq!(shop.changed("cancelSubscription", keyed()).await["status"], "CANCELED");
        }
        assert_eq!(shop.app.db_value("SELECT count(*) FROM subscription_changes WHERE finished_at IS NULL").await, 0);
        // Another key asks for something else, and is told the same each time.
        for _ in 0..2 {
            let other = shop.change("cancelSubscription", json!({ "immediately": true, "idempotencyKey": "other" })).await;
            assert_eq!(other.refusals("cancelSubscription"), ["NOT_SUBSCRIBED"]);
        }
        shop.settle().await;
    }
}

/// No event has told of it yet.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_at_stripe_is_heard_of_by_whoever_wants_to_change_it() {
    for (mutation, input) in [
        ("changePlan", json!({ "planKey": "enterprise" })),
        ("changeSeats", json!({ "seats": 2 })),
        ("resumeSubscription", json!({})),
        ("cancelSubscription", json!({ "idempotencyKey": "k" })),
    ] {
        let mut shop = Shop::open().await;
        shop.subscribe(json!({})).await;
        shop.changed("cancelSubscription", json!({})).await;
        shop.settle().await;
        shop.pass(chrono::TimeDelta::days(32)).await;
        shop.sandbox.now();
        let refused = shop.change(mutation, input.clone()).await;
        assert_eq!(refused.refusals(mutation), ["NOT_SUBSCRIBED"], "{}", refused.text());
        let message = "The subscription has ended at the payment provider: begin another with startCheckout.";
        assert_eq!(refused.data(&format!("{mutation}.userErrors.0.message")), message);
        assert_eq!(shop.subscription().await["status"], "CANCELED");
        assert_eq!(shop.change(mutation, input).await.refusals(mutation), ["NOT_SUBSCRIBED"], "{mutation}: nothing of that kind was done");
        shop.start(json!({ "planKey": "starter" })).await;
        shop.settle().await;
        let ended = shop.app.mails().into_iter().filter(|mail| mail.subject == "Your subscription has ended").count();
        assert_eq!(ended, 1, "{mutation}: the event that comes later tells nothing new");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_repeats_the_key_when_somebody_else_has_ended_it_hears_that_it_has_ended() {
    for immediately in [false, true] {
        let shop = Shop::open().await;
        let id = shop.subscribe(json!({})).await;
        let keyed = || json!({ "immediately": immediately, "idempotencyKey": "k" });
        shop.sandbox.plan_fault(Fault::Slow, &format!("GET /v1/subscriptions/{id}"), 1);
        shop.sandbox.plan_fault(Fault::Reset, &format!("/v1/subscriptions/{id}"), 3);
        assert_eq!(shop.change("cancelSubscription", keyed()).await.refusals("cancelSubscription"), ["STRIPE_UNAVAILABLE"]);
        shop.sandbox.act(Action::Cancel { subscription: id }).unwrap();
        for _ in 0..2 {
            assert_eq!(shop.changed("cancelSubscription", keyed()).await["status"], "CANCELED");
        }
        shop.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_pays_is_not_deleted_until_it_has_cancelled() {
    let shop = Shop::open().await;
    shop.subscribe(json!({})).await;
    let delete = "mutation { deleteAccount(input: { confirmName: \"owner's account\" }) { userErrors { code } } }";
    assert_eq!(shop.owner.ok(delete, json!({})).await.refusals("deleteAccount"), ["WRONG_STATE"]);
    shop.changed("cancelSubscription", json!({})).await;
    assert_eq!(shop.owner.ok(delete, json!({})).await.refusals("deleteAccount"), ["WRONG_STATE"], "it ends after the account would");
    shop.changed("cancelSubscription", json!({ "immediately": true })).await;
    let none: [&str; 0] = [];
    assert_eq!(shop.owner.ok(delete, json!({})).await.refusals("deleteAccount"), none);
    shop.settle().await;
    shop.app.leave_jobs();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_pays_for_an_account_that_is_about_to_go() {
    let mut shop = Shop::open().await;
    shop.subscribe(json!({})).await;
    shop.pass(chrono::TimeDelta::days(26)).await;
    shop.settle().await;
    shop.changed("cancelSubscription", json!({})).await;
    let delete = "mutation { deleteAccount(input: { confirmName: \"owner's account\" }) { userErrors { code } } }";
    let none: [&str; 0] = [];
    assert_eq!(shop.owner.ok(delete, json!({})).await.refusals("deleteAccount"), none);
    assert_eq!(shop.change("resumeSubscription", json!({})).await.refusals("resumeSubscription"), ["WRONG_STATE"]);
    assert_eq!(shop.start_as(&shop.owner, json!({})).await.refusals("startCheckout"), ["WRONG_STATE"]);
    let credits = "mutation { buyCredits(input: { packKey: \"credits-100\", successUrl: \"http://localhost:3000/\", \
                   cancelUrl: \"http://localhost:3000/\" }) { userErrors { code } } }";
    assert_eq!(shop.owner.ok(credits, json!({})).await.refusals("buyCredits"), ["WRONG_STATE"]);
    assert!(shop.subscription().await["cancelAt"].is_string());
    assert_eq!(shop.count("checkout.session"), 1, "the first one");
    shop.settle().await;
    shop.owner.ok("mutation { restoreAccount { userErrors { code } } }", json!({})).await;
    assert_eq!(shop.changed("resumeSubscription", json!({})).await["cancelAt"], Value::Null);
    assert_eq!(shop.owner.ok(credits, json!({})).await.refusals("buyCredits"), none);
    shop.settle().await;
    shop.app.leave_jobs();
}

/// Stripe is asked with nothing locked: who deletes the account meanwhile has to wait for what comes of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_not_deleted_while_its_subscription_is_being_resumed() {
    let mut shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    shop.pass(chrono::TimeDelta::days(26)).await;
    shop.settle().await;
    shop.changed("cancelSubscription", json!({})).await;
    // Stripe goes on with it, and what it answers is not written down before the customer's turn comes.
    let customer = shop.sandbox.object(&id)["customer"].as_str().unwrap().to_owned();
    let turn = shop.app.app.queues.enter(&customer).await.unwrap();
    let delete = "mutation { deleteAccount(input: { confirmName: \"owner's account\" }) { userErrors { code message } } }";
    let (resumed, deleted) = tokio::join!(shop.change("resumeSubscription", json!({})), async {
        for _ in 0..2_000 {
            if shop.sandbox.object(&id)["cancel_at"].is_null() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert!(shop.sandbox.object(&id)["cancel_at"].is_null(), "Stripe goes on with it");
        let deleted = shop.owner.ok(delete, json!({})).await;
        drop(turn);
        deleted
    });
    let none: [&str; 0] = [];
    assert_eq!((resumed.refusals("resumeSubscription"), deleted.refusals("deleteAccount")), (vec![], vec!["WRONG_STATE".to_owned()]));
    let message = "Somebody has just asked for the subscription to be resumed: look again in a minute.";
    assert_eq!(deleted.data("deleteAccount.userErrors.0.message"), message);
    assert_eq!(shop.app.db_value("SELECT deletes_at FROM accounts").await, Value::Null);
    // What came to nothing is not waited for any longer than a request lasts.
    shop.changed("cancelSubscription", json!({ "idempotencyKey": "again" })).await;
    shop.app.db_execute("UPDATE subscription_changes SET finished_at = NULL").await;
    shop.app.advance(chrono::TimeDelta::seconds(61));
    assert_eq!(shop.owner.ok(delete, json!({})).await.refusals("deleteAccount"), none);
    assert_eq!(shop.change("resumeSubscription", json!({})).await.refusals("resumeSubscription"), ["WRONG_STATE"]);
    assert_eq!(shop.app.db_value("SELECT count(*) FROM subscription_changes WHERE operation = 'resumeSubscription'").await, 1);
    shop.settle().await;
    shop.app.leave_jobs();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_takes_a_downgrade_with_it() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    shop.changed("changePlan", json!({ "planKey": "starter" })).await;
    shop.settle().await;
    let cancelled = shop.changed("cancelSubscription", json!({})).await;
    assert_eq!(cancelled["pendingPlan"], Value::Null);
    assert!(cancelled["cancelAt"].is_string());
    shop.settle().await;
    assert_eq!(shop.sandbox.object(&id)["schedule"], Value::Null);
}

async fn portal(shop: &Shop, back: &str) -> crate::support::Answer {
    let query = "mutation($input: OpenBillingPortalInput!) { openBillingPortal(input: $input) { url userErrors { code path } } }";
    shop.owner.ok(query, json!({ "input": { "returnUrl": back } })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_in_the_portal_is_heard_here() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    let url = portal(&shop, &format!("{ORIGIN}/billing")).await.str("openBillingPortal.url");
    let http = reqwest::Client::new();
    let page = http.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Pro"), "{page}");
    let form = [("what", "cancel"), ("subscription", id.as_str())];
    let done = http.post(&url).form(&form).send().await.unwrap();
    assert!(done.status().is_success() || done.status().is_redirection());
    shop.settle().await;
    assert!(shop.subscription().await["cancelAt"].is_string());
    // Flexible billing knows `cancel_at` only: it is cleared all the same.
    assert_eq!(shop.changed("resumeSubscription", json!({})).await["cancelAt"], Value::Null);
    shop.settle().await;
    assert_eq!(portal(&shop, "https://evil.example/").await.refusals("openBillingPortal"), ["INVALID"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_of_a_customer_who_was_deleted_at_stripe_is_another_customers() {
    let shop = Shop::open().await;
    let page = shop.start(json!({})).await;
    let customer = shop.sandbox.object(&page)["customer"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::DeleteCustomer { customer: customer.clone() }).unwrap();
    let shown = shown_in_portal(&shop).await;
    assert!(shown.is_string() && shown != customer.as_str(), "{shown}");
    let new = "SELECT provider_customer_id FROM customers WHERE deleted_at IS NULL";
    assert_eq!(shop.app.db_value(new).await, shown);
    shop.settle().await;
}

/// The customer.
async fn shown_in_portal(shop: &Shop) -> Value {
    let url = portal(shop, &format!("{ORIGIN}/billing")).await.str("openBillingPortal.url");
    shop.sandbox.object(url.rsplit('/').next().unwrap())["customer"].clone()
}

/// Somebody has made a customer of their own for the subscription, at Stripe.
#[tokio::test(flavor = "multi_thread")]
async fn the_portal_shows_whoever_pays() {
    let shop = Shop::open().await;
    shop.app.run_job(&Job::Billing(BillingJob::OfferPlans)).await;
    let page = shop.start(json!({})).await;
    let buyer = shop.sandbox.object(&page)["customer"].clone();
    assert_eq!(shown_in_portal(&shop).await, buyer);
    let price = "SELECT provider_price_id FROM plan_prices JOIN plans ON plans.id = plan_id WHERE key = 'pro' AND interval = 'month'";
    let price = shop.app.db_value(price).await;
    let payer = shop.post("customers", &[("email", "owner@example.com")]).await["id"].as_str().unwrap().to_owned();
    let form = [("customer", &*payer), ("items[0][price]", price.as_str().unwrap()), ("payment_behavior", "default_incomplete")];
    shop.post("subscriptions", &form).await;
    // Whose it is, the customer's address tells.
    shop.post(&format!("customers/{payer}"), &[("name", "Accounting")]).await;
    shop.settle().await;
    assert_eq!(shop.subscription().await["status"], "INCOMPLETE");
    assert_eq!(shown_in_portal(&shop).await, payer.as_str(), "where the open invoice is");
    // Nobody tells us.
    shop.sandbox.act(Action::DeleteCustomer { customer: payer }).unwrap();
    shop.sandbox.take_deliveries();
    assert_eq!(shown_in_portal(&shop).await, buyer);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_nobody_has_set_up_at_stripe_is_refused_in_words() {
    let shop = Shop::open().await;
    shop.sandbox.world(|world| world.settings.portal_saved = false);
    assert_eq!(portal(&shop, &format!("{ORIGIN}/billing")).await.refusals("openBillingPortal"), ["STRIPE_UNAVAILABLE"]);
    shop.sandbox.world(|world| world.settings.portal_saved = true);
    assert!(portal(&shop, &format!("{ORIGIN}/billing")).await.str("openBillingPortal.url").starts_with("http"));
    shop.settle().await;
}

/// Somebody has made one at Stripe.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_taken_back_although_a_schedule_holds_the_subscription() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    shop.changed("cancelSubscription", json!({})).await;
    shop.post("subscription_schedules", &[("from_subscription", &id)]).await;
    shop.settle().await;
    assert!(shop.sandbox.object(&id)["schedule"].is_string());
    assert_eq!(shop.changed("resumeSubscription", json!({})).await["cancelAt"], Value::Null);
    shop.settle().await;
    let object = shop.sandbox.object(&id);
    assert_eq!((&object["cancel_at"], &object["schedule"]), (&Value::Null, &Value::Null));
}
