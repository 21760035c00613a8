//! What staff see of deliveries, and what they can do about them.

use chrono::TimeDelta;
use fixpath::billing::delivery::Delivery;
use fixpath::billing::jobs::BillingJob;
use fixpath::jobs::Job;
use fixpath::staff::grant::grant;
use serde_json::{Value, json};

use crate::support::stripe::{self, Story};
use crate::support::{Actor, TestApp};

/// The first of the platform's own people.
async fn staff(app: &TestApp) -> Actor {
    let somebody = app.sign_up("support").await;
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    grant(&app.app, "support@example.com").await.unwrap();
    somebody
}

async fn list(actor: &Actor, filter: Value) -> Value {
    let query = "query($filter: WebhookDeliveryFilter) { staff { webhookDeliveries(filter: $filter) { nodes { type } } } }";
    let nodes = actor.ok(query, json!({ "filter": filter })).await.data("staff.webhookDeliveries.nodes");
    nodes.as_array().unwrap().iter().map(|node| node["type"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_listed_found_and_shown() {
    let (app, owner, story) = stripe::app().await;
    let support = staff(&app).await;
    let event = story.event("invoice.paid", 0, story.invoice("paid", 0, &[]));
    app.expect(&event, "completed").await;
    app.advance(TimeDelta::minutes(1));
    app.expect(&stripe::event("balance.available", 0, json!({ "object": "balance" })), "ignored").await;
    app.run_jobs().await;

    assert_eq!(list(&support, json!({})).await, json!(["balance.available", "invoice.paid"]));
    assert_eq!(list(&support, json!({ "status": ["COMPLETED"] })).await, json!(["invoice.paid"]));
    assert_eq!(list(&support, json!({ "type": "balance.available" })).await, json!(["balance.available"]));
    assert_eq!(list(&support, json!({ "eventId": event["id"] })).await, json!(["invoice.paid"]));
    let account = owner.ok("{ viewer { account { id } } }", json!({})).await.str("viewer.account.id");
    assert_eq!(list(&support, json!({ "accountId": account })).await, json!(["invoice.paid"]));
    assert_eq!(list(&support, json!({ "receivedAfter": "2026-01-01T12:00:30Z" })).await, json!(["balance.available"]));

    let query = "query($event: String!) { staff { webhookDelivery(eventId: $event) { id status decision attempts lastError nextAttemptAt \
         payload livemode apiVersion receivedAt processedAt account { id } } } }";
    let mut shown = support.ok(query, json!({ "event": event["id"] })).await.data("staff.webhookDelivery");
    assert_eq!(shown["payload"], event);
    let id = shown["id"].as_str().unwrap().to_owned();
    shown.as_object_mut().unwrap().remove("id");
    shown.as_object_mut().unwrap().remove("payload");
    assert_eq!(
        shown,
        json!({
            "status": "COMPLETED", "decision": "the invoice is paid", "attempts": 1, "lastError": null, "nextAttemptAt": null, "livemode": false,
            "apiVersion": "2026-09-30.endive", "receivedAt": "2026-01-01T12:00:00.000Z", "processedAt": "2026-01-01T12:00:00.000Z",
            "account": { "id": account },
        })
    );
    let node = "query($id: ID!) { node(id: $id) { id __typename } }";
    assert_eq!(support.ok(node, json!({ "id": id })).await.data("node.__typename"), json!("WebhookDelivery"));
    assert_ne!(owner.gql(node, json!({ "id": id })).await.data("node.__typename"), json!("WebhookDelivery"));
    let nobody = support.ok(query, json!({ "event": "evt_nobody" })).await.data("staff.webhookDelivery");
    assert_eq!(nobody, Value::Null);
    assert_eq!(owner.ok("{ staff { alerts { kind } } }", json!({})).await.data("staff"), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_retried_by_staff_and_by_nobody_else() {
    let (app, owner, story) = stripe::app().await;
    let support = staff(&app).await;
    let event = story.event("invoice.paid", 0, story.invoice("paid", 0, &[]));
    app.db_execute("ALTER TABLE payments RENAME TO away").await;
    assert_eq!(app.deliver(&event).await.status, 500);
    let retry = "mutation($events: [String!]) { retryWebhooks(input: { eventIds: $events }) { retried succeeded failed \
         deliveries { status attempts } userErrors { code path } } }";
    let all = async |actor: &Actor| actor.ok(retry, json!({})).await;
    assert_eq!(all(&owner).await.refusals("retryWebhooks"), ["FORBIDDEN"]);
    assert_eq!(all(&app.anon()).await.refusals("retryWebhooks"), ["UNAUTHENTICATED"]);
    let counts = |answer: &crate::support::Answer| {
        let answer = answer.data("retryWebhooks");
        json!([answer["retried"], answer["succeeded"], answer["failed"], answer["deliveries"]])
    };
    assert_eq!(counts(&all(&support).await), json!([1, 0, 1, [{ "status": "FAILED", "attempts": 2 }]]));
    app.db_execute("ALTER TABLE away RENAME TO payments").await;
    assert_eq!(counts(&all(&support).await), json!([1, 1, 0, [{ "status": "COMPLETED", "attempts": 3 }]]));
    assert_eq!(counts(&all(&support).await), json!([0, 0, 0, []]));
    let unknown = support.ok(retry, json!({ "events": ["evt_nobody"] })).await;
    assert_eq!(unknown.refusals("retryWebhooks"), ["NOT_FOUND"]);
    let retried = "SELECT subject FROM audit_entries WHERE action = 'retryWebhooks' AND actor_id IS NOT NULL";
    let id = &event["id"];
    assert_eq!(app.db_rows(retried).await, json!([{ "subject": id }, { "subject": id }]), "a line where there was something to try");
    let stranger = Story::new("stranger");
    let parked = stranger.event("customer.subscription.created", 0, stranger.state("active", 0, &[]));
    app.expect(&parked, "parked").await;
    let retried = support.ok(retry, json!({ "events": [parked["id"]] })).await;
    assert_eq!(counts(&retried), json!([1, 0, 0, [{ "status": "PARKED", "attempts": 0 }]]), "it waits on");
    let many: Vec<String> = (0..101).map(|number| format!("evt_{number}")).collect();
    assert_eq!(support.ok(retry, json!({ "events": many })).await.refusals("retryWebhooks"), ["TOO_MANY"]);
    app.advance(TimeDelta::hours(1));
    app.run_jobs().await;
}

/// Only so many are tried at once: the next call comes to the rest.
#[tokio::test(flavor = "multi_thread")]
async fn those_that_were_tried_least_are_tried_first() {
    let (app, _owner, story) = stripe::app().await;
    app.db_execute("ALTER TABLE payments RENAME TO away").await;
    let (first, second) =
        (story.event("invoice.paid", 0, story.invoice("paid", 0, &[])), story.event("invoice.paid", 1, story.invoice("paid", 1, &[])));
    for event in [&first, &second] {
        app.advance(TimeDelta::seconds(1));
        assert_eq!(app.deliver(event).await.status, 500);
    }
    let next = async || Delivery::unwell(&mut app.app.db.conn().await.unwrap(), 1).await.unwrap()[0].event_id.clone();
    assert_eq!(next().await, first["id"]);
    assert_eq!(app.deliver(&first).await.status, 500);
    assert_eq!(next().await, second["id"]);
    app.db_execute("ALTER TABLE away RENAME TO payments").await;
    app.advance(TimeDelta::hours(1));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_open_and_close_with_what_they_tell_of() {
    let (app, _owner, story) = stripe::app().await;
    let open = async || {
        app.run_job(&Job::Billing(BillingJob::RetryOverdue)).await;
        app.db_rows("SELECT kind FROM alerts WHERE closed_at IS NULL ORDER BY kind").await
    };
    let stranger = Story::new("stranger");
    let told = stranger.event("customer.subscription.created", 0, stranger.state("active", 0, &[]));
    app.expect(&told, "parked").await;
    assert_eq!(open().await, json!([]), "most of what is parked is found at once");
    app.advance(TimeDelta::minutes(2));
    assert_eq!(open().await, json!([{ "kind": "parked_deliveries" }]));
    let other = Story { subscription: "sub_b".into(), ..story.clone() };
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    app.expect(&other.event("customer.subscription.created", 0, other.state("active", 0, &[])), "completed").await;
    assert_eq!(open().await, json!([{ "kind": "parked_deliveries" }, { "kind": "second_subscription" }]));

    stranger.link(&app, super::permutations::account(&app).await).await;
    app.expect(&story.event("customer.subscription.deleted", 9, story.state("canceled", 0, &[])), "completed").await;
    assert_eq!(open().await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_that_stripe_could_not_finish_is_an_alert_until_it_is() {
    let (app, _owner, story) = stripe::app().await;
    let open = async || app.db_rows("SELECT kind, subject FROM alerts WHERE closed_at IS NULL").await;
    let failed = |seconds| story.event("invoice.finalization_failed", seconds, story.invoice("draft", 0, &[]));
    app.expect(&failed(1), "completed").await;
    assert_eq!(open().await, json!([{ "kind": "unfinished_invoice", "subject": story.invoice_id(0) }]));
    app.expect(&story.event("invoice.paid", 5, story.invoice("paid", 0, &[])), "completed").await;
    assert_eq!(open().await, json!([]));
    app.deliver(&failed(2)).await;
    assert_eq!(open().await, json!([]), "what is told late is over");
    for (period, end) in [(1, "invoice.finalized"), (2, "invoice.deleted")] {
        let failed = story.event("invoice.finalization_failed", 1, story.invoice("draft", period, &[]));
        app.expect(&failed, "completed").await;
        assert_eq!(open().await, json!([{ "kind": "unfinished_invoice", "subject": story.invoice_id(period) }]));
        app.expect(&story.event(end, 9, story.invoice("open", period, &[])), "ignored").await;
        assert_eq!(open().await, json!([]), "{end}");
    }
    app.run_jobs().await;
}

/// The log grows with every delivery.
#[tokio::test(flavor = "multi_thread")]
async fn deliveries_of_a_rare_type_or_status_are_found_by_an_index() {
    let app = TestApp::new().await;
    let log = "INSERT INTO webhook_deliveries (id, event_id, type, status, attempts, payload, livemode, received_at, processed_at) \
         SELECT gen_random_uuid(), 'evt_' || number, CASE WHEN number % 1000 = 0 THEN 'customer.deleted' ELSE 'invoice.paid' END, \
             CASE WHEN number % 1000 = 0 THEN 'stale' ELSE 'completed' END, 1, '{}', false, now() + number * interval '1 second', now() \
         FROM generate_series(1, 20000) AS number; ANALYZE webhook_deliveries";
    app.db_execute(log).await;
    let conditions = [
        ("type = 'customer.deleted'", "webhook_deliveries_type_idx"),
        ("status = ANY ('{stale,ignored}')", "webhook_deliveries_status_idx"),
        ("status = ANY ('{failed,dead}')", "webhook_deliveries_status_idx"),
    ];
    for (condition, index) in conditions {
        let query = format!("EXPLAIN SELECT * FROM webhook_deliveries WHERE {condition} ORDER BY received_at DESC, id DESC LIMIT 21");
        let plan = app.database_text(&query).await.join("\n");
        assert!(plan.contains(index), "{plan}");
    }
}
