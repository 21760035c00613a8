//! A trial that ends without a way to pay is paused, and goes on when it is resumed and paid.

use chrono::TimeDelta;
use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::shop::Shop;
use crate::support::stripe::{self, with};

async fn entitled(shop: &Shop) -> (Value, String) {
    let query = "{ viewer { account { entitlements { plan { key } reason } } } }";
    let answer = shop.owner.ok(query, json!({})).await;
    (answer.data("viewer.account.entitlements.plan.key"), answer.str("viewer.account.entitlements.reason"))
}

fn customer(shop: &Shop, id: &str) -> String {
    shop.sandbox.object(id)["customer"].as_str().unwrap().to_owned()
}

fn store_card(shop: &Shop, id: &str, card: &str) {
    shop.sandbox.act(Action::NewCard { customer: customer(shop, id), card: card.to_owned() }).unwrap();
}

/// The subscription's id.
async fn on_trial(shop: &Shop) -> String {
    shop.app.db_execute("DELETE FROM trial_grants").await;
    let page = shop.start(json!({})).await;
    shop.pay(&page, "works");
    shop.settle().await;
    shop.subscription().await["providerId"].as_str().unwrap().to_owned()
}

/// The owner has begun a trial, has taken the card away, and Stripe was told to pause then; the subscription's id.
async fn paused(shop: &mut Shop) -> String {
    let id = on_trial(shop).await;
    pause(shop, &id).await;
    id
}

async fn pause(shop: &mut Shop, id: &str) {
    let pause = [("trial_settings[end_behavior][missing_payment_method]", "pause")];
    shop.post(&format!("subscriptions/{id}"), &pause).await;
    shop.sandbox.act(Action::RemoveCards { customer: customer(shop, id) }).unwrap();
    shop.settle().await;
    assert_eq!(entitled(shop).await.0, "pro");
    shop.pass(TimeDelta::days(15)).await;
    shop.settle().await;
    assert_eq!(shop.sandbox.object(id)["status"], "paused");
}

fn latest_invoice(shop: &Shop, id: &str) -> Value {
    shop.sandbox.object(shop.sandbox.object(id)["latest_invoice"].as_str().unwrap())
}

