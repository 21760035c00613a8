//! Rule 10: the same thing told in the shapes of six API versions leaves the same rows.

use serde_json::{Value, json};

use super::credits;
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

/// A whole object in the place of its id.
fn expanded(object: &mut Value, field: &str, whole: Value) {
    if object[field].is_string() {
        object[field] = with(whole, &[("/id", object[field].clone())]);
    }
}

fn session(version: &str, mut object: Value) -> Value {
    if version == "2020-08-27" {
        expanded(&mut object, "customer", json!({ "object": "customer" }));
        expanded(&mut object, "payment_intent", json!({ "object": "payment_intent" }));
        let fields = object.as_object_mut().unwrap();
        for newer in ["invoice_creation", "ui_mode", "status", "customer_details", "currency", "created"] {
            fields.remove(newer);
        }
    }
    object
}

fn refund(version: &str, mut object: Value) -> Value {
    if version == "2020-08-27" {
        let intent = object["payment_intent"].clone();
        expanded(&mut object, "charge", json!({ "object": "charge", "payment_intent": intent }));
    }
    object
}

/// Of old, the intent stands only in the charge.
fn dispute(version: &str, object: Value) -> Value {
    let mut object = refund(version, object);
    if version == "2020-08-27" {
        object.as_object_mut().unwrap().remove("payment_intent");
    }
    object
}

/// Until 2022, a charge tells its refunds, too.
fn refunded(version: &str, object: Value, refund: Value) -> Value {
    if version == "2020-08-27" { with(object, &[("/refunds", json!({ "object": "list", "data": [refund] }))]) } else { object }
}

/// Credits that were bought, paid back in part, and disputed.
async fn tell_sale(app: &TestApp, version: &str, name: &str) {
    let (story, account) = (Story::new(name), super::permutations::account(app).await);
    story.link(app, account).await;
    let id = format!("cs_{name}");
    credits::checkout(app, account, &id).await;
    let back = credits::refund(&format!("re_{name}"), &id, 300, "succeeded");
    let taken = credits::dispute(&format!("dp_{name}"), &id, "needs_response");
    let events = [
        story.event("checkout.session.completed", 0, session(version, credits::session(&story, &id, "paid"))),
        story.event("charge.succeeded", 0, credits::charge(&story, &id, 0)),
        story.event("refund.created", 5, refund(version, back.clone())),
        story.event("charge.refunded", 5, refunded(version, credits::charge(&story, &id, 300), back)),
        story.event("charge.dispute.created", 9, dispute(version, taken)),
    ];
    for (number, event) in events.into_iter().enumerate() {
        let event = with(event, &[("/api_version", json!(version)), ("/id", json!(format!("evt_{name}_{number}")))]);
        app.expect(&event, "completed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_and_what_goes_back_of_it_leave_the_same_rows_in_six_versions() {
    let (app, _owner, _story) = stripe::app().await;
    let mut left = Vec::new();
    for (number, version) in VERSIONS.into_iter().enumerate() {
        let name = format!("version{number}");
        tell_sale(&app, version, &name).await;
        let rest = format!(
            "SELECT (SELECT json_agg(json_build_array(amount, currency, status, reason, created_at)) FROM refunds \
                 WHERE provider_refund_id = 're_{name}') AS refunds, \
             (SELECT json_agg(json_build_array(amount, currency, status, reason, created_at)) FROM disputes \
                 WHERE provider_dispute_id = 'dp_{name}') AS disputes, \
             (SELECT json_agg(json_build_array(delta, balance_after, kind) ORDER BY delta DESC) FROM credit_entries e JOIN customers c USING (account_id) \
                 WHERE provider_customer_id = 'cus_{name}') AS entries, \
             (SELECT status FROM checkouts WHERE provider_session_id = 'cs_{name}') AS checkout"
        );
        let rows: Value = serde_json::from_str(&super::permutations::left(&app, &name).await).unwrap();
        let rows = with(rows, &[("/payments/0/checkout_id", Value::Null)]);
        left.push((rows, app.db_rows(&rest).await));
    }
    for (rows, version) in left.iter().zip(VERSIONS) {
        assert_eq!(rows, &left[5], "{version}");
    }
    let (rows, rest) = &left[5];
    let payment = &rows["payments"][0];
    assert_eq!((&payment["status"], &payment["refunded"], &payment["credits_claimed"]), (&json!("disputed"), &json!(300), &json!(100)));
    assert_eq!(rest[0]["entries"], json!([[100, 100, "purchase"], [-30, 70, "clawback"], [-70, 0, "clawback"]]));
    app.run_jobs().await;
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
