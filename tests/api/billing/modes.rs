//! What belongs to the other mode, and what does not say to which mode or to whom it belongs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::stripe::{self, Story, object, with};

/// One event of each kind that writes something.
fn told(story: &Story) -> Vec<Value> {
    let customer = with(object("customer.updated"), &[("/id", json!(story.customer))]);
    vec![
        story.event("customer.subscription.created", 0, story.state("active", 0, &[])),
        story.event("invoice.paid", 1, story.invoice("paid", 0, &[])),
        story.event("charge.succeeded", 1, story.charge(0, &[])),
        story.event("customer.updated", 2, customer),
        story.event("price.updated", 3, with(object("price.created"), &[("/id", json!(stripe::PRO)), ("/unit_amount", json!(1))])),
        story.event("customer.deleted", 4, json!({ "id": story.customer, "object": "customer" })),
    ]
}

/// Everywhere in it, also within what it contains.
fn in_mode(mut event: Value, live: Option<bool>) -> Value {
    match &mut event {
        Value::Object(fields) => {
            match live {
                Some(live) if fields.contains_key("livemode") => drop(fields.insert("livemode".to_owned(), json!(live))),
                Some(_) => {}
                None => drop(fields.shift_remove("livemode")),
            }
            for value in fields.values_mut() {
                *value = in_mode(value.take(), live);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = in_mode(item.take(), live)),
        _ => {}
    }
    event
}

async fn counted(app: &TestApp) -> Value {
    let query = "SELECT (SELECT count(*) FROM subscriptions WHERE provider = 'stripe') + (SELECT count(*) FROM payments) \
         + (SELECT count(*) FROM payment_links) + (SELECT count(*) FROM alerts) + (SELECT count(*) FROM customers WHERE deleted_at IS NOT NULL)";
    app.db_value(query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_the_other_mode_changes_nothing_whatever_the_key_is() {
    for (key, live) in [("sk_live_1", true), ("rk_live_1", true), ("sk_test_1", false), ("rk_test_1", false)] {
        let (app, _owner, story) = stripe::app_with(&[("STRIPE_SECRET_KEY", key)]).await;
        for event in told(&story) {
            let reason = app.expect(&in_mode(event, Some(!live)), "ignored").await;
            assert!(reason.contains("the other mode"), "{key}: {reason}");
        }
        assert_eq!(counted(&app).await, 0, "{key}");
        let log = app.db_rows("SELECT DISTINCT status, livemode FROM webhook_deliveries").await;
        assert_eq!(log, json!([{ "status": "ignored", "livemode": !live }]));
        assert_eq!(app.db_rows("SELECT DISTINCT decision FROM stripe_events").await, json!([{ "decision": "ignored" }]));

        let events = told(&story);
        for event in &events {
            app.expect(&in_mode(event.clone(), Some(live)), "completed").await;
        }
        assert_ne!(counted(&app).await, 0, "{key}");
        app.run_jobs().await;
    }
}

/// Without a key, as with the sandbox, the money is not real.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_only_what_is_a_test_counts() {
    let (app, _owner, story) = stripe::app().await;
    let event = story.event("customer.subscription.created", 0, story.state("active", 0, &[]));
    app.expect(&in_mode(event, Some(true)), "ignored").await;
    let event = story.event("customer.subscription.created", 0, story.state("active", 0, &[]));
    app.expect(&in_mode(event, Some(false)), "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_neither_its_mode_nor_its_customer_is_found_by_its_subscription() {
    for key in ["sk_live_1", "sk_test_1"] {
        let (app, _owner, story) = stripe::app_with(&[("STRIPE_SECRET_KEY", key)]).await;
        let live = key == "sk_live_1";
        let created = story.event("customer.subscription.created", 0, story.state("active", 0, &[]));
        app.expect(&in_mode(created, Some(live)), "completed").await;
        let seats = ("/items/data/0/quantity", json!(7));
        let nameless = [("/customer", Value::Null), ("/customer_email", Value::Null), ("/metadata", json!({}))];
        let session = [
            ("/id", json!("cs_elsewhere")),
            ("/customer", Value::Null),
            ("/client_reference_id", Value::Null),
            ("/customer_details/email", Value::Null),
            ("/metadata", json!({})),
            ("/subscription", json!(story.subscription)),
        ];
        let bare = |event: Value| in_mode(event, None);
        let state = story.state("active", 0, &[seats, ("/customer", Value::Null), ("/metadata", json!({}))]);
        for event in [
            story.event("customer.subscription.updated", 10, state),
            story.event("invoice.paid", 10, story.invoice("paid", 0, &nameless)),
            story.event("checkout.session.completed", 10, with(object("checkout.session.completed"), &session)),
        ] {
            let event = bare(event);
            assert!(!event.to_string().contains("livemode"), "{event}");
            app.expect(&event, "completed").await;
        }
        let row = "SELECT s.seats, s.provider_customer_id AS customer, p.status FROM subscriptions s \
             JOIN payments p USING (provider_subscription_id)";
        assert_eq!(app.db_rows(row).await, json!([{ "seats": 7, "customer": story.customer, "status": "succeeded" }]));
        let log = app.db_rows("SELECT DISTINCT livemode, account_id IS NOT NULL AS placed FROM webhook_deliveries").await;
        assert_eq!(log, json!([{ "livemode": live, "placed": true }]), "taken for this server's mode");

        let nobody = Story::new("nobody");
        let unknown = bare(nobody.event("invoice.paid", 1, nobody.invoice("paid", 0, &nameless)));
        let reason = app.expect(&unknown, "parked").await;
        assert!(reason.contains(&nobody.subscription), "{reason}");
        app.run_jobs().await;
    }
}

/// What names no customer takes its customer's turn all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_names_its_subscription_alone_waits_for_its_customers_turn() {
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    let nameless = [("/customer", Value::Null), ("/customer_email", Value::Null)];
    let session = with(object("checkout.session.completed"), &[("/customer", Value::Null), ("/subscription", json!(story.subscription))]);
    for event in [
        story.event("invoice.payment_failed", 5, story.invoice("open", 1, &nameless)),
        story.event("customer.subscription.updated", 5, story.state("past_due", 1, &[("/customer", Value::Null)])),
        story.event("checkout.session.completed", 5, session),
    ] {
        let lock = format!("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('stripe:{}', 0))", story.customer);
        app.db_execute(&lock).await;
        let waits = async {
            let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            let mut seen = false;
            for _ in 0..200 {
                seen = app.db_value(waiting).await != 0;
                if seen {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            app.db_execute("COMMIT").await;
            seen
        };
        let (answer, waited) = tokio::join!(app.deliver(&event), waits);
        assert_eq!((answer.status.as_u16(), waited), (200, true), "{}", event["type"]);
    }
    app.run_jobs().await;
}