/// Of a debit that pays the latest invoice.
fn bank_answers(shop: &Shop, id: &str, success: bool) {
    let invoice = shop.sandbox.object(id)["latest_invoice"].as_str().unwrap().to_owned();
    let payment_intent = shop.sandbox.world(|world| world.object(&invoice)["_payment_intent"].as_str().unwrap().to_owned());
    shop.sandbox.act(Action::Settle { payment_intent, success }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_without_a_way_to_pay_is_paused_and_goes_on_when_it_is_resumed_and_paid() {
    let mut shop = Shop::open().await;
    let id = paused(&mut shop).await;
    let shown = shop.subscription().await;
    assert_eq!((&shown["status"], &shown["plan"]["key"]), (&json!("PAUSED"), &json!("pro")));
    let must = "The subscription is paused: add a way to pay if there is none, and resume it. A bank debit takes days.";
    assert_eq!(shown["needsAttention"], must);
    let reason = "The Pro plan is paused: it goes on when it is resumed and paid. Until then, the Free plan counts.";
    assert_eq!(entitled(&shop).await, (json!("free"), reason.to_owned()));
    // It is that one that goes on: there is no second one beside it, and nothing of it changes meanwhile.
    assert_eq!(shop.start_as(&shop.owner, json!({})).await.refusals("startCheckout"), ["ALREADY_SUBSCRIBED"]);
    assert_eq!(shop.change("changePlan", json!({ "planKey": "starter" })).await.refusals("changePlan"), ["PAYMENT_REQUIRED"]);

    let refused = shop.change("resumeSubscription", json!({ "idempotencyKey": "on" })).await;
    assert_eq!(refused.refusals("resumeSubscription"), ["PAYMENT_REQUIRED"], "there is no card");
    let message = refused.str("resumeSubscription.userErrors.0.message");
    assert!(message.starts_with("Add a way to pay in the billing portal first"), "{message}");
    assert_eq!(shop.sandbox.object(&id)["status"], "paused");

    store_card(&shop, &id, "works");
    shop.settle().await;
    assert_eq!(shop.subscription().await["status"], "PAUSED", "a card alone is no wish to go on");
    let resumed = shop.changed("resumeSubscription", json!({ "idempotencyKey": "on" })).await;
    assert_eq!((&resumed["status"], &resumed["needsAttention"]), (&json!("ACTIVE"), &Value::Null));
    assert_eq!(entitled(&shop).await.0, "pro");
    shop.settle().await;
    assert_eq!(shop.subscription().await["status"], "ACTIVE");
    assert_eq!(shop.app.db_rows("SELECT amount FROM payments WHERE amount > 0").await, json!([{ "amount": 2900 }]), "paid once");
    // From now on it renews by itself.
    shop.pass(TimeDelta::days(32)).await;
    shop.settle().await;
    assert_eq!(shop.app.db_value("SELECT sum(amount) FROM payments WHERE status = 'succeeded'").await, 5800);
    assert_eq!(shop.app.db_value("SELECT count(*) FROM webhook_deliveries WHERE status NOT IN ('completed', 'ignored', 'stale')").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_declined_resumes_nothing_and_a_bank_that_asks_is_answered_first() {
    let mut shop = Shop::open().await;
    let id = paused(&mut shop).await;
    store_card(&shop, &id, "declined_later");
    let still = shop.changed("resumeSubscription", json!({})).await;
    assert_eq!(still["status"], "PAUSED");
    shop.settle().await;
    let shown = shop.subscription().await;
    assert_eq!((&shown["status"], &shown["needsAttention"]), (&json!("PAUSED"), &json!("The last payment failed: check your card.")));
    assert_eq!(entitled(&shop).await.0, "free");

    store_card(&shop, &id, "confirm_always");
    shop.changed("resumeSubscription", json!({})).await;
    shop.settle().await;
    let shown = shop.subscription().await;
    assert_eq!((&shown["status"], &shown["needsAttention"]), (&json!("PAUSED"), &json!("Your bank asks you to confirm a payment.")));
    assert_eq!(entitled(&shop).await.0, "free");
    let intent = shop.sandbox.world(|world| {
        let waiting = world.all("payment_intent").find(|intent| intent["status"] == "requires_action");
        waiting.unwrap()["id"].as_str().unwrap().to_owned()
    });
    shop.sandbox.act(Action::ConfirmPayment { payment_intent: intent, success: true }).unwrap();
    shop.settle().await;
    let shown = shop.subscription().await;
    assert_eq!((&shown["status"], &shown["needsAttention"]), (&json!("ACTIVE"), &Value::Null), "the first try owes nothing any more");
    assert_eq!(entitled(&shop).await.0, "pro");
    assert_eq!(shop.app.db_value("SELECT sum(amount) FROM payments WHERE status = 'succeeded'").await, 2900);
}

/// The bill for going on can be paid as long as it is open, also when there is nothing left to go on with.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_pay_for_what_was_resumed_and_then_ended() {
    let mut shop = Shop::open().await;
    let id = paused(&mut shop).await;
    store_card(&shop, &id, "confirm_always");
    shop.changed("resumeSubscription", json!({})).await;
    shop.settle().await;
    let invoice = latest_invoice(&shop, &id);
    assert_eq!(invoice["status"], "open", "and the owner has a mail with a link to it");
    assert_eq!(shop.changed("cancelSubscription", json!({})).await["status"], "CANCELED");
    let invoice = invoice["id"].as_str().unwrap().to_owned();
    assert_eq!(shop.sandbox.object(&invoice)["status"], "void");
    assert!(shop.sandbox.act(Action::PayInvoice { invoice, card: "works".into() }).is_err());
    shop.settle().await;
    assert_eq!(shop.app.db_value("SELECT count(*) FROM payments WHERE status = 'succeeded' AND amount > 0").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_debit_resumes_is_ended_when_the_bank_has_answered_and_not_before() {
    for success in [true, false] {
        let mut shop = Shop::open().await;
        let id = paused(&mut shop).await;
        store_card(&shop, &id, "delayed");
        assert_eq!(shop.changed("resumeSubscription", json!({})).await["status"], "PAUSED");
        shop.settle().await;
        let end = || json!({ "idempotencyKey": "end" });
        for _ in 0..2 {
            let refused = shop.change("cancelSubscription", end()).await;
            assert_eq!(refused.refusals("cancelSubscription"), ["WRONG_STATE"], "{}", refused.text());
            let message = "Its payment is on the way: wait until the bank has answered.";
            assert_eq!(refused.data("cancelSubscription.userErrors.0.message"), message);
        }
        bank_answers(&shop, &id, success);
        shop.settle().await;
        assert_eq!(shop.subscription().await["status"], if success { "ACTIVE" } else { "PAUSED" });
        let ended = shop.changed("cancelSubscription", end()).await;
        assert_eq!((&ended["status"], ended["cancelAt"].is_string()), (&json!(if success { "ACTIVE" } else { "CANCELED" }), success));
        assert_eq!(latest_invoice(&shop, &id)["status"], if success { "paid" } else { "void" });
        shop.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_resumes_again_what_a_debit_is_about_to_pay() {
    for heard in [true, false] {
        let mut shop = Shop::open().await;
        let id = paused(&mut shop).await;
        store_card(&shop, &id, "delayed");
        let keyed = || json!({ "idempotencyKey": "k" });
        if !heard {
            shop.sandbox.plan_fault(Fault::ResetAfter, &format!("/v1/subscriptions/{id}/resume"), 3);
            assert_eq!(shop.change("resumeSubscription", keyed()).await.refusals("resumeSubscription"), ["STRIPE_UNAVAILABLE"]);
        }
        assert_eq!(shop.changed("resumeSubscription", keyed()).await["status"], "PAUSED");
        shop.settle().await;
        let invoice = latest_invoice(&shop, &id)["id"].clone();
        for _ in 0..2 {
            let again = shop.change("resumeSubscription", json!({ "idempotencyKey": "again" })).await;
            assert_eq!(again.refusals("resumeSubscription"), ["WRONG_STATE"], "{}", again.text());
        }
        let open = latest_invoice(&shop, &id);
        assert_eq!((&open["id"], &open["status"]), (&invoice, &json!("open")));
        bank_answers(&shop, &id, true);
        shop.settle().await;
        let shown = shop.subscription().await;
        assert_eq!((&shown["status"], &shown["needsAttention"]), (&json!("ACTIVE"), &Value::Null));
        assert_eq!(shop.app.db_value("SELECT sum(amount) FROM payments WHERE status = 'succeeded'").await, 2900, "once");
    }
}

/// Its answer was lost, it was done, and others have asked for the opposite since.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_repeated_after_a_pause_does_nothing_else() {
    let mut shop = Shop::open().await;
    let id = on_trial(&shop).await;
    shop.sandbox.plan_fault(Fault::ResetAfter, &format!("POST /v1/subscriptions/{id}"), 3);
    let end = || json!({ "idempotencyKey": "end" });
    assert_eq!(shop.change("cancelSubscription", end()).await.refusals("cancelSubscription"), ["STRIPE_UNAVAILABLE"]);
    shop.settle().await;
    assert_eq!(shop.changed("resumeSubscription", json!({})).await["cancelAt"], Value::Null);
    pause(&mut shop, &id).await;
    store_card(&shop, &id, "confirm_always");
    shop.changed("resumeSubscription", json!({})).await;
    assert_eq!(shop.change("cancelSubscription", end()).await.refusals("cancelSubscription"), ["WRONG_STATE"]);
    assert_eq!(shop.sandbox.object(&id)["status"], "paused", "it was to end with its period, and not at once");
    assert_eq!(latest_invoice(&shop, &id)["status"], "open", "and can be confirmed");

    store_card(&shop, &id, "works");
    shop.sandbox.plan_fault(Fault::ResetAfter, &format!("/v1/subscriptions/{id}/resume"), 3);
    let resume = || json!({ "idempotencyKey": "on" });
    assert_eq!(shop.change("resumeSubscription", resume()).await.refusals("resumeSubscription"), ["STRIPE_UNAVAILABLE"]);
    shop.settle().await;
    assert!(shop.changed("cancelSubscription", json!({})).await["cancelAt"].is_string());
    assert_eq!(shop.change("resumeSubscription", resume()).await.refusals("resumeSubscription"), ["WRONG_STATE"]);
    assert!(shop.sandbox.object(&id)["cancel_at"].is_number(), "it was to go on after a pause, and not to be kept");
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_want_to_go_on_ends_it_at_once_and_can_buy_anew() {
    let mut shop = Shop::open().await;
    let id = paused(&mut shop).await;
    let ended = shop.changed("cancelSubscription", json!({})).await;
    assert_eq!(ended["status"], "CANCELED", "there is no paid period that could run to its end");
    shop.settle().await;
    assert_eq!(shop.sandbox.object(&id)["status"], "canceled");
    assert_eq!(shop.change("resumeSubscription", json!({})).await.refusals("resumeSubscription"), ["NOT_SUBSCRIBED"]);
    let page = shop.start(json!({ "planKey": "starter" })).await;
    assert_eq!(shop.sandbox.object(&page)["amount_total"], 1200, "its trial is over");
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lost_the_answer_to_that_repeats_the_key_and_hears_that_it_has_ended() {
    for heard in [false, true] {
        let mut shop = Shop::open().await;
        let id = paused(&mut shop).await;
        let keyed = || json!({ "idempotencyKey": "k" });
        shop.sandbox.plan_fault(Fault::ResetAfter, &format!("DELETE /v1/subscriptions/{id}"), 3);
        assert_eq!(shop.change("cancelSubscription", keyed()).await.refusals("cancelSubscription"), ["STRIPE_UNAVAILABLE"]);
        if heard {
            shop.settle().await;
        }
        assert_eq!(shop.changed("cancelSubscription", keyed()).await["status"], "CANCELED");
        shop.settle().await;
    }
}

/// Whoever began before Stripe's flexible billing: there, only somebody who pays the invoice goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_classic_billing_goes_on_when_its_invoice_is_paid() {
    let mut shop = Shop::open().await;
    let id = paused(&mut shop).await;
    shop.sandbox.world(|world| world.edit(&id, json!({ "billing_mode": { "type": "classic" } })));
    store_card(&shop, &id, "works");
    assert_eq!(shop.changed("resumeSubscription", json!({})).await["status"], "PAUSED");
    shop.settle().await;
    assert_eq!(entitled(&shop).await.0, "free", "nothing is paid yet");
    let invoice = shop.sandbox.object(&id)["latest_invoice"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::PayInvoice { invoice, card: String::new() }).unwrap();
    shop.settle().await;
    assert_eq!(shop.subscription().await["status"], "ACTIVE");
    assert_eq!(entitled(&shop).await.0, "pro");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_has_resumed_or_ended_a_moment_ago_is_shown_as_it_is() {
    for ended in [false, true] {
        let mut shop = Shop::open().await;
        let id = paused(&mut shop).await;
        store_card(&shop, &id, "works");
        shop.settle().await;
        // Half a second passes between the reading and the resuming.
        shop.sandbox.plan_fault(Fault::Slow, &format!("/v1/subscriptions/{id}/resume"), 1);
        let requests = shop.sandbox.requests("GET", "/v1/subscriptions");
        let (answer, ()) = tokio::join!(shop.change("resumeSubscription", json!({})), async {
            while shop.sandbox.requests("GET", "/v1/subscriptions") == requests {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            let subscription = id.clone();
            shop.sandbox.act(if ended { Action::Cancel { subscription } } else { Action::Resume { subscription } }).unwrap();
        });
        let (refusals, status) = if ended { (vec!["NOT_SUBSCRIBED".to_owned()], "CANCELED") } else { (vec![], "ACTIVE") };
        assert_eq!(answer.refusals("resumeSubscription"), refusals, "{}", answer.text());
        assert_eq!(shop.subscription().await["status"], status, "before any event has come");
        shop.settle().await;
        assert_eq!(shop.app.db_value("SELECT count(*) FROM payments WHERE amount > 0").await, i32::from(!ended));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lost_the_answer_repeats_the_key_and_hears_that_it_goes_on() {
    for heard in [false, true] {
        let mut shop = Shop::open().await;
        let id = paused(&mut shop).await;
        store_card(&shop, &id, "works");
        shop.settle().await;
        shop.sandbox.plan_fault(Fault::ResetAfter, &format!("/v1/subscriptions/{id}/resume"), 3);
        let keyed = || json!({ "idempotencyKey": "k" });
        assert_eq!(shop.change("resumeSubscription", keyed()).await.refusals("resumeSubscription"), ["STRIPE_UNAVAILABLE"]);
        assert_eq!(shop.sandbox.object(&id)["status"], "active", "and the money is taken");
        if heard {
            shop.settle().await;
        }
        for _ in 0..2 {
            assert_eq!(shop.changed("resumeSubscription", keyed()).await["status"], "ACTIVE");
        }
        assert_eq!(shop.app.db_value("SELECT count(*) FROM subscription_changes WHERE finished_at IS NULL").await, 0);
        // Another key asks for something else, and is told the same each time.
        for _ in 0..2 {
            let other = shop.change("resumeSubscription", json!({ "idempotencyKey": "other" })).await;
            assert_eq!(other.refusals("resumeSubscription"), ["WRONG_STATE"]);
        }
        shop.settle().await;
        assert_eq!(shop.app.db_value("SELECT sum(amount) FROM payments WHERE status = 'succeeded'").await, 2900, "once");
    }
}

/// Whichever of the two events tells it, and whatever their order.
#[tokio::test(flavor = "multi_thread")]
async fn the_events_about_a_pause_tell_it_in_any_order() {
    for order in [&["customer.subscription.updated", "customer.subscription.paused"][..], &["customer.subscription.paused"]] {
        for reversed in [false, true] {
            let (app, owner, story) = stripe::app().await;
            let status = async || {
                let answer = owner.ok("{ viewer { account { subscription { status } entitlements { plan { key } } } } }", json!({})).await;
                let account = answer.data("viewer.account");
                (account["subscription"]["status"].clone(), account["entitlements"]["plan"]["key"].clone())
            };
            let tell = async |at: i64, kinds: Vec<&str>, state: &str, before: &str| {
                for kind in kinds {
                    let told = story.event(kind, at, story.state(state, 0, &[]));
                    let previous = [("/data/previous_attributes", json!({ "status": before }))];
                    let told = if kind.ends_with("updated") { with(told, &previous) } else { told };
                    assert_eq!(app.deliver(&told).await.status, 200);
                }
            };
            let kinds = |pause: bool| {
                let mut kinds: Vec<&str> = order.to_vec();
                if !pause {
                    kinds =
                        kinds.iter().map(|kind| if kind.ends_with("paused") { "customer.subscription.resumed" } else { kind }).collect();
                }
                if reversed {
                    kinds.reverse();
                }
                kinds
            };
            app.db_execute("DELETE FROM subscriptions").await;
            app.expect(&story.event("customer.subscription.created", 0, story.state("trialing", 0, &[])), "completed").await;
            assert_eq!(status().await, (json!("TRIALING"), json!("pro")));
            tell(100, kinds(true), "paused", "trialing").await;
            assert_eq!(status().await, (json!("PAUSED"), json!("free")), "{order:?}, {reversed}");
            tell(200, kinds(false), "active", "paused").await;
            assert_eq!(status().await, (json!("ACTIVE"), json!("pro")), "{order:?}, {reversed}");
            // Late, and of before.
            let late = story.event("customer.subscription.paused", 100, story.state("paused", 0, &[]));
            app.expect(&late, "stale").await;
            assert_eq!(status().await, (json!("ACTIVE"), json!("pro")));
            app.leave_jobs();
        }
    }
}
