//! The end of an account: asked for, undone, done.

use chrono::TimeDelta;
use fixpath::billing::jobs::BillingJob;
use fixpath::id::{AccountId, UserId};
use fixpath::identity::erase_account::erase_account;
use fixpath::jobs::Job;
use fixpath::jobs::registry::SCHEDULES;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::PASSWORD;
use crate::support::members::{accept, accept_as, invite, invited, members, remove, roomy};
use crate::support::people::{asked_for, colleague, device, ids, move_to, refresh, sign_in, who};
use crate::support::stripe::{self, Story};
use crate::support::trees::{looping, published, start};
use crate::support::{Actor, Answer, TestApp};

const NONE: Vec<String> = Vec::new();

async fn delete(actor: &Actor, name: &str) -> Answer {
    let query =
        "mutation($name: String!) { deleteAccount(input: { confirmName: $name }) { acknowledged userErrors { code message path } } }";
    actor.ok(query, json!({ "name": name })).await
}

async fn restore(actor: &Actor) -> Answer {
    actor.ok("mutation { restoreAccount { account { name deletesAt } userErrors { code } } }", json!({})).await
}

/// What is done every hour.
async fn sweep(app: &TestApp) {
    app.run_job(&Job::EraseAccounts).await;
    app.run_jobs().await;
}

async fn deletes_at(actor: &Actor) -> Value {
    actor.ok("{ viewer { account { deletesAt } } }", json!({})).await.data("viewer.account.deletesAt")
}

#[tokio::test]
async fn an_owner_asks_for_it_by_name() {
    let (app, owner) = roomy().await;
    for role in ["technician", "engineer", "admin"] {
        let person = colleague(&app, &owner, role, role).await;
        assert_eq!(delete(&person, "owner's account").await.refusals("deleteAccount"), ["FORBIDDEN"]);
        assert_eq!(restore(&person).await.refusals("restoreAccount"), ["FORBIDDEN"]);
    }
    assert_eq!(delete(&app.anon(), "owner's account").await.refusals("deleteAccount"), ["UNAUTHENTICATED"]);
    assert_eq!(restore(&app.anon()).await.refusals("restoreAccount"), ["UNAUTHENTICATED"]);
    let wrong = delete(&owner, "Owner's account").await;
    assert_eq!(wrong.refusals("deleteAccount"), ["INVALID"]);
    assert_eq!(wrong.data("deleteAccount.userErrors.0.path"), json!(["confirmName"]));
    assert_eq!(restore(&owner).await.refusals("restoreAccount"), ["WRONG_STATE"]);
    assert_eq!(deletes_at(&owner).await, Value::Null);
    assert_eq!(delete(&owner, "owner's account").await.refusals("deleteAccount"), NONE);
    assert_eq!(deletes_at(&owner).await, "2026-01-08T12:00:00.000Z");
    assert_eq!(delete(&owner, "owner's account").await.refusals("deleteAccount"), ["WRONG_STATE"]);
    app.leave_jobs();
}

#[tokio::test]
async fn within_a_week_it_can_be_undone_and_nothing_is_lost() {
    let (app, owner) = roomy().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let token = invited(&app, &owner, "grace@example.com", "ENGINEER").await;
    delete(&owner, "owner's account").await;
    // It works as before, but nobody joins what is about to go.
    start(&owner, &tree).await;
    assert_eq!(accept_as(&app, &token, "grace").await.refusals("acceptInvitation"), ["WRONG_STATE"]);
    assert_eq!(invite(&app, &owner, "ada@example.com", "ENGINEER").await.refusals("inviteMember"), ["WRONG_STATE"]);
    sweep(&app).await;
    assert_eq!(who(&owner).await, "owner", "not before its day");

    app.advance(TimeDelta::days(6));
    let (owner, _) = device(&app, "owner").await;
    assert_eq!(restore(&owner).await.data("restoreAccount.account"), json!({ "name": "owner's account", "deletesAt": null }));
    assert_eq!(accept_as(&app, &token, "grace").await.refusals("acceptInvitation"), NONE);
    app.advance(TimeDelta::days(2));
    sweep(&app).await;
    let (owner, _) = device(&app, "owner").await;
    assert_eq!(members(&owner).await.len(), 2);
    // Asked for anew: the first day, which has passed, counts no more.
    delete(&owner, "owner's account").await;
    sweep(&app).await;
    assert_eq!(who(&owner).await, "owner");
    app.leave_jobs();
}

