//! The end of an account: asked for, undone, done.

use chrono::TimeDelta;
use fixpath::id::AccountId;
use fixpath::jobs::Job;
use fixpath::jobs::registry::SCHEDULES;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::PASSWORD;
use crate::support::members::{accept_as, invite, invited, members, roomy};
use crate::support::people::{colleague, device, ids, refresh, sign_in, who};
use crate::support::trees::{looping, published, start};
use crate::support::{Actor, Answer};

const NONE: Vec<String> = Vec::new();

async fn delete(actor: &Actor, name: &str) -> Answer {
    let query =
        "mutation($name: String!) { deleteAccount(input: { confirmName: $name }) { acknowledged userErrors { code message path } } }";
    actor.ok(query, json!({ "name": name })).await
}

async fn restore(actor: &Actor) -> Answer {
    actor.ok("mutation { restoreAccount { account { name deletesAt } userErrors { code } } }", json!({})).await
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
    app.run_jobs().await;
    assert_eq!(who(&owner).await, "owner", "not before its day");

    app.advance(TimeDelta::days(6));
    let (owner, _) = device(&app, "owner").await;
    assert_eq!(restore(&owner).await.data("restoreAccount.account"), json!({ "name": "owner's account", "deletesAt": null }));
    assert_eq!(accept_as(&app, &token, "grace").await.refusals("acceptInvitation"), NONE);
    app.advance(TimeDelta::days(2));
    app.run_jobs().await;
    let (owner, _) = device(&app, "owner").await;
    assert_eq!(members(&owner).await.len(), 2);
    // Asked for anew: the first day, which has passed, counts no more.
    delete(&owner, "owner's account").await;
    app.run_jobs().await;
    assert_eq!(who(&owner).await, "owner");
    app.leave_jobs();
}

#[tokio::test]
async fn an_erasure_is_not_lost_where_its_job_came_early_or_never() {
    let (app, owner) = roomy().await;
    let (_, account) = ids(&owner).await;
    let other = app.sign_up("other").await;
    let (_, other_account) = ids(&other).await;
    delete(&owner, "owner's account").await;
    delete(&other, "other's account").await;
    // The database's clock is ahead of ours, so the one job runs too early; the other one was dropped.
    app.db_execute("DELETE FROM graphile_worker._private_jobs").await;
    app.run_job(&Job::EraseAccount { account }).await;
    app.run_job(&Job::EraseAccounts).await;
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
    app.run_job(&Job::EraseAccounts).await;
    assert_eq!((erased(account).await, erased(other_account).await), (false, true));
    app.db_execute("UPDATE subscriptions SET status = 'canceled' WHERE provider = 'stripe'").await;
    app.advance(TimeDelta::minutes(2));
    app.run_jobs().await;
    assert!(erased(account).await);
}

#[tokio::test]
async fn after_a_week_all_of_it_is_gone_but_what_the_law_keeps() {
    let (app, owner) = roomy().await;
    let (_, account) = ids(&owner).await;
    let neighbour = app.sign_up("neighbour").await;
    let both = colleague(&app, &owner, "both", "engineer").await;
    let token = invited(&app, &owner, "grace@example.com", "TECHNICIAN").await;
    let grace = app.anon().signed_in(&accept_as(&app, &token, "grace").await.str("acceptInvitation.accessToken"));
    invite(&app, &owner, "open@example.com", "TECHNICIAN").await;
    for who in [&owner, &neighbour] {
        let (tree, _) = published(who, "Light", looping()).await;
        start(who, &tree).await;
    }
    let (tree, _) = published(&owner, "Second", looping()).await;
    start(&grace, &tree).await;
    start(&both, &tree).await;
    let change = "mutation($p: String!) { changeEmail(input: { email: \"moved@example.com\", password: $p }) { userErrors { code } } }";
    assert_eq!(owner.ok(change, json!({ "p": PASSWORD })).await.refusals("changeEmail"), NONE);
    delete(&owner, "owner's account").await;
    app.advance(TimeDelta::days(7));
    for ask in ["requestPasswordReset", "requestSignInCode"] {
        app.db_verify("owner").await;
        let ask = format!("mutation {{ {ask}(input: {{ email: \"moved@example.com\" }}) {{ acknowledged }} }}");
        app.anon().ok(&ask, json!({})).await;
    }
    let (_, phone) = device(&app, "both").await;
    app.run_jobs().await;
    app.run_job(&Job::EraseAccount { account }).await;

    // Every table that knows accounts, whatever will be added to the database.
    let tables = app
        .database_text("SELECT table_name::text FROM information_schema.columns WHERE column_name = 'account_id' AND table_schema = 'public' ORDER BY 1")
        .await;
    assert!(tables.len() >= 8, "{tables:?}");
    for table in tables {
        // Devices of people who belong elsewhere: with their next refresh they speak for another account.
        let kept = ["sign_ins"].contains(&table.as_str());
        let left = app.database_text(&format!("SELECT count(*)::text FROM {table} WHERE account_id = '{}'", Uuid::from(account))).await;
        assert!(kept || left == ["0"], "{table} still has {left:?}");
    }
    let row = app.database_text(&format!("SELECT name FROM accounts WHERE id = '{}'", Uuid::from(account))).await;
    assert_eq!(row, ["Deleted account"]);

    // Whoever belonged to it alone is gone with it, and their names are free again.
    for name in ["owner", "grace"] {
        assert_eq!(sign_in(&app.anon(), name, PASSWORD).await.refusals("signIn"), ["WRONG_CREDENTIALS"]);
    }
    for table in ["sign_ins", "identities", "email_tokens", "sign_in_codes", "email_changes"] {
        let of_erased = format!("SELECT count(*)::text FROM {table} JOIN users ON users.id = user_id WHERE erased_at IS NOT NULL");
        assert_eq!(app.database_text(&of_erased).await, ["0"], "{table}");
    }
    let people = app.database_text("SELECT row_to_json(u)::text FROM users u WHERE erased_at IS NOT NULL").await;
    assert_eq!(people.len(), 2);
    assert!(people.iter().all(|row| !row.contains("owner") && !row.contains("grace") && !row.contains("argon2")), "{people:?}");
    let again = app.sign_up("owner").await;
    assert_eq!(members(&again).await, [("owner".to_owned(), "OWNER".to_owned())]);
    // Whoever belongs elsewhere goes on there, and the neighbours have noticed nothing.
    assert_eq!(refresh(&app.anon(), &phone).await.data("refreshTokens.viewer.account.name"), "both's account");
    let (neighbour, _) = device(&app, "neighbour").await;
    let seen = neighbour
        .ok("{ trees { totalCount } sessions { totalCount } viewer { account { auditLog { nodes { action } } } } }", json!({}))
        .await;
    assert_eq!((seen.data("trees.totalCount"), seen.data("sessions.totalCount")), (json!(1), json!(1)));
    assert_ne!(seen.data("viewer.account.auditLog.nodes"), json!([]));
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
    app.run_jobs().await;
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
        let (restored, ()) = tokio::join!(restore(&owner), app.run_jobs());
        match restored.refusals("restoreAccount").first().map(String::as_str) {
            None => assert_eq!(members(&owner).await.len(), 1),
            Some(code) => {
                assert_eq!(code, "UNAUTHENTICATED");
                assert_eq!(who(&owner).await, Value::Null);
            }
        }
    }
}
