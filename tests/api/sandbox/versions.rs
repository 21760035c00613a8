//! One history in the shapes of every API version.

use std::collections::BTreeSet;
use std::path::Path;

use fixpath::stripe::sandbox::state::blank;
use fixpath::stripe::sandbox::versions::{KNOWN, Version};
use serde_json::{Value, json};

use super::shop::{Shop, text};

#[tokio::test]
async fn periods_and_links_stand_where_each_version_has_them() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    let invoice = text(&shop.sandbox.object(&id), "/latest_invoice");
    for name in KNOWN {
        let get = |path: String| shop.send(shop.request(reqwest::Method::GET, &path).header("stripe-version", name));
        let subscription = get(format!("subscriptions/{id}")).await.body;
        let invoice = get(format!("invoices/{invoice}")).await.body;
        let old = name < "2025-03-31";
        assert_eq!(subscription.get("current_period_end").is_some(), old, "{name}");
        assert_eq!(subscription["items"]["data"][0].get("current_period_end").is_some(), !old, "{name}");
        if old {
            assert_eq!(invoice["subscription"], json!(id), "{name}");
            assert!(text(&invoice, "/charge").starts_with("ch_"), "{name}");
            assert_eq!(invoice.get("parent"), None, "{name}");
        } else {
            assert_eq!(invoice["parent"]["subscription_details"]["subscription"], json!(id), "{name}");
            assert_eq!(invoice.get("charge"), None, "{name}");
        }
    }
}

#[tokio::test]
async fn events_show_what_was_before_in_their_own_version() {
    for name in KNOWN {
        let shop = Shop::open().await;
        shop.sandbox.set_version(Version::parse(name).unwrap());
        let id = shop.subscribe("works", &[]).await;
        shop.sandbox.advance(31 * 86_400);
        let updates: Vec<Value> = shop
            .sandbox
            .take_deliveries()
            .iter()
            .filter(|signed| signed.kind == "customer.subscription.updated")
            .map(|signed| serde_json::from_str(&signed.body).unwrap())
            .collect();
        let renewal = updates.last().unwrap();
        assert_eq!((text(renewal, "/api_version"), text(renewal, "/data/object/id")), (name.to_owned(), id));
        let previous = &renewal["data"]["previous_attributes"];
        let place = if name < "2025-03-31" { "/current_period_end" } else { "/items/data/0/current_period_end" };
        assert!(previous.pointer(place).is_some_and(Value::is_i64), "{name}: {previous}");
        assert!(!renewal.to_string().contains("\"_"), "{name}: our own notes are not shown");
    }
}

/// Fields that only some objects show, or that are left out unless they are asked for.
const LEFT_OUT: [(&str, &str); 2] = [("invoice", "subscription"), ("charge", "refunds")];

#[test]
fn objects_have_every_field_of_stripes_fixtures() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/sandbox/fields.json");
    let fixtures: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for (kind, fields) in fixtures.as_object().unwrap() {
        let ours = blank(kind);
        let ours: BTreeSet<&str> = ours.as_object().unwrap().keys().map(String::as_str).collect();
        for field in fields.as_array().unwrap() {
            let field = field.as_str().unwrap();
            assert!(ours.contains(field) || LEFT_OUT.contains(&(kind, field)), "{kind} has no {field}");
        }
    }
}