#[tokio::test]
async fn an_erasure_waits_for_its_day_and_is_tried_until_it_is_done() {
    let (app, owner) = roomy().await;
    let (_, account) = ids(&owner).await;
    let other = app.sign_up("other").await;
    let (_, other_account) = ids(&other).await;
    delete(&owner, "owner's account").await;
    delete(&other, "other's account").await;
    sweep(&app).await;
    assert_eq!((who(&owner).await, who(&other).await), (json!("owner"), json!("other")), "not before its day");

    app.advance(TimeDelta::days(7));
    assert!(SCHEDULES.iter().any(|schedule| schedule.job == Job::EraseAccounts && schedule.every == "1h"));
    // One that cannot be erased, because it pays, keeps the other one from nothing, and is tried again.
    app.db_execute(&format!(
        "INSERT INTO subscriptions (id, account_id, plan_id, status, seats, provider, provider_subscription_id, created_at, updated_at)
         SELECT gen_random_uuid(), '{}', id, 'active', 1, 'stripe', 'sub_1', now(), now() FROM plans WHERE key = 'pro'",
        Uuid::from(account)
    ))
    .await;
    let erased = async |account: AccountId| {
        let query = format!("SELECT (deleted_at IS NOT NULL)::text FROM accounts WHERE id = '{}'", Uuid::from(account));
        app.database_text(&query).await == ["true"]
    };
    sweep(&app).await;
    assert_eq!((erased(account).await, erased(other_account).await), (false, true));
    app.db_execute("UPDATE subscriptions SET status = 'canceled' WHERE provider = 'stripe'").await;
    app.advance(TimeDelta::minutes(2));
    app.run_jobs().await;
    assert!(erased(account).await);
}

