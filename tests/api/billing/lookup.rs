//! What staff find of somebody, and the credits that they give.

use chrono::TimeDelta;
use fixpath::billing::delivery::{Delivery, Filter};
use fixpath::graphql::page::Page;
use fixpath::id::Id;
use fixpath::staff::grant::grant;
use serde_json::{Value, json};

use crate::support::people::ids;
use crate::support::stripe;
use crate::support::{Actor, TestApp};

async fn staff(app: &TestApp) -> Actor {
    let somebody = app.sign_up("support").await;
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    grant(&app.app, "support@example.com").await.unwrap();
    somebody
}

const LOOKUP: &str = "query($ref: String!) { staff { lookup(ref: $ref) { account { id name } user { username } matchedBy explanation
    subscription { status providerId } providerSubscription deliveries { type status } } } }";

async fn lookup(actor: &Actor, reference: &str) -> Value {
    actor.ok(LOOKUP, json!({ "ref": reference })).await.data("staff.lookup")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_is_found_by_all_its_names() {
    let (app, owner, story) = stripe::app().await;
    let support = staff(&app).await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("past_due", 0, &[])), "completed").await;
    let (user, account) = ids(&owner).await;
    let number = app.db_value("SELECT number FROM users WHERE username = 'owner'").await.to_string();
    for (reference, matched) in [
        ("Owner@Example.com", "e-mail address"),
        (&*user.encode(), "user id"),
        (&*uuid::Uuid::from(user).to_string(), "id"),
        (&*number, "user number"),
        (&*account.encode(), "account id"),
        (&*story.customer, "customer id"),
        (&*story.subscription, "subscription id"),
    ] {
        let found = lookup(&support, reference).await;
        assert_eq!(found["account"]["id"], account.encode(), "{reference}: {found}");
        assert_eq!((&found["matchedBy"], &found["user"]["username"]), (&json!(matched), &json!("owner")));
        assert_eq!(found["subscription"], json!({ "status": "PAST_DUE", "providerId": story.subscription }));
        assert_eq!(found["providerSubscription"]["id"], json!(story.subscription));
        assert_eq!(found["deliveries"], json!([{ "type": "customer.subscription.created", "status": "COMPLETED" }]));
        assert_eq!(found["explanation"], "The last payment for the Pro plan failed; it is tried again, and access stays meanwhile.");
    }
    for reference in ["<email>", "null", "", "nobody@example.com", "cus_unknown", "999999", "{{user}}"] {
        assert_eq!(lookup(&support, reference).await, Value::Null, "{reference}");
    }
    assert_eq!(owner.ok("{ staff { lookup(ref: \"1\") { matchedBy } } }", json!({})).await.data("staff"), Value::Null);
}

/// “I need an invoice.” Whoever is asked for it sees what was paid, and nothing of what people do there.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_shows_what_was_paid_and_nothing_that_is_no_money() {
    let (app, owner, story) = stripe::app().await;
    let support = staff(&app).await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    app.expect(&story.event("invoice.paid", 0, story.invoice("paid", 0, &[])), "completed").await;
    let account = ids(&owner).await.1.encode();
    let fields =
        "payments { nodes { status hostedInvoiceUrl } } purchases { nodes { status } } sales { nodes { status } } credits { balance }
        subscription { status } entitlements { features } limits { key used }";
    let query = format!(
        "query($ref: String!) {{ staff {{ lookup(ref: $ref) {{ account {{ {fields} deletesAt members {{ nodes {{ role }} }}
        invitations {{ id }} auditLog {{ nodes {{ action }} }} }} }} }} }}"
    );
    let found = support.ok(&query, json!({ "ref": account })).await.data("staff.lookup.account");
    let own = owner.ok(&format!("{{ viewer {{ account {{ {fields} }} }} }}"), json!({})).await.data("viewer.account");
    for (field, shown) in own.as_object().unwrap() {
        assert_eq!(&found[field], shown, "{field}");
    }
    assert_eq!(found["payments"]["nodes"][0]["status"], "SUCCEEDED");
    for field in ["deletesAt", "members", "invitations", "auditLog"] {
        assert_eq!(found[field], Value::Null, "{field}");
    }
    // Anywhere else, staff are strangers like everybody.
    let query = "query($id: ID!) { node(id: $id) { ... on Account { payments { nodes { status } } credits { balance } } } }";
    let elsewhere = support.ok(query, json!({ "id": account })).await.data("node");
    assert!(elsewhere.is_null() || elsewhere == json!({ "payments": null, "credits": null }), "{elsewhere}");
    app.run_jobs().await;
}

