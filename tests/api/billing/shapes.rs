//! Rule 10: the same thing told in the shapes of six API versions leaves the same rows.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::stripe::{self, Story, with};

const VERSIONS: [&str; 6] =
    ["2020-08-27", "2024-12-18.acacia", "2025-03-31.basil", "2025-10-29.clover", "2026-03-25.dahlia", "2026-09-30.endive"];

/// Until 2025-02, periods stood on the subscription, and invoices, charges and subscriptions named each other.
fn is_old(version: &str) -> bool {
    version < "2025-03-31"
}

fn subscription(version: &str, mut object: Value) -> Value {
    let line = object.pointer_mut("/items/data/0").unwrap().as_object_mut().unwrap();
    if is_old(version) {
        let (start, end) = (line.remove("current_period_start").unwrap(), line.remove("current_period_end").unwrap());
        object["current_period_start"] = start;
        object["current_period_end"] = end;
    }
    if version == "2020-08-27" {
        // Whole objects in the place of ids, and none of the fields that came later.
        object["customer"] = json!({ "id": object["customer"], "object": "customer" });
        object["latest_invoice"] = json!({ "id": object["latest_invoice"], "object": "invoice" });
        let fields = object.as_object_mut().unwrap();
        for newer in ["billing_mode", "automatic_tax", "cancellation_details", "trial_settings", "currency"] {
            fields.remove(newer);
        }
    }
    object
}

fn invoice(version: &str, story: &Story, mut object: Value) -> Value {
    if is_old(version) {
        let fields = object.as_object_mut().unwrap();
        fields.remove("parent");
        fields.insert("subscription".into(), json!(story.subscription));
        fields.insert("charge".into(), json!(story.charge_id(0)));
        fields.insert("payment_intent".into(), json!(story.intent_id(0)));
        fields.insert("paid".into(), json!(true));
        let line = object.pointer_mut("/lines/data/0").unwrap().as_object_mut().unwrap();
        line.remove("parent");
        line.insert("proration".into(), json!(false));
    } else {
        object.pointer_mut("/lines/data/0").unwrap().as_object_mut().unwrap().remove("subscription");
    }
    object
}

fn charge(version: &str, story: &Story, object: Value) -> Value {
    if is_old(version) { with(object, &[("/invoice", json!(story.invoice_id(0)))]) } else { object }
}

async fn tell(app: &TestApp, version: &str, name: &str) {
    let story = Story::new(name);
    story.link(app, super::permutations::account(app).await).await;
    let later = [
        ("/cancel_at_period_end", json!(true)),
        ("/items/data/0/quantity", json!(4)),
        ("/pause_collection", json!({ "behavior": "void" })),
    ];
    let events = [
        story.event("customer.subscription.created", 0, subscription(version, story.state("active", 0, &[]))),
        story.event("charge.succeeded", 1, charge(version, &story, story.charge(0, &[]))),
        story.event("invoice.paid", 1, invoice(version, &story, story.invoice("paid", 0, &[]))),
        story.event("invoice_payment.paid", 1, story.invoice_payment(0)),
        story.event("customer.subscription.updated", 9, subscription(version, story.state("active", 0, &later))),
    ];
    for (number, event) in events.into_iter().enumerate() {
        let event = with(event, &[("/api_version", json!(version)), ("/id", json!(format!("evt_{name}_{number}")))]);
        app.expect(&event, "completed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn six_versions_leave_the_same_rows() {
    let (app, _owner, _story) = stripe::app().await;
    let mut left = Vec::new();
    for (number, version) in VERSIONS.into_iter().enumerate() {
        let name = format!("version{number}");
        tell(&app, version, &name).await;
        left.push(super::permutations::left(&app, &name).await);
    }
    for (rows, version) in left.iter().zip(VERSIONS) {
        assert_eq!(rows, &left[5], "{version}");
    }
    assert!(left[5].contains("\"seats\": 4") && left[5].contains("\"amount\": 6000"), "{}", left[5]);
    app.run_jobs().await;
}
