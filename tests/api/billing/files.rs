//! Rule 10, for every payload that we have: it is accepted by the endpoint, and says the same in the shape of every version.

use fixpath::billing::apply::EVENTS;
use fixpath::stripe::object::{Charge, Invoice, Subscription};
use fixpath::stripe::sandbox::state::{Settings, World};
use fixpath::stripe::sandbox::versions::{KNOWN, NEWEST, Version, render};
use serde_json::{Value, json};

use crate::support::stripe::{self, fixtures, with};

/// Every event of every file.
fn all() -> Vec<(String, Value)> {
    let mut files: Vec<(String, Value)> = ["events", "recorded"].into_iter().flat_map(fixtures).collect();
    for (name, file) in fixtures("same-second") {
        let pair = file["happened_in_order"].as_array().unwrap();
        files.extend(pair.iter().map(|event| (name.clone(), event.clone())));
    }
    files
}

/// As that version would show it. What was recorded in an old shape stays in it.
fn shaped(event: &Value, version: &str) -> Value {
    if event["api_version"] != json!(NEWEST) {
        return event.clone();
    }
    let world = World::new(1, 0, Settings::default());
    let object = render(&world, &event["data"]["object"], &Version::parse(version).unwrap_or_else(|_| panic!("{version}")));
    with(event.clone(), &[("/data/object", object), ("/api_version", json!(version))])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_accepted_in_the_shape_of_every_version() {
    let (app, _owner, _story) = stripe::app().await;
    let files = all();
    for (number, (name, event)) in files.iter().enumerate() {
        for (place, version) in KNOWN.into_iter().enumerate() {
            let id = json!(format!("evt_file_{number}_{place}"));
            let answer = app.deliver(&with(shaped(event, version), &[("/id", id)])).await;
            assert_eq!(answer.status, 200, "{name} as {version}: {}", answer.text());
        }
        assert_eq!(app.deliver(event).await.status, 200, "{name} as it is");
    }
    assert_eq!(files.len(), 36);
    let unwell = "SELECT type, last_error FROM webhook_deliveries WHERE status IN ('failed', 'dead', 'processing')";
    assert_eq!(app.db_rows(unwell).await, json!([]));
    let different = "SELECT type FROM webhook_deliveries WHERE event_id LIKE 'evt_file_%' GROUP BY type, split_part(event_id, '_', 3) \
         HAVING count(DISTINCT status) > 1 AND bool_or(status = 'ignored')";
    assert_eq!(app.db_rows(different).await, json!([]), "what one version's shape tells, every version's does");
    app.run_jobs().await;
}

/// What the endpoint at Stripe has to send is printed, and nothing else changes anything.
#[tokio::test(flavor = "multi_thread")]
async fn the_readme_lists_the_events_that_count() {
    let readme = include_str!("../../../README.md");
    let section = readme.split("## With an account at Stripe").nth(1).unwrap().split("\n## ").next().unwrap();
    let listed: Vec<_> = section.rsplit("\n\n").find(|part| part.starts_with('`')).unwrap().split([',', '\n']).map(str::trim).collect();
    let listed: Vec<_> = listed.into_iter().filter(|word| !word.is_empty()).map(|word| word.trim_matches('`')).collect();
    assert_eq!(listed, EVENTS);

    let (app, _owner, story) = stripe::app().await;
    for (number, kind) in
        EVENTS.into_iter().chain(["customer.created", "invoice.created", "charge.failed", "a.kind.of.the.future"]).enumerate()
    {
        let event = story.event(kind, i64::try_from(number).unwrap(), json!({ "id": "x_1" }));
        let reason = app.deliver(&event).await.json()["reason"].as_str().unwrap().to_owned();
        assert_eq!(reason.contains("events of this type"), !EVENTS.contains(&kind), "{kind}: {reason}");
    }
    app.leave_jobs();
}

#[test]
fn every_version_s_shape_says_the_same() {
    let (mut compared, mut different) = (0, 0);
    for (name, event) in all() {
        let kind = event["type"].as_str().unwrap();
        for version in KNOWN {
            let (then, now) = (&shaped(&event, version)["data"]["object"], &event["data"]["object"]);
            if kind.starts_with("customer.subscription.") {
                assert_eq!(Subscription::read(then), Subscription::read(now), "{name} as {version}");
            } else if kind.starts_with("invoice.") {
                // Which charge paid it is told by today's shapes in an event of its own.
                let told = |object: &Value| Invoice { charge: None, payment_intent: None, ..Invoice::read(object) };
                assert_eq!(told(then), told(now), "{name} as {version}");
            } else if kind.starts_with("charge.") {
                let told = |object: &Value| Charge { invoice: None, ..Charge::read(object) };
                assert_eq!(told(then), told(now), "{name} as {version}");
            } else {
                continue;
            }
            compared += 1;
            different += usize::from(then != now);
        }
    }
    assert!(compared >= 20 * KNOWN.len(), "{compared}");
    assert!(different >= 40, "{different} of {compared} look different");
}
