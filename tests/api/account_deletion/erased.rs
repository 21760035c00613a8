//! What is gone, and what stays.

use chrono::TimeDelta;
use fixpath::id::{AccountId, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{NONE, delete, sweep};
use crate::support::TestApp;
use crate::support::app::PASSWORD;
use crate::support::members::{accept, accept_as, invite, invited, members, remove, roomy};
use crate::support::people::{asked_for, colleague, device, ids, move_to, refresh, sign_in};
use crate::support::trees::{looping, published, start};

/// What outlives the account, and why.
const KEPT: [(&str, &str); 6] = [
    ("payments", "tax law"),
    ("purchases", "tax law"),
    ("subscriptions", "what payments paid for, without Stripe's words"),
    ("customers", "who paid, as Stripe calls them"),
    ("checkouts", "for a month, since a payment by bank may still arrive; not by whom"),
    // With their next refresh they speak for another account.
    ("sign_ins", "devices of people who belong elsewhere"),
];

/// Rows of every table that only billing, providers or mails would write.
async fn db_fill(app: &TestApp, account: AccountId, user: UserId, neighbour: AccountId) {
    let (account, user, neighbour) = (Uuid::from(account), Uuid::from(user), Uuid::from(neighbour));
    let payload = r#"{"object":{"billing_details":{"email":"OWNER@example.com","name":"Owen Owner"}}}"#;
    app.db_execute(&format!(
        r#"
        INSERT INTO customers (id, account_id, provider_customer_id, is_primary, created_at) VALUES
            (gen_random_uuid(), '{account}', 'cus_paid', true, now()), (gen_random_uuid(), '{account}', 'cus_idle', false, now());
        INSERT INTO subscriptions (id, account_id, plan_id, status, seats, provider, provider_subscription_id, raw, created_at, updated_at)
            SELECT gen_random_uuid(), '{account}', plans.id, 'canceled', 1, 'stripe', sub, '{payload}', now(), now()
            FROM plans, unnest(ARRAY['sub_paid', 'sub_tried']) AS sub WHERE key = 'pro';
        INSERT INTO checkouts (id, account_id, user_id, purpose, status, credits, amount, currency, url, success_url, cancel_url, idempotency_key,
                promotion_code, expires_at, created_at, updated_at)
            SELECT gen_random_uuid(), whose, '{user}', 'credits', 'completed', 100, 1000, 'USD', NULL, 'https://desk.example/?owner@example.com',
                'https://desk.example/?owner@example.com', 'owner@example.com', NULL, now(), now(), now()
            FROM unnest(ARRAY['{account}', '{neighbour}']::uuid[]) AS whose;
        INSERT INTO subscription_changes (id, account_id, user_id, operation, terms, created_at)
            SELECT gen_random_uuid(), whose, '{user}', 'changePlan', 'starter', now()
            FROM unnest(ARRAY['{account}', '{neighbour}']::uuid[]) AS whose;
        INSERT INTO payments (id, account_id, purpose, checkout_id, provider_customer_id, provider_subscription_id, status, amount, currency,
                created_at, updated_at)
            SELECT gen_random_uuid(), '{account}', 'credits', id, 'cus_paid', 'sub_paid', 'succeeded', 1000, 'USD', now(), now()
            FROM checkouts WHERE account_id = '{account}';
        INSERT INTO purchases (id, account_id, tree_id, tree_title, amount, currency, platform_fee, creator_payout, status, created_at, updated_at)
            VALUES (gen_random_uuid(), '{account}', gen_random_uuid(), 'Bought', 100, 'USD', 15, 85, 'active', now(), now());
        INSERT INTO listings (id, account_id, tree_id, amount, currency, created_at, updated_at)
            VALUES (gen_random_uuid(), '{account}', gen_random_uuid(), 100, 'USD', now(), now());
        INSERT INTO version_pins SELECT account_id, id, 'light', account_id, tree_id, id FROM tree_versions WHERE account_id = '{account}';
        INSERT INTO credit_balances (account_id, balance, updated_at) VALUES ('{account}', 100, now());
        INSERT INTO credit_entries (id, account_id, delta, balance_after, kind, source, reason, created_at)
            VALUES (gen_random_uuid(), '{account}', 100, 100, 'grant', 'key', 'for owner@example.com', now());
        INSERT INTO card_fingerprints VALUES ('one card', '{account}', now());
        INSERT INTO webhook_deliveries (id, event_id, type, status, attempts, account_id, provider_customer_id, payload, livemode, received_at, processed_at)
            VALUES (gen_random_uuid(), 'evt_1', 'charge.succeeded', 'completed', 1, '{account}', 'cus_paid', '{payload}', false, now(), now()),
                (gen_random_uuid(), 'evt_2', 'payment_method.attached', 'ignored', 1, NULL, 'cus_idle', '{payload}', false, now(), now());
        INSERT INTO identities VALUES ('github', '4711', '{user}', now());
        "#
    ))
    .await;
}

#[tokio::test]
async fn after_a_week_all_of_it_is_gone_but_what_the_law_keeps() {
    let (app, owner) = roomy().await;
    let (user, account) = ids(&owner).await;
    let neighbour = app.sign_up("neighbour").await;
    app.db_verify("neighbour").await;
    app.db_plan("enterprise").await;
    let (_, neighbours) = ids(&neighbour).await;
    let both = colleague(&app, &owner, "both", "engineer").await;
    let token = invited(&app, &owner, "grace@example.com", "TECHNICIAN").await;
    let grace = app.anon().signed_in(&accept_as(&app, &token, "grace").await.str("acceptInvitation.accessToken"));
    invite(&app, &owner, "open@example.com", "TECHNICIAN").await;
    // Elsewhere they have been, too: invited and sent away.
    for (name, person) in [("owner", &owner), ("grace", &grace)] {
        let token = invited(&app, &neighbour, &format!("{name}@example.com"), "TECHNICIAN").await;
        let there = accept(&device(&app, name).await.0, json!({ "token": token })).await;
        assert_eq!(there.refusals("acceptInvitation"), NONE);
        let there = app.anon().signed_in(&there.str("acceptInvitation.accessToken"));
        asked_for(&app, &there, &format!("{name}@example.org")).await;
        remove(&neighbour, ids(person).await.0).await;
    }
    for who in [&owner, &neighbour] {
        let (tree, _) = published(who, "Light", looping()).await;
        start(who, &tree).await;
    }
    let (tree, _) = published(&owner, "Second", looping()).await;
    start(&grace, &tree).await;
    start(&both, &tree).await;
    move_to(&app, &owner, "moved@example.com").await;
    asked_for(&app, &owner, "owner@example.net").await;
    db_fill(&app, account, user, neighbours).await;
    delete(&owner, "owner's account").await;
    app.advance(TimeDelta::days(7) - TimeDelta::minutes(1));
    for ask in ["requestPasswordReset", "requestSignInCode"] {
        app.db_verify("owner").await;
        let ask = format!("mutation {{ {ask}(input: {{ email: \"moved@example.com\" }}) {{ acknowledged }} }}");
        app.anon().ok(&ask, json!({})).await;
    }
    let (_, phone) = device(&app, "both").await;

    // Every table that knows accounts or people, whatever will be added to the database.
    let tables = async |column: &str| {
        let query = "SELECT table_name::text FROM information_schema.columns WHERE table_schema = 'public' AND column_name =";
        app.database_text(&format!("{query} '{column}' ORDER BY 1")).await
    };
    let count = async |table: &str, column: &str, id: Uuid| -> i32 {
        let query = format!("SELECT count(*)::text FROM {table} WHERE {column} = '{id}'");
        app.database_text(&query).await[0].parse().unwrap()
    };
    let (accounts, users) = (tables("account_id").await, tables("user_id").await);
    app.run_jobs().await;
    for table in &accounts {
        assert!(count(table, "account_id", account.into()).await > 0, "{table}: this test must give the account a row there");
    }
    for table in &users {
        assert!(count(table, "user_id", user.into()).await > 0, "{table}: this test must give the person a row there");
    }
    app.advance(TimeDelta::minutes(1));
    sweep(&app).await;

    for table in &accounts {
        let (left, kept) = (count(table, "account_id", account.into()).await, KEPT.iter().any(|(name, _)| name == table));
        assert_eq!(left > 0, kept, "{table} still has {left}");
    }
    for table in &users {
        assert_eq!(count(table, "user_id", user.into()).await, 0, "{table}");
    }
    for (query, left) in [
        ("SELECT name FROM accounts WHERE deleted_at IS NOT NULL", "Deleted account"),
        ("SELECT string_agg(provider_customer_id, ' ') FROM customers WHERE account_id IS NOT NULL", "cus_paid"),
        ("SELECT string_agg(provider_subscription_id, ' ') FROM subscriptions WHERE provider = 'stripe' AND raw IS NULL", "sub_paid"),
        // Whoever comes back has had their trial, and used the card.
        ("SELECT count(*)::text FROM trial_grants WHERE mailbox = sha256('owner@example.com') AND account_id IS NULL", "1"),
        ("SELECT fingerprint FROM card_fingerprints", "one card"),
    ] {
        assert_eq!(app.database_text(query).await, [left]);
    }
    // By no name that they had are they to be found, in any column of any table.
    let all = app.database_text("SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'").await;
    for table in all {
        let named = format!("SELECT row_to_json(t)::text FROM {table} AS t WHERE t::text ~* '(owner|moved|grace|open)@example|owen'");
        assert_eq!(app.database_text(&named).await, NONE, "{table}");
    }
    let (neighbour, _) = device(&app, "neighbour").await;
    let log = neighbour
        .ok("{ viewer { account { auditLog(first: 100) { nodes { action subject ipAddress actor { username } } } } } }", json!({}));
    let log = log.await.data("viewer.account.auditLog.nodes");
    let lines = |action: &str| -> Vec<Value> { log.as_array().unwrap().iter().filter(|line| line["action"] == action).cloned().collect() };
    let invitations = lines("inviteMember");
    assert_eq!(invitations.len(), 2);
    assert!(
        invitations.iter().all(|line| line["subject"].as_str().unwrap().starts_with("deleted-") && !line["ipAddress"].is_null()),
        "{log}"
    );
    let theirs = lines("acceptInvitation");
    assert!(theirs.len() == 2 && theirs.iter().all(|line| line["ipAddress"].is_null()), "{log}");
    assert!(theirs.iter().all(|line| line["actor"]["username"].as_str().unwrap().starts_with("deleted-")), "{log}");

    // Whoever belonged to it alone is gone with it, and their names are free again.
    for name in ["owner", "grace"] {
        assert_eq!(sign_in(&app.anon(), name, PASSWORD).await.refusals("signIn"), ["WRONG_CREDENTIALS"]);
    }
    let people = app.database_text("SELECT row_to_json(u)::text FROM users u WHERE erased_at IS NOT NULL").await;
    assert_eq!(people.len(), 2);
    assert!(people.iter().all(|row| !row.contains("owner") && !row.contains("grace") && !row.contains("argon2")), "{people:?}");
    let again = app.sign_up("owner").await;
    assert_eq!(members(&again).await, [("owner".to_owned(), "OWNER".to_owned())]);
    let trials = "SELECT count(*)::text FROM subscriptions JOIN memberships USING (account_id) JOIN users ON users.id = user_id WHERE username = 'owner'";
    assert_eq!(app.database_text(trials).await, ["0"], "one trial");
    // Whoever belongs elsewhere goes on there, and the neighbours have noticed nothing.
    assert_eq!(refresh(&app.anon(), &phone).await.data("refreshTokens.viewer.account.name"), "both's account");
    let seen = neighbour
        .ok("{ trees { totalCount } sessions { totalCount } viewer { account { auditLog { nodes { action } } } } }", json!({}))
        .await;
    assert_eq!((seen.data("trees.totalCount"), seen.data("sessions.totalCount")), (json!(1), json!(1)));
    assert_ne!(seen.data("viewer.account.auditLog.nodes"), json!([]));

    // What Stripe tells of the account afterwards is entered, and its words go with the next sweep.
    app.db_execute(&format!(
        "INSERT INTO webhook_deliveries (id, event_id, type, status, attempts, account_id, payload, livemode, received_at, processed_at)
         SELECT gen_random_uuid(), 'evt_' || status, 'charge.refunded', status, 1, '{}', '{{}}', false, now(),
             CASE WHEN status IN ('completed', 'ignored') THEN now() END
         FROM unnest(ARRAY['completed', 'ignored', 'dead', 'failed', 'parked', 'processing']) AS status",
        Uuid::from(account)
    ))
    .await;
    sweep(&app).await;
    assert_eq!(app.database_text("SELECT status FROM webhook_deliveries ORDER BY 1").await, ["dead", "failed", "parked", "processing"]);
}

#[tokio::test]
async fn credits_are_written_down_for_as_long_as_the_account_is_there() {
    let (app, owner) = roomy().await;
    let account = Uuid::from(ids(&owner).await.1);
    let entry = async |source: &str| {
        let sql = format!(
            "INSERT INTO credit_entries (id, account_id, delta, balance_after, kind, source, reason, created_at)
             VALUES (gen_random_uuid(), '{account}', 100, 100, 'grant', '{source}', 'sorry', now())"
        );
        app.db_execute(&sql).await;
    };
    entry("one").await;
    let refuse =
        ["UPDATE credit_entries SET delta = 90", "DELETE FROM credit_entries", "TRUNCATE credit_entries", "TRUNCATE accounts CASCADE"];
    for sql in refuse {
        let (client, connection) = app.app.db.target().connect().await.unwrap();
        tokio::spawn(connection);
        let refused = client.batch_execute(sql).await.expect_err(sql);
        assert!(refused.as_db_error().unwrap().message().contains("rows of credit_entries never"), "{sql}: {refused:?}");
    }
    let left = async || app.database_text("SELECT source FROM credit_entries").await;
    assert_eq!(left().await, ["one"]);
    delete(&owner, "owner's account").await;
    app.advance(TimeDelta::days(7));
    sweep(&app).await;
    assert_eq!(left().await, NONE);
    // What a payment that comes later adds goes, too.
    entry("late").await;
    sweep(&app).await;
    assert_eq!(left().await, NONE);
}
