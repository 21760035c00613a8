//! Every payload that we have is read, in the shape of every version, and says what it says.

use fixpath::stripe::object::{Charge, CheckoutSession, Customer, Event, Invoice, InvoicePayment, Price, Product, Refund, Subscription};
use serde_json::{Value, json};

use crate::support::stripe::{fixture, fixtures};

fn read(file: &Value) -> Event {
    Event::read(file.to_string().as_bytes()).expect("an event")
}

#[test]
fn every_file_is_an_event() {
    let mut count = 0;
    for folder in ["events", "recorded"] {
        for (name, file) in fixtures(folder) {
            let event = read(&file);
            assert_eq!(Some(event.id.as_str()), file["id"].as_str(), "{name}");
            assert_eq!(event.created.map(|created| created.timestamp()), file["created"].as_i64(), "{name}");
            assert_eq!(event.api_version.as_deref(), file["api_version"].as_str(), "{name}");
            assert_eq!(event.livemode, Some(false), "{name}");
            assert!(event.object.is_object(), "{name}");
            count += 1;
        }
    }
    assert_eq!(count, 28);
}

#[test]
fn subscriptions_of_all_versions_say_the_same_things() {
    // file, customer, status, price, quantity, period's start and end, cancel_at
    let table = [
        ("events/customer.subscription.created.json", "endive"),
        ("events/customer.subscription.updated.json", "endive"),
        ("events/customer.subscription.deleted.json", "endive"),
        ("recorded/2020-08-27--customer.subscription.updated-06034ebf.json", "2020"),
        ("recorded/2025-10-29.clover--customer.subscription.updated-3ef725d6.json", "clover"),
    ];
    let mut seen = Vec::new();
    for (file, shape) in table {
        let object = read(&fixture(file)).object;
        let told = Subscription::read(&object);
        let item = &told.items[0];
        let seconds = |time: Option<chrono::DateTime<chrono::Utc>>| time.map(|time| time.timestamp());
        assert_eq!(told.id.as_deref(), object["id"].as_str(), "{file}");
        assert_eq!(told.customer.as_deref(), object["customer"].as_str().or(object["customer"]["id"].as_str()), "{file}");
        assert_eq!(told.status.as_deref(), object["status"].as_str(), "{file}");
        let line = &object["items"]["data"][0];
        assert_eq!(item.price.as_deref(), line["price"]["id"].as_str(), "{file}");
        assert_eq!(item.product.as_deref(), line["price"]["product"].as_str().or(line["price"]["product"]["id"].as_str()), "{file}");
        assert_eq!(item.interval.as_deref(), line["price"]["recurring"]["interval"].as_str(), "{file}");
        assert_eq!(item.quantity, line["quantity"].as_i64(), "{file}");
        let period = if shape == "2020" { &object } else { line };
        assert_eq!(seconds(told.period_start), period["current_period_start"].as_i64(), "{file}");
        assert_eq!(seconds(told.period_end), period["current_period_end"].as_i64(), "{file}");
        assert!(told.period_start.is_some() && told.period_start < told.period_end, "{file}");
        seen.push((shape, told.status.unwrap(), seconds(told.cancel_at).is_some(), told.ended_at.is_some()));
    }
    let expected = [
        ("endive", "incomplete", false, false),
        ("endive", "active", true, false),
        ("endive", "canceled", true, true),
        ("2020", "incomplete", false, false),
        ("clover", "active", false, false),
    ];
    assert_eq!(
        seen.iter().map(|(shape, status, cancels, ended)| (*shape, status.as_str(), *cancels, *ended)).collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn ending_later_is_told_in_two_ways() {
    let object = read(&fixture("events/customer.subscription.created.json")).object;
    let end = object["items"]["data"][0]["current_period_end"].clone();
    for (changes, expected) in [
        (json!({ "cancel_at": 1_900_000_000, "cancel_at_period_end": false }), json!(1_900_000_000)),
        (json!({ "cancel_at": null, "cancel_at_period_end": true }), end),
        (json!({ "cancel_at": null, "cancel_at_period_end": false }), Value::Null),
    ] {
        let mut object = object.clone();
        object.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        assert_eq!(json!(Subscription::read(&object).cancel_at.map(|at| at.timestamp())), expected, "{changes}");
    }
}

#[test]
fn invoices_of_all_versions_say_the_same_things() {
    let mut table = Vec::new();
    for file in [
        "events/invoice.paid.json",
        "events/invoice.payment_failed.json",
        "events/invoice.payment_succeeded.json",
        "recorded/2024-12-18.acacia--invoice.paid-7ed758ae.json",
        "recorded/2025-10-29.clover--invoice.paid-1ed8af4a.json",
        "recorded/2026-03-25.dahlia--invoice.paid-8ce6699e.json",
    ] {
        let told = Invoice::read(&read(&fixture(file)).object);
        table.push(json!([
            file.rsplit('/').next().unwrap().split("--").next(),
            [told.id, told.customer, told.subscription],
            [told.status, told.billing_reason, told.currency],
            [told.amount_due, told.amount_paid],
            told.hosted_url.is_some(),
            told.paid_at.map(|at| at.timestamp()),
            told.period.map(|(from, to)| [from.timestamp(), to.timestamp()]),
            [told.payment_intent, told.charge],
        ]));
    }
    insta::assert_json_snapshot!("invoices", table);
}

#[test]
fn an_invoice_names_its_subscription_wherever_its_version_puts_it() {
    for place in [
        json!({ "subscription": "sub_1" }),
        json!({ "subscription": { "id": "sub_1", "object": "subscription" } }),
        json!({ "parent": { "subscription_details": { "subscription": "sub_1" } } }),
        json!({ "parent": { "subscription_details": { "subscription": { "id": "sub_1" } } } }),
        json!({ "lines": { "data": [{ "subscription": "sub_1" }] } }),
        json!({ "lines": { "data": [{}, { "parent": { "subscription_item_details": { "subscription": "sub_1" } } }] } }),
    ] {
        assert_eq!(Invoice::read(&place).subscription.as_deref(), Some("sub_1"), "{place}");
    }
    assert_eq!(Invoice::read(&json!({})), Invoice::default());
}

#[test]
fn a_change_in_the_middle_of_a_period_pays_for_no_period() {
    let line = |proration: bool, end: i64| {
        json!({ "subscription": "sub_1", "period": { "start": 100, "end": end },
                "parent": { "subscription_item_details": { "subscription": "sub_1", "proration": proration } } })
    };
    let invoice = |lines: Value| Invoice::read(&json!({ "lines": { "data": lines } })).period.map(|(_, end)| end.timestamp());
    assert_eq!(invoice(json!([line(true, 300)])), None);
    assert_eq!(invoice(json!([line(true, 300), line(false, 200)])), Some(200));
    assert_eq!(invoice(json!([{ "subscription": "sub_1", "proration": true, "period": { "start": 1, "end": 2 } }])), None);
}

#[test]
fn charges_of_all_versions_say_the_same_things() {
    let mut table = Vec::new();
    for file in [
        "events/charge.succeeded.json",
        "events/charge.refunded.json",
        "recorded/2020-08-27--charge.succeeded-a5392389.json",
        "recorded/2025-10-29.clover--charge.succeeded-0a96ef11.json",
        "recorded/2026-03-25.dahlia--charge.succeeded-1b0e9c08.json",
    ] {
        let told = Charge::read(&read(&fixture(file)).object);
        table.push(json!([
            file.rsplit('/').next().unwrap().split("--").next(),
            [told.id, told.customer, told.payment_intent],
            [told.amount, told.amount_refunded],
            told.currency,
            told.fingerprint,
        ]));
    }
    insta::assert_json_snapshot!("charges", table);
}

#[test]
fn the_other_objects_are_read() {
    let object = |file: &str| read(&fixture(&format!("events/{file}.json"))).object;
    let session = CheckoutSession::read(&object("checkout.session.completed"));
    assert_eq!(session.mode.as_deref(), Some("subscription"));
    assert!(session.paid());
    assert_eq!((session.amount, session.currency.as_deref()), (Some(6000), Some("USD")));
    assert_eq!(session.client_reference.as_deref(), Some("acct-7"));
    assert_eq!(session.subscription.as_deref(), Some("sub_1FUvhDiXfXzd3qBgWjOYwkRJ"));
    assert_eq!(session.email.as_deref(), Some("rust@example.com"));

    let customer = Customer::read(&object("customer.updated"));
    assert!(customer.id.is_some_and(|id| id.starts_with("cus_")) && !customer.deleted);

    let refund = Refund::read(&object("refund.created"));
    assert_eq!((refund.amount, refund.status.as_deref(), refund.currency.as_deref()), (Some(500), Some("succeeded"), Some("USD")));
    assert_eq!(refund.payment_intent.as_deref(), Some("pi_1AOLtokkfEY8eioHbKX5h3Up"));

    let price = Price::read(&object("price.created"));
    assert_eq!((price.unit_amount, price.interval.as_deref(), price.active), (Some(2000), Some("month"), Some(true)));
    let product = Product::read(&object("product.created"));
    assert!(product.id.is_some() && product.name.is_some());

    let joined = InvoicePayment::read(&json!({ "invoice": { "id": "in_1" }, "payment": { "payment_intent": { "id": "pi_1" } } }));
    assert_eq!((joined.invoice.as_deref(), joined.payment_intent.as_deref()), (Some("in_1"), Some("pi_1")));
}