/// “I paid and have nothing.” What has failed has changed nothing, and is nobody's but for its customer.
#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_seen_with_the_account_of_its_customer() {
    let (app, owner, story) = stripe::app().await;
    let support = staff(&app).await;
    for (kind, object) in [("invoice.paid", story.invoice("paid", 0, &[])), ("invoice_payment.paid", story.invoice_payment(0))] {
        app.expect(&story.event(kind, 0, object), "completed").await;
    }
    app.db_execute("ALTER TABLE refunds RENAME TO no_refunds; ALTER TABLE plan_prices RENAME TO no_prices").await;
    for event in [
        story.event("customer.subscription.created", 0, story.state("active", 0, &[])),
        // Names no customer: whose it is follows from its payment.
        story.event("refund.created", 9, story.refund("re_1", 0, 500, "succeeded")),
    ] {
        app.advance(TimeDelta::seconds(1));
        assert_eq!(app.deliver(&event).await.status, 500);
    }
    app.db_execute("ALTER TABLE no_refunds RENAME TO refunds; ALTER TABLE no_prices RENAME TO plan_prices").await;
    let stranger = stripe::Story::new("stranger");
    app.expect(&stranger.event("invoice.paid", 0, stranger.invoice("paid", 0, &[])), "parked").await;
    let failed = json!([{ "type": "refund.created", "status": "FAILED" }, { "type": "customer.subscription.created", "status": "FAILED" }]);
    let found = lookup(&support, "owner@example.com").await;
    assert_eq!(found["deliveries"].as_array().unwrap()[..2], failed.as_array().unwrap()[..], "{found}");
    let query = "query($filter: WebhookDeliveryFilter) { staff { webhookDeliveries(filter: $filter) { nodes { type status } } } }";
    let list = async |account: &str| {
        let filter = json!({ "accountId": account, "status": ["FAILED", "PARKED", "DEAD"] });
        support.ok(query, json!({ "filter": filter })).await.data("staff.webhookDeliveries.nodes")
    };
    assert_eq!(list(&ids(&owner).await.1.encode()).await, failed);
    assert_eq!(list(&ids(&support).await.1.encode()).await, json!([]), "others have no part in it");
    app.advance(TimeDelta::minutes(6));
    app.run_jobs().await;
    assert_eq!(lookup(&support, "owner@example.com").await["deliveries"][0], json!({ "type": "refund.created", "status": "COMPLETED" }));
}

#[derive(diesel::QueryableByName)]
struct Read {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    rows: i64,
}