/// What outlives the account, and why.
const KEPT: [(&str, &str); 5] = [
    ("payments", "tax law"),
    ("purchases", "tax law"),
    ("subscriptions", "what payments paid for, without Stripe's words"),
    ("customers", "who paid, as Stripe calls them"),
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
        INSERT INTO checkouts (id, account_id, user_id, purpose, status, credits, amount, currency, success_url, expires_at, created_at, updated_at)
            SELECT gen_random_uuid(), whose, '{user}', 'credits', 'completed', 100, 1000, 'USD', 'https://desk.example/owner', now(), now(), now()
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

#[tokio::test(flavor = "multi_thread")]
async fn money_that_stripe_told_of_before_and_that_is_placed_afterwards_is_entered() {
    let (app, owner, _) = stripe::app().await;
    let (_, account) = ids(&owner).await;
    let late = Story::new("late");
    app.expect(&late.event("invoice.paid", 1, late.invoice("paid", 0, &[])), "parked").await;
    // What was never decided, under the account and under a customer of its; and what was.
    app.db_execute(&format!(
        "INSERT INTO customers (id, account_id, provider_customer_id, is_primary, created_at)
             VALUES (gen_random_uuid(), '{1}', '{0}', false, now());
         INSERT INTO webhook_deliveries (id, event_id, type, status, attempts, account_id, provider_customer_id, payload, livemode, received_at, processed_at)
         SELECT gen_random_uuid(), 'evt_' || status || coalesce(whose::text, ''), 'charge.updated', status, 1, whose, '{0}', '{{}}', false, now(),
             CASE WHEN status <> 'dead' THEN now() END
         FROM unnest(ARRAY['completed', 'dead', 'stale']) AS status, unnest(ARRAY['{1}', NULL]::uuid[]) AS whose",
        late.customer,
        Uuid::from(account)
    ))
    .await;
    delete(&owner, "owner's account").await;
    app.advance(TimeDelta::days(7));
    sweep(&app).await;
    assert_eq!(app.database_text("SELECT name FROM accounts").await, ["Deleted account"]);
    assert_eq!(app.database_text("SELECT status FROM webhook_deliveries ORDER BY 1").await, ["dead", "dead", "parked"]);

    app.run_job(&Job::Billing(BillingJob::RetryOverdue)).await;
    let paid = format!("SELECT status FROM payments WHERE account_id = '{}'", Uuid::from(account));
    assert_eq!(app.database_text(&paid).await, ["succeeded"]);
    sweep(&app).await;
    assert_eq!(app.database_text("SELECT status FROM webhook_deliveries").await, ["dead", "dead"], "it is entered, and its words are gone");
    app.leave_jobs();
}

#[tokio::test]
async fn addresses_that_were_only_typed_are_not_taken_out_of_others_logs() {
    let (app, owner) = roomy().await;
    let mallory = app.sign_up("mallory").await;
    for name in ["mallory", "victim", "second", "wanted"] {
        let invitation = invite(&app, &owner, &format!("{name}@example.com"), "TECHNICIAN").await.str("inviteMember.invitation.id");
        let revoke = "mutation($id: ID!) { revokeInvitation(input: { id: $id }) { userErrors { code } } }";
        assert_eq!(owner.ok(revoke, json!({ "id": invitation })).await.refusals("revokeInvitation"), NONE);
    }
    // Typed.
    for name in ["victim", "second"] {
        asked_for(&app, &mallory, &format!("{name}@example.com")).await;
    }
    // Proved, and hers; what she had before was proved, too, and left: somebody else has it now.
    app.db_verify("mallory").await;
    move_to(&app, &mallory, "wanted@example.com").await;
    app.sign_up("heir").await;
    app.db_execute("UPDATE users SET email = 'mallory@example.com' WHERE username = 'heir'").await;
    delete(&mallory, "mallory's account").await;
    let invitations = "SELECT email FROM invitations ORDER BY email COLLATE \"C\"";
    let lines =
        "SELECT action || ' ' || split_part(subject, ' ', 1) FROM audit_entries WHERE action ~ 'Invitation|inviteMember' ORDER BY 1";
    let mut expected = app.database_text(lines).await;
    app.advance(TimeDelta::days(7));
    sweep(&app).await;
    assert_eq!(app.database_text("SELECT (erased_at IS NOT NULL)::text FROM users WHERE username ~ '^deleted'").await, ["true"]);
    assert_eq!(app.database_text(invitations).await, ["mallory@example.com", "second@example.com", "victim@example.com"]);
    let mut left = app.database_text(lines).await;
    assert_eq!((expected.len(), left.iter().filter(|line| line.contains(" deleted-")).count()), (8, 2), "{left:?}");
    expected.retain(|line| !line.contains("wanted"));
    left.retain(|line| !line.contains(" deleted-"));
    assert_eq!(left, expected);
}

#[tokio::test]
async fn what_stripe_told_under_no_account_is_kept_for_a_week() {
    let (app, owner) = roomy().await;
    let (_, gone) = ids(&owner).await;
    let (_, lives) = ids(&app.sign_up("other").await).await;
    app.db_execute(&format!(
        "INSERT INTO customers (id, account_id, provider_customer_id, deleted_at, created_at) VALUES
             (gen_random_uuid(), '{}', 'cus_gone', NULL, now()), (gen_random_uuid(), '{}', 'cus_lives', NULL, now()),
             (gen_random_uuid(), NULL, 'cus_nobody', now(), now());
         UPDATE accounts SET deletes_at = created_at, deleted_at = created_at WHERE id = '{0}';
         INSERT INTO webhook_deliveries (id, event_id, type, status, attempts, provider_customer_id, payload, livemode, received_at, processed_at)
             SELECT gen_random_uuid(), concat(status, ' ', customer), 'customer.updated', status, 1, customer, '{{}}', false, '{2}',
                 CASE WHEN status <> 'parked' THEN '{2}'::timestamptz END
             FROM unnest(ARRAY['tombstone', 'ignored', 'parked']) AS status, unnest(ARRAY['cus_gone', 'cus_lives', 'cus_nobody', NULL]) AS customer",
        Uuid::from(gone),
        Uuid::from(lives),
        app.app.clock.now().to_rfc3339()
    ))
    .await;
    let left = "SELECT event_id FROM webhook_deliveries ORDER BY event_id COLLATE \"C\"";
    app.advance(TimeDelta::days(7));
    sweep(&app).await;
    assert_eq!(app.database_text(left).await.len(), 12);
    app.advance(TimeDelta::seconds(1));
    sweep(&app).await;
    let undecided = ["parked ", "parked cus_gone", "parked cus_lives", "parked cus_nobody"];
    assert_eq!(app.database_text(left).await, [&["ignored cus_lives"][..], &undecided, &["tombstone cus_lives"]].concat());
}

#[tokio::test]
async fn an_account_may_be_so_large_that_its_end_takes_longer_than_a_request() {
    let (app, owner) = roomy().await;
    app.db_execute(
        "CREATE FUNCTION limited() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF current_setting('statement_timeout') <> '0' THEN RAISE EXCEPTION 'it may take too long'; END IF; RETURN OLD; END $$;
         CREATE TRIGGER limited BEFORE DELETE ON memberships FOR EACH ROW EXECUTE FUNCTION limited()",
    )
    .await;
    delete(&owner, "owner's account").await;
    app.advance(TimeDelta::days(7));
    sweep(&app).await;
    assert_eq!(app.database_text("SELECT name FROM accounts").await, ["Deleted account"]);
}

#[tokio::test]
async fn who_was_signed_in_when_it_went_is_out_in_every_process() {
    let (app, owner) = roomy().await;
    delete(&owner, "owner's account").await;
    app.advance(TimeDelta::days(7));
    let (owner, token) = device(&app, "owner").await;
    let (second, router) = app.second_process();
    second.notices.heard().await;
    let elsewhere = owner.through(router);
    assert_eq!((who(&owner).await, who(&elsewhere).await), (json!("owner"), json!("owner")));
    sweep(&app).await;
    assert_eq!(who(&owner).await, Value::Null);
    assert_eq!(refresh(&app.anon(), &token).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"]);
    let mutation = "mutation { updateProfile(input: {}) { userErrors { code } } }";
    assert_eq!(elsewhere.ok(mutation, json!({})).await.refusals("updateProfile"), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn of_an_undoing_and_the_deletion_at_once_one_wins_whole() {
    for _ in 0..5 {
        let (app, owner) = roomy().await;
        delete(&owner, "owner's account").await;
        app.advance(TimeDelta::days(7));
        let (owner, _) = device(&app, "owner").await;
        let (restored, ()) = tokio::join!(restore(&owner), sweep(&app));
        match restored.refusals("restoreAccount").first().map(String::as_str) {
            None => assert_eq!(members(&owner).await.len(), 1),
            Some(code) => {
                assert_eq!(code, "UNAUTHENTICATED");
                assert_eq!(who(&owner).await, Value::Null);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_belonged_to_two_accounts_that_go_at_once_is_erased() {
    let (app, owner) = roomy().await;
    let both = colleague(&app, &owner, "both", "engineer").await;
    let (person, account) = ids(&both).await;
    let home = app.database_text("SELECT id::text FROM accounts WHERE name = 'both''s account'").await;
    let home = AccountId::from(Uuid::parse_str(&home[0]).unwrap());
    app.db_execute("UPDATE accounts SET deletes_at = created_at").await;
    // Both erasures have come to the person before either ends.
    let (holder, connection) = app.app.db.target().connect().await.unwrap();
    tokio::spawn(connection);
    holder.batch_execute(&format!("BEGIN; SELECT FROM users WHERE id = '{}' FOR NO KEY UPDATE", Uuid::from(person))).await.unwrap();
    let erasures = [account, home].map(|account| {
        let app = app.app.clone();
        tokio::spawn(async move { erase_account(&app, account).await })
    });
    let waiting = "SELECT DISTINCT pid::text FROM pg_locks WHERE NOT granted
         AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    for _ in 0..1000 {
        if app.database_text(waiting).await.len() == 2 || erasures.iter().all(|erasure| erasure.is_finished()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    holder.batch_execute("COMMIT").await.unwrap();
    for erasure in erasures {
        erasure.await.unwrap().unwrap();
    }
    let erased = "SELECT (erased_at IS NOT NULL AND email !~ 'both')::text FROM users WHERE id = ";
    assert_eq!(app.database_text(&format!("{erased}'{}'", Uuid::from(person))).await, ["true"]);
}
