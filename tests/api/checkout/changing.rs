//! `changePlan`, `previewPlanChange` and `changeSeats`.

use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::shop::Shop;

const STARTER: &str = "starter";

fn of_stripe(shop: &Shop, id: &str) -> (i64, i64) {
    let object = shop.sandbox.object(id);
    let item = &object["items"]["data"][0];
    (item["price"]["unit_amount"].as_i64().unwrap(), item["quantity"].as_i64().unwrap())
}

async fn preview(shop: &Shop, input: Value) -> Value {
    let query = "mutation($input: PreviewPlanChangeInput!) { previewPlanChange(input: $input) {
        preview { dueNow { amount currency } nextInvoice { amount } nextInvoiceAt } userErrors { code message } } }";
    let answer = shop.owner.ok(query, json!({ "input": input })).await;
    assert_eq!(answer.refusals("previewPlanChange"), Vec::<String>::new(), "{}", answer.text());
    answer.data("previewPlanChange.preview")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_paid_and_had_at_once_for_what_the_preview_said() {
    let mut shop = Shop::open().await;
    let id = shop.subscribe(json!({ "planKey": STARTER })).await;
    shop.pass(chrono::TimeDelta::days(10)).await;
    let told = preview(&shop, json!({ "planKey": "pro" })).await;
    let due = told["dueNow"]["amount"].as_i64().unwrap();
    assert!((1000..1700).contains(&due), "two thirds of the difference: {told}");
    assert_eq!((&told["dueNow"]["currency"], &told["nextInvoice"]["amount"]), (&json!("USD"), &json!(2900)));
    assert_eq!(of_stripe(&shop, &id), (1200, 1), "looking changes nothing");
    let changed = shop.changed("changePlan", json!({ "planKey": "pro" })).await;
    assert_eq!((&changed["plan"]["key"], &changed["status"]), (&json!("pro"), &json!("ACTIVE")));
    shop.settle().await;
    assert_eq!(of_stripe(&shop, &id), (2900, 1));
    let paid = shop.app.db_rows("SELECT amount, description FROM payments WHERE billing_reason = 'subscription_update'").await;
    assert_eq!(
        paid,
        json!([{ "amount": due, "description": "Remaining time on Pro after 11 Jan 2026" }]),
        "not what was given back for it"
    );
    assert_eq!(shop.count("subscription"), 1, "no second one beside it");
}

