//! The end of an account: asked for, undone, done.

mod erased;
mod mails;
mod people;
mod told;

use chrono::TimeDelta;
use fixpath::id::AccountId;
use fixpath::jobs::Job;
use fixpath::jobs::registry::SCHEDULES;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::members::{accept_as, invite, invited, members, roomy};
use crate::support::people::{colleague, device, ids, refresh, who};
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