/// The log is as long as all accounts are old together.
#[tokio::test(flavor = "multi_thread")]
async fn of_the_log_a_lookup_reads_what_is_about_the_account() {
    let (app, owner, story) = stripe::app().await;
    let account = ids(&owner).await.1;
    app.db_execute(&format!(
        "INSERT INTO webhook_deliveries (id, event_id, type, status, attempts, account_id, provider_customer_id, payload, livemode, \
             received_at, processed_at) \
         SELECT gen_random_uuid(), 'evt_' || number, 'invoice.paid', 'tombstone', 1, \
             CASE WHEN number % 2000 = 0 THEN '{}'::uuid END, \
             CASE WHEN number % 2000 = 1 THEN '{}' ELSE 'cus_' || number / 10 END, '{{}}', false, \
             now() + number * interval '1 second', now() \
         FROM generate_series(1, 20000) AS number; ANALYZE webhook_deliveries, customers",
        uuid::Uuid::from(account),
        story.customer
    ))
    .await;
    let read = app.app.db.transaction(async |conn| {
        let so_far = async |conn: &mut fixpath::db::Conn| {
            let query = "SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint AS rows FROM pg_stat_xact_user_tables \
                 WHERE relname = 'webhook_deliveries'";
            diesel_async::RunQueryDsl::get_result::<Read>(diesel::sql_query(query), conn).await.unwrap().rows
        };
        let before = so_far(conn).await;
        let about = Filter { account: Some(account), ..Filter::default() };
        let page = Page { size: 30, after: None, before: None, backward: false };
        assert_eq!(Delivery::page(conn, &about, &page).await?.len(), 20);
        Ok(so_far(conn).await - before)
    });
    let read = read.await.unwrap();
    assert!((20..100).contains(&read), "{read} rows");
}

/// “I paid twice.”
#[tokio::test(flavor = "multi_thread")]
async fn each_of_two_subscriptions_is_shown_by_its_own_id() {
    let (app, _owner, story) = stripe::app().await;
    let support = staff(&app).await;
    let other = stripe::Story { subscription: "sub_b".into(), ..story.clone() };
    for story in [&story, &other] {
        app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    }
    for (reference, shown) in [(&story.customer, "sub_a"), (&story.subscription, "sub_a"), (&other.subscription, "sub_b")] {
        let found = lookup(&support, reference).await;
        assert_eq!(found["subscription"]["providerId"], shown, "{reference}");
        assert_eq!(found["providerSubscription"]["id"], shown, "{reference}");
    }
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_counts_once_for_each_key() {
    let app = TestApp::new().await;
    let (owner, support) = (app.sign_up("owner").await, staff(&app).await);
    let account = ids(&owner).await.1.encode();
    let query = "mutation($input: GrantCreditsInput!) { grantCredits(input: $input) {
        credits { balance } entry { delta balanceAfter kind reason } userErrors { code path } } }";
    let give_for = async |credits: i32, key: &str, reason: &str| {
        let input = json!({ "accountId": account, "credits": credits, "reason": reason, "idempotencyKey": key });
        support.ok(query, json!({ "input": input })).await
    };
    let give = async |credits: i32, key: &str| give_for(credits, key, "For the outage.").await;
    let answers = futures_util::future::join_all((0..8).map(|_| give(20, "ticket 1"))).await;
    for answer in answers {
        assert_eq!(answer.data("grantCredits.credits.balance"), 20);
        let entry = json!({ "delta": 20, "balanceAfter": 20, "kind": "GRANT", "reason": "For the outage." });
        assert_eq!(answer.data("grantCredits.entry"), entry);
    }
    assert_eq!(give(5, "ticket 2").await.data("grantCredits.credits.balance"), 25);
    assert_eq!(give(0, "ticket 3").await.refusals("grantCredits"), ["INVALID"]);
    for other in [give(30, "ticket 1").await, give_for(20, "ticket 1", "For the trouble.").await] {
        assert_eq!(other.refusals("grantCredits"), ["INVALID"]);
        assert_eq!(other.data("grantCredits.userErrors.0.path"), json!(["idempotencyKey"]));
    }
    assert_eq!(give_for(20, "ticket 1", " For the outage. ").await.data("grantCredits.credits.balance"), 25);
    let lines = app.db_rows("SELECT subject FROM audit_entries WHERE action = 'grantCredits' ORDER BY id").await;
    assert_eq!(lines.as_array().unwrap().len(), 2, "{lines}");
    let nobody = json!({ "input": { "accountId": fixpath::id::AccountId::from(uuid::Uuid::nil()).encode(), "credits": 1, "reason": "x",
        "idempotencyKey": "x" } });
    assert_eq!(support.ok(query, nobody).await.refusals("grantCredits"), ["NOT_FOUND"]);
}