/// Rule 9.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_is_not_paid_grants_nothing() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "planKey": STARTER })).await;
    let customer = shop.sandbox.object(&id)["customer"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::CardsBehave { customer: customer.clone(), card: "declined".into() }).unwrap();
    let changed = shop.changed("changePlan", json!({ "planKey": "pro" })).await;
    assert_eq!((&changed["plan"]["key"], &changed["pendingPlan"]["key"]), (&json!(STARTER), &json!("pro")));
    shop.settle().await;
    assert_eq!(shop.subscription().await["plan"]["key"], STARTER);
    assert!(shop.subscription().await["needsAttention"].is_string());
    let invoice = shop.sandbox.object(&id)["latest_invoice"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::PayInvoice { invoice, card: "works".into() }).unwrap();
    shop.settle().await;
    let paid = shop.subscription().await;
    assert_eq!((&paid["plan"]["key"], &paid["pendingPlan"]), (&json!("pro"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_waits_for_the_period_s_end() {
    let mut shop = Shop::open().await;
    let id = shop.subscribe(json!({ "seats": 2 })).await;
    let told = preview(&shop, json!({ "planKey": STARTER })).await;
    assert_eq!((&told["dueNow"]["amount"], &told["nextInvoice"]["amount"]), (&json!(0), &json!(2400)));
    let changed = shop.changed("changePlan", json!({ "planKey": STARTER })).await;
    assert_eq!((&changed["plan"]["key"], &changed["pendingPlan"]["key"]), (&json!("pro"), &json!(STARTER)));
    shop.settle().await;
    assert_eq!(shop.subscription().await["pendingPlan"]["key"], STARTER, "whatever the webhooks tell");
    assert_eq!(of_stripe(&shop, &id), (2900, 2));
    shop.pass(chrono::TimeDelta::days(32)).await;
    shop.settle().await;
    let now = shop.subscription().await;
    assert_eq!((&now["plan"]["key"], &now["pendingPlan"], &now["seats"]), (&json!(STARTER), &Value::Null, &json!(2)));
    assert_eq!(of_stripe(&shop, &id), (1200, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_can_be_taken_back_and_an_upgrade_replaces_it() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    shop.changed("changePlan", json!({ "planKey": STARTER })).await;
    shop.settle().await;
    let back = shop.changed("changePlan", json!({ "planKey": "pro" })).await;
    assert_eq!((&back["plan"]["key"], &back["pendingPlan"]), (&json!("pro"), &Value::Null));
    shop.settle().await;
    shop.changed("changePlan", json!({ "planKey": STARTER })).await;
    shop.settle().await;
    let up = shop.changed("changePlan", json!({ "planKey": "enterprise" })).await;
    assert_eq!((&up["plan"]["key"], &up["pendingPlan"]), (&json!("enterprise"), &Value::Null));
    shop.settle().await;
    assert_eq!(of_stripe(&shop, &id), (5900, 1));
    assert_eq!(shop.sandbox.object(&id)["schedule"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_month_to_the_year_is_at_once_and_back_is_not() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    let told = preview(&shop, json!({ "planKey": "pro", "interval": "YEAR" })).await;
    assert_eq!(told["dueNow"]["amount"], 29000 - 2900, "the month's rest is credited: {told}");
    let yearly = shop.changed("changePlan", json!({ "planKey": "pro", "interval": "YEAR" })).await;
    assert_eq!(yearly["interval"], "YEAR");
    shop.settle().await;
    assert_eq!(of_stripe(&shop, &id), (29000, 1));
    let back = shop.changed("changePlan", json!({ "planKey": "pro", "interval": "MONTH" })).await;
    assert_eq!((&back["interval"], &back["pendingPlan"]["key"]), (&json!("YEAR"), &json!("pro")));
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_seats_are_had_at_once_and_fewer_later() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "seats": 2 })).await;
    let more = shop.changed("changeSeats", json!({ "seats": 5 })).await;
    assert_eq!(more["seats"], 5);
    let fewer = shop.changed("changeSeats", json!({ "seats": 3 })).await;
    assert_eq!((&fewer["seats"], &fewer["pendingPlan"]["key"]), (&json!(5), &json!("pro")));
    shop.settle().await;
    assert_eq!(of_stripe(&shop, &id), (2900, 5));
    assert_eq!(shop.change("changeSeats", json!({ "seats": 51 })).await.refusals("changeSeats"), ["PLAN_LIMIT"]);
    assert_eq!(shop.change("changeSeats", json!({ "seats": 0 })).await.refusals("changeSeats"), ["INVALID"]);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_means_one_change_and_a_lost_answer_is_asked_for_again() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "seats": 2 })).await;
    shop.sandbox.plan_fault(Fault::ResetAfter, "/v1/subscriptions", 1);
    shop.changed("changeSeats", json!({ "seats": 4, "idempotencyKey": "k" })).await;
    let requests = shop.sandbox.requests("POST", "/v1/subscriptions");
    shop.changed("changeSeats", json!({ "seats": 4, "idempotencyKey": "k" })).await;
    assert_eq!(shop.sandbox.requests("POST", "/v1/subscriptions"), requests, "it was done before");
    assert_eq!(shop.change("changeSeats", json!({ "seats": 6, "idempotencyKey": "k" })).await.refusals("changeSeats"), ["INVALID"]);
    shop.settle().await;
    assert_eq!(of_stripe(&shop, &id), (2900, 4));
    assert_eq!(shop.app.db_value("SELECT count(*) FROM payments").await, 2, "the seats were paid once");
}

/// The last answer is lost: all is done at Stripe, and nobody here knows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_that_is_asked_for_again_with_its_key_is_not_undone() {
    let mut shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    let subscription = format!("/v1/subscriptions/{id}");
    // The first two readings succeed, the one at the end does not.
    shop.sandbox.plan_fault(Fault::Slow, &subscription, 2);
    shop.sandbox.plan_fault(Fault::ServerError, &subscription, 3);
    let input = json!({ "planKey": STARTER, "idempotencyKey": "down" });
    assert_eq!(shop.change("changePlan", input.clone()).await.refusals("changePlan"), ["STRIPE_UNAVAILABLE"]);
    let schedule = shop.sandbox.object(&id)["schedule"].clone();
    assert!(schedule.is_string(), "{schedule}");
    assert_eq!(shop.changed("changePlan", input).await["pendingPlan"]["key"], STARTER);
    assert_eq!(shop.sandbox.object(&id)["schedule"], schedule, "it is the same one");
    shop.settle().await;
    assert_eq!(shop.subscription().await["pendingPlan"]["key"], STARTER);
    shop.pass(chrono::TimeDelta::days(32)).await;
    shop.settle().await;
    assert_eq!(shop.subscription().await["plan"]["key"], STARTER);
    assert_eq!(of_stripe(&shop, &id), (1200, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_downgrade_replaces_the_one_that_waits() {
    let mut shop = Shop::open().await;
    let id = shop.subscribe(json!({ "planKey": "enterprise", "seats": 3 })).await;
    shop.changed("changePlan", json!({ "planKey": STARTER })).await;
    shop.settle().await;
    let other = shop.changed("changePlan", json!({ "planKey": "pro", "seats": 2 })).await;
    assert_eq!((&other["plan"]["key"], &other["pendingPlan"]["key"]), (&json!("enterprise"), &json!("pro")));
    shop.pass(chrono::TimeDelta::days(32)).await;
    shop.settle().await;
    let now = shop.subscription().await;
    assert_eq!((&now["plan"]["key"], &now["pendingPlan"], &now["seats"]), (&json!("pro"), &Value::Null, &json!(2)));
    assert_eq!(of_stripe(&shop, &id), (2900, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_what_stripe_will_do_also_when_an_older_change_is_repeated() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "planKey": "enterprise" })).await;
    let subscription = format!("/v1/subscriptions/{id}");
    shop.sandbox.plan_fault(Fault::Slow, &subscription, 2);
    shop.sandbox.plan_fault(Fault::ServerError, &subscription, 3);
    let first = json!({ "planKey": STARTER, "idempotencyKey": "first" });
    assert_eq!(shop.change("changePlan", first.clone()).await.refusals("changePlan"), ["STRIPE_UNAVAILABLE"]);
    let waits = |changed: Value| {
        let schedule = shop.sandbox.object(shop.sandbox.object(&id)["schedule"].as_str().unwrap());
        let price = shop.sandbox.object(schedule["phases"][1]["items"][0]["price"].as_str().unwrap());
        (changed["pendingPlan"]["key"].clone(), price["unit_amount"].clone())
    };
    assert_eq!(waits(shop.changed("changePlan", json!({ "planKey": "pro" })).await), (json!("pro"), json!(2900)));
    shop.settle().await;
    assert_eq!(waits(shop.changed("changePlan", first).await), (json!(STARTER), json!(1200)));
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_seats_do_not_undo_a_downgrade_that_waits() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "seats": 2 })).await;
    shop.changed("changePlan", json!({ "planKey": STARTER })).await;
    let refused = shop.change("changeSeats", json!({ "seats": 3 })).await;
    assert_eq!(refused.refusals("changeSeats"), ["WRONG_STATE"]);
    let message = refused.str("changeSeats.userErrors.0.message");
    assert!(message.contains("Starter by the month"), "{message}");
    assert_eq!(shop.subscription().await["pendingPlan"]["key"], STARTER);
    // Both at once are no riddle.
    let both = shop.changed("changePlan", json!({ "planKey": STARTER, "seats": 1 })).await;
    assert_eq!((&both["seats"], &both["pendingPlan"]["key"]), (&json!(2), &json!(STARTER)));
    shop.settle().await;
    shop.changed("changePlan", json!({ "planKey": "pro" })).await;
    assert_eq!(shop.changed("changeSeats", json!({ "seats": 3 })).await["seats"], 3);
    shop.settle().await;
    assert_eq!(of_stripe(&shop, &id), (2900, 3));
}

/// An event writes the whole row as it has read it.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_at_the_same_time_does_not_forget_a_downgrade() {
    let shop = Shop::open().await;
    shop.subscribe(json!({})).await;
    let customer = "SELECT provider_customer_id FROM subscriptions WHERE provider = 'stripe'";
    let customer = shop.app.db_value(customer).await.as_str().unwrap().to_owned();
    let lock = format!("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('stripe:{customer}', 0))");
    shop.app.db_execute(&lock).await;
    let event = async {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while shop.app.db_value(waiting).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        shop.app.db_execute("UPDATE subscriptions SET pending_plan_id = NULL, pending_interval = NULL, pending_seats = NULL; COMMIT").await;
    };
    let (changed, ()) = tokio::join!(shop.changed("changePlan", json!({ "planKey": STARTER })), event);
    assert_eq!(changed["pendingPlan"]["key"], STARTER);
    shop.settle().await;
    assert_eq!(shop.subscription().await["pendingPlan"]["key"], STARTER);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_subscription_there_is_nothing_to_change() {
    let shop = Shop::open().await;
    for (mutation, input) in [
        ("changePlan", json!({ "planKey": "pro" })),
        ("changeSeats", json!({ "seats": 2 })),
        ("cancelSubscription", json!({})),
        ("resumeSubscription", json!({})),
    ] {
        let answer = match mutation {
            "resumeSubscription" => {
                let query = "mutation { resumeSubscription { userErrors { code } } }";
                shop.owner.ok(query, json!({})).await
            }
            _ => shop.change(mutation, input).await,
        };
        assert_eq!(answer.refusals(mutation), ["NOT_SUBSCRIBED"], "{mutation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn during_a_trial_every_change_is_free_and_at_once() {
    let shop = Shop::open().await;
    shop.app.db_execute("DELETE FROM trial_grants").await;
    let session = shop.start(json!({})).await;
    shop.pay(&session, "works");
    shop.settle().await;
    let down = shop.changed("changePlan", json!({ "planKey": STARTER })).await;
    assert_eq!((&down["plan"]["key"], &down["status"]), (&json!(STARTER), &json!("TRIALING")));
    shop.settle().await;
    assert_eq!(shop.app.db_value("SELECT coalesce(sum(amount), 0) FROM payments").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_is_never_paid_is_taken_back_after_a_day() {
    let mut shop = Shop::open().await;
    let id = shop.subscribe(json!({ "planKey": STARTER })).await;
    let customer = shop.sandbox.object(&id)["customer"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::CardsBehave { customer, card: "declined".into() }).unwrap();
    let changed = shop.changed("changePlan", json!({ "planKey": "pro", "seats": 3 })).await;
    assert_eq!((&changed["plan"]["key"], &changed["pendingPlan"]["key"], &changed["seats"]), (&json!(STARTER), &json!("pro"), &json!(1)));
    shop.settle().await;
    shop.pass(chrono::TimeDelta::hours(24)).await;
    shop.settle().await;
    let now = shop.subscription().await;
    assert_eq!((&now["plan"]["key"], &now["pendingPlan"], &now["status"]), (&json!(STARTER), &Value::Null, &json!("ACTIVE")));
    assert_eq!(now["needsAttention"], Value::Null, "the invoice for it is void");
    assert_eq!(of_stripe(&shop, &id), (1200, 1));
    let paid = "SELECT coalesce(sum(amount), 0) FROM payments WHERE status = 'succeeded'";
    assert_eq!(shop.app.db_value(paid).await, 1200, "nothing was charged for what was not had");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_whose_confirmation_fails_changes_nothing() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "planKey": STARTER })).await;
    let customer = shop.sandbox.object(&id)["customer"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::CardsBehave { customer, card: "confirm_always".into() }).unwrap();
    let changed = shop.changed("changePlan", json!({ "planKey": "pro" })).await;
    assert_eq!((&changed["plan"]["key"], &changed["pendingPlan"]["key"]), (&json!(STARTER), &json!("pro")));
    shop.settle().await;
    let intent = shop.sandbox.world(|world| {
        let waiting = world.all("payment_intent").find(|intent| intent["status"] == "requires_action");
        waiting.unwrap()["id"].as_str().unwrap().to_owned()
    });
    shop.sandbox.act(Action::ConfirmPayment { payment_intent: intent, success: false }).unwrap();
    shop.settle().await;
    assert_eq!(shop.subscription().await["plan"]["key"], STARTER);
    assert_eq!(of_stripe(&shop, &id), (1200, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_stripe_did_not_answer_goes_on_with_its_key() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "planKey": STARTER })).await;
    shop.sandbox.plan_fault(Fault::ServerError, "/v1/subscriptions", 3);
    let input = json!({ "planKey": "pro", "idempotencyKey": "up" });
    let failed = shop.change("changePlan", input.clone()).await;
    assert_eq!(failed.refusals("changePlan"), ["STRIPE_UNAVAILABLE"]);
    assert_eq!(shop.app.db_value("SELECT count(*) FROM subscription_changes WHERE finished_at IS NULL").await, 1);
    assert_eq!(shop.changed("changePlan", input.clone()).await["plan"]["key"], "pro");
    assert_eq!(shop.changed("changePlan", input).await["plan"]["key"], "pro");
    shop.settle().await;
    assert_eq!(of_stripe(&shop, &id), (2900, 1));
    assert_eq!(shop.app.db_rows("SELECT finished_at IS NULL AS open FROM subscription_changes").await, json!([{ "open": false }]));
    assert_eq!(shop.app.db_value("SELECT count(*) FROM payments WHERE billing_reason = 'subscription_update'").await, 1);
}
