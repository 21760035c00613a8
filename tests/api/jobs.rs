//! The queue: jobs belong to the transaction that made them, come back after they failed, and die when they fail too often.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, SmallInt, Text};
use diesel_async::RunQueryDsl;
use fixpath::billing::jobs::BillingJob;
use fixpath::billing::mails::BillingMail;
use fixpath::db::Db;
use fixpath::db::migrate::{Direction, migrate};
use fixpath::db::tls::Target;
use fixpath::error::Error;
use fixpath::id::{Id, PaymentId};
use fixpath::jobs::{self, Job, queue};
use fixpath::staff::alerts::{self, Kind};
use serde_json::json;

use crate::support::TestApp;
use crate::support::app::PASSWORD;
use crate::support::database::Database;
use crate::support::people::{self, device};
use crate::support::trees::{answer, looping, published, start};

const JOBS: &str = "graphile_worker._private_jobs";

#[derive(Debug, QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

async fn count(app: &TestApp, table: &str) -> i64 {
    let query = diesel::sql_query(format!("SELECT count(*) AS number FROM {table}"));
    query.get_result::<Number>(&mut app.app.db.conn().await.unwrap()).await.unwrap().number
}

#[derive(Debug, QueryableByName)]
struct Waiting {
    #[diesel(sql_type = SmallInt)]
    attempts: i16,
    #[diesel(sql_type = Text)]
    last_error: String,
    /// Seconds from the app's now.
    #[diesel(sql_type = BigInt)]
    due_in: i64,
}

/// The only job in the queue.
async fn waiting(app: &TestApp) -> Waiting {
    let query = diesel::sql_query(
        "SELECT attempts, coalesce(last_error, '') AS last_error, extract(epoch FROM run_at - interval '400000 days' - $1)::bigint AS due_in FROM graphile_worker._private_jobs",
    );
    let query = query.bind::<diesel::sql_types::Timestamptz, _>(app.app.clock.now());
    query.get_result(&mut app.app.db.conn().await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rolled_back_leaves_no_job() {
    let app = TestApp::new().await;
    let result = app.app.db.transaction(async |conn| {
        jobs::enqueue(conn, &Job::ForgetSignIns, None).await?;
        Err::<(), _>(Error::internal("no"))
    });
    assert!(result.await.is_err());
    assert_eq!(count(&app, JOBS).await, 0);

    let result = app.app.db.transaction(async |conn| jobs::enqueue(conn, &Job::ForgetSignIns, None).await);
    result.await.unwrap();
    assert_eq!(count(&app, JOBS).await, 1);
    app.run_jobs().await;
    assert_eq!(count(&app, JOBS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_for_its_time() {
    let app = TestApp::new().await;
    let later = app.app.clock.now() + TimeDelta::hours(1);
    jobs::enqueue(&mut app.app.db.conn().await.unwrap(), &Job::ForgetSignIns, Some(later)).await.unwrap();
    app.run_jobs().await;
    assert_eq!(waiting(&app).await.due_in, 3600);
    app.advance(TimeDelta::minutes(59));
    app.run_jobs().await;
    assert_eq!(waiting(&app).await.due_in, 60);
    app.advance(TimeDelta::minutes(1));
    app.run_jobs().await;
    assert_eq!(count(&app, JOBS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_that_nobody_can_continue_are_forgotten() {
    let app = TestApp::new().await;
    app.sign_up("ada").await;
    device(&app, "ada").await;
    app.advance(TimeDelta::days(29));
    device(&app, "ada").await;
    app.run_job(&Job::ForgetSignIns).await;
    assert_eq!((count(&app, "sign_ins").await, count(&app, "refresh_tokens").await), (3, 3));
    app.advance(TimeDelta::days(2));
    app.run_job(&Job::ForgetSignIns).await;
    assert_eq!((count(&app, "sign_ins").await, count(&app, "refresh_tokens").await), (3, 1), "expired tokens go at once");
    app.advance(TimeDelta::days(30));
    app.run_job(&Job::ForgetSignIns).await;
    assert_eq!((count(&app, "sign_ins").await, count(&app, "refresh_tokens").await), (1, 0), "devices are remembered as long again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_comes_back_later_each_time() {
    let app = TestApp::new().await;
    app.db_execute("ALTER TABLE sign_ins RENAME TO hidden").await;
    app.run_job(&Job::ForgetSignIns).await;
    let job = waiting(&app).await;
    assert_eq!(job.attempts, 1);
    assert!((48..=72).contains(&job.due_in), "a minute, more or less: {job:?}");
    assert!(job.last_error.contains("sign_ins"), "{job:?}");

    app.advance(TimeDelta::seconds(73));
    app.run_jobs().await;
    let job = waiting(&app).await;
    assert_eq!(job.attempts, 2);
    assert!((480..=720).contains(&job.due_in), "ten minutes, more or less: {job:?}");

    app.db_execute("ALTER TABLE hidden RENAME TO sign_ins").await;
    app.advance(TimeDelta::minutes(13));
    app.run_jobs().await;
    assert_eq!(count(&app, JOBS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_too_often_is_dead_and_stays_to_be_seen() {
    let app = TestApp::new().await;
    app.leave_jobs();
    app.db_execute("ALTER TABLE sign_ins RENAME TO hidden").await;
    app.run_job(&Job::ForgetSignIns).await;
    for _ in 2..=5 {
        app.advance(TimeDelta::hours(2));
        app.run_jobs().await;
    }
    assert_eq!(waiting(&app).await.attempts, 5);
    app.db_execute("ALTER TABLE hidden RENAME TO sign_ins").await;
    app.advance(TimeDelta::days(10));
    app.run_jobs().await;
    assert_eq!(waiting(&app).await.attempts, 5, "nobody takes it any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_newer_version_waits_for_who_knows_it() {
    let app = TestApp::new().await;
    app.leave_jobs();
    app.db_execute(r#"SELECT graphile_worker.add_job('fixpath', '{"job":"fold_laundry","with":{"shirts":3}}')"#).await;
    // More often than a job may be tried.
    for _ in 0..30 {
        app.run_jobs().await;
        assert_eq!(waiting(&app).await.due_in, 30);
        app.advance(TimeDelta::seconds(30));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_is_moved_into_the_queue_and_each_job_once() {
    let app = TestApp::new().await;
    let result = app.app.db.transaction(async |conn| {
        jobs::outbox::put(conn, &Job::TendQueue, None).await?;
        Err::<(), _>(Error::internal("no"))
    });
    assert!(result.await.is_err());
    app.app
        .db
        .transaction(async |conn| {
            for _ in 0..1200 {
                jobs::outbox::put(conn, &Job::TendQueue, None).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!((count(&app, "outbox").await, count(&app, JOBS).await), (1200, 0));
    let movers = (0..4).map(|_| jobs::outbox::move_all(&app.app.db));
    let moved: usize = futures_util::future::join_all(movers).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(moved, 1200);
    assert_eq!((count(&app, "outbox").await, count(&app, JOBS).await), (0, 1200));
    app.db_execute("DELETE FROM graphile_worker._private_jobs WHERE id > (SELECT min(id) FROM graphile_worker._private_jobs)").await;
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_moves_out_of_the_outbox_counts_as_waiting() {
    let app = TestApp::new().await;
    let oldest = async || queue::measure(&mut app.app.db.conn().await.unwrap()).await.unwrap().oldest_seconds;
    assert_eq!(oldest().await, 0);
    jobs::outbox::put(&mut app.app.db.conn().await.unwrap(), &Job::ForgetSignIns, None).await.unwrap();
    app.db_execute("UPDATE outbox SET put_at = now() - interval '20 minutes'").await;
    assert!((1200..1300).contains(&oldest().await));
    app.run_jobs().await;
    assert_eq!(oldest().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_through_the_outbox_runs_when_it_is_due() {
    let app = TestApp::new().await;
    let later = app.app.clock.now() + TimeDelta::seconds(2);
    jobs::outbox::put(&mut app.app.db.conn().await.unwrap(), &Job::ForgetSignIns, Some(later)).await.unwrap();
    app.run_jobs().await;
    assert_eq!((count(&app, "outbox").await, count(&app, JOBS).await), (0, 1));
    app.advance(TimeDelta::seconds(2));
    app.run_jobs().await;
    assert_eq!(count(&app, JOBS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_nobody_touched_for_a_month_are_abandoned() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let (idle, paused, busy) = (start(&owner, &tree).await, start(&owner, &tree).await, start(&owner, &tree).await);
    let pause = "mutation($id: ID!) { pauseSession(input: { sessionId: $id, revision: 1 }) { userErrors { code } } }";
    owner.ok(pause, json!({ "id": paused })).await;
    app.advance(TimeDelta::days(29));
    let owner = owner.signed_in(&device_token(&app).await);
    answer(&owner, &busy, 1, "light", json!({ "option": "no" })).await;
    app.advance(TimeDelta::days(1) + TimeDelta::seconds(1));
    let owner = owner.signed_in(&device_token(&app).await);
    app.run_job(&Job::AbandonSessions).await;
    let query = "query($id: ID!) { session(id: $id) { status revision endedAt steps { nodes { kind by { username } } } } }";
    for (id, revision) in [(&idle, 2), (&paused, 3)] {
        let session = owner.ok(query, json!({ "id": id })).await.data("session");
        assert_eq!((&session["status"], &session["revision"]), (&json!("ABANDONED"), &json!(revision)));
        let last = session["steps"]["nodes"].as_array().unwrap().last().unwrap();
        assert_eq!(*last, json!({ "kind": "ABANDONED", "by": { "username": "owner" } }));
        assert!(session["endedAt"].is_string());
    }
    assert_eq!(owner.ok(query, json!({ "id": busy })).await.data("session.status"), "ACTIVE");
}

async fn device_token(app: &TestApp) -> String {
    people::sign_in(&app.anon(), "owner", PASSWORD).await.str("signIn.accessToken")
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_see_dead_jobs_and_open_alerts_until_they_clear() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let query = "{ staff { alerts { kind subject message openedAt } deadJobs { name subject attempts lastError createdAt diedAt } } }";
    for person in [&anon, &owner] {
        assert_eq!(person.ok(query, json!({})).await.data("staff"), json!(null));
    }
    app.make_staff("owner").await;
    assert_eq!(owner.ok(query, json!({})).await.data("staff"), json!({ "alerts": [], "deadJobs": [] }));

    app.db_execute("ALTER TABLE sessions RENAME TO hidden_sessions").await;
    for _ in 0..2 {
        jobs::enqueue(&mut app.app.db.conn().await.unwrap(), &Job::AbandonSessions, None).await.unwrap();
    }
    for _ in 1..=5 {
        app.run_jobs().await;
        app.advance(TimeDelta::hours(2));
    }
    let owner = owner.signed_in(&device_token(&app).await);
    let staff = owner.ok(query, json!({})).await.data("staff");
    let alerts = staff["alerts"].as_array().unwrap();
    assert_eq!(alerts.len(), 1, "two jobs died of one cause: {staff}");
    assert_eq!((&alerts[0]["kind"], &alerts[0]["subject"]), (&json!("dead_job"), &json!("abandon_sessions")));
    assert!(alerts[0]["message"].as_str().unwrap().contains("fixpath jobs retry abandon_sessions"));
    let dead = staff["deadJobs"].as_array().unwrap();
    assert_eq!((dead.len(), &dead[0]["name"], &dead[0]["attempts"]), (2, &json!("abandon_sessions"), &json!(5)));
    assert!(dead[0]["lastError"].as_str().unwrap().contains("sessions"), "{staff}");
    let metrics = app.get("/metrics").await.text();
    assert!(metrics.contains("jobs_runs_total{job=\"abandon_sessions\",outcome=\"retried\"}"), "{metrics}");
    assert!(metrics.contains("jobs_queue{state=\"dead\"}") && metrics.contains("alerts_open{kind=\"dead_job\"}"), "{metrics}");

    app.run_job(&Job::TendQueue).await;
    assert_eq!(owner.ok(query, json!({})).await.data("staff.alerts").as_array().unwrap().len(), 1, "it lasts");
    app.db_execute("ALTER TABLE hidden_sessions RENAME TO sessions").await;
    assert_eq!(queue::revive(&mut app.app.db.conn().await.unwrap(), "abandon_sessions").await.unwrap(), 2);
    app.run_jobs().await;
    app.run_job(&Job::TendQueue).await;
    assert_eq!(owner.ok(query, json!({})).await.data("staff"), json!({ "alerts": [], "deadJobs": [] }));
}

/// The queue knows of one of billing's jobs only whose it is; its alert, the list and the command call it alike.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_job_of_billing_has_one_name() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.make_staff("owner").await;
    app.db_execute("ALTER TABLE payments RENAME TO hidden").await;
    let payment = PaymentId::new(&app.app.clock);
    for job in [BillingJob::PayBack { payment }, BillingJob::Mail(BillingMail::Renewed { payment })] {
        jobs::enqueue(&mut app.app.db.conn().await.unwrap(), &Job::Billing(job), None).await.unwrap();
    }
    for _ in 1..=12 {
        app.run_jobs().await;
        app.advance(TimeDelta::hours(8));
    }
    let owner = owner.signed_in(&device_token(&app).await);
    let query = "{ staff { alerts { subject message } deadJobs { name } } }";
    let told = async || {
        let staff = owner.ok(query, json!({})).await.data("staff");
        let names = |list: &str, name: &str| -> BTreeSet<String> {
            staff[list].as_array().unwrap().iter().map(|item| item[name].as_str().unwrap().to_owned()).collect()
        };
        for alert in staff["alerts"].as_array().unwrap() {
            let command = format!("`fixpath jobs retry {}`", alert["subject"].as_str().unwrap());
            assert!(alert["message"].as_str().unwrap().contains(&command), "{alert}");
        }
        (names("alerts", "subject"), names("deadJobs", "name"))
    };
    let both = BTreeSet::from(["address_billing_mail", "pay_back"].map(str::to_owned));
    assert_eq!(told().await, (both.clone(), both.clone()));
    app.run_job(&Job::TendQueue).await;
    assert_eq!(told().await, (both.clone(), both), "it lasts");

    app.db_execute("ALTER TABLE hidden RENAME TO payments").await;
    let conn = &mut app.app.db.conn().await.unwrap();
    assert_eq!(queue::drop_dead(conn, "billing").await.unwrap(), 0, "that is no name");
    assert_eq!(queue::drop_dead(conn, "address_billing_mail").await.unwrap(), 1);
    assert_eq!(queue::revive(conn, "pay_back").await.unwrap(), 1);
    app.run_jobs().await;
    app.run_job(&Job::TendQueue).await;
    assert_eq!(told().await, (BTreeSet::new(), BTreeSet::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_open_once_and_tells_once() {
    let app = TestApp::new().await;
    let open = async || {
        let at = app.app.clock.now();
        app.app.db.transaction(async |conn| alerts::open(conn, Kind::QueueStuck, "queue", "It does not move.", at).await).await.unwrap()
    };
    let opened = futures_util::future::join_all((0..4).map(|_| open())).await;
    assert_eq!(opened.into_iter().filter(|opened| *opened).count(), 1);
    assert_eq!(count(&app, JOBS).await, 1, "staff are told once");
    alerts::close(&mut app.app.db.conn().await.unwrap(), Kind::QueueStuck, "queue", app.app.clock.now()).await.unwrap();
    assert!(open().await, "it can open again");
    assert_eq!(count(&app, "alerts").await, 2);
    alerts::close(&mut app.app.db.conn().await.unwrap(), Kind::QueueStuck, "queue", app.app.clock.now()).await.unwrap();
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_does_not_move_opens_an_alert() {
    let app = TestApp::new().await;
    app.db_execute("SELECT graphile_worker.add_job('somebody_elses', '{}', run_at => now())").await;
    let query = "UPDATE graphile_worker._private_jobs SET run_at = now()";
    app.db_execute(query).await;
    app.run_job(&Job::TendQueue).await;
    assert_eq!(count(&app, "alerts").await, 0);
    app.db_execute("ALTER TABLE graphile_worker._private_jobs DISABLE TRIGGER hold; UPDATE graphile_worker._private_jobs SET run_at = now() - interval '20 minutes'").await;
    app.run_job(&Job::TendQueue).await;
    assert_eq!(count(&app, "alerts WHERE kind = 'queue_stuck' AND closed_at IS NULL").await, 1);
    app.db_execute("DELETE FROM graphile_worker._private_jobs").await;
    app.run_job(&Job::TendQueue).await;
    assert_eq!(count(&app, "alerts WHERE closed_at IS NULL").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_migrated_with_the_rest_and_told_beforehand() {
    let database = Database::empty().await;
    let db = Db::new(Target::parse(&database.url).unwrap(), None, 2).unwrap();
    let pending = migrate(&db, Direction::DryRun).await.unwrap();
    assert_eq!(pending[0], "graphile_worker");
    assert_eq!(migrate(&db, Direction::Up).await.unwrap(), pending);
    assert_eq!(migrate(&db, Direction::Up).await.unwrap(), Vec::<String>::new());
    #[derive(QueryableByName)]
    struct Newest {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        id: i32,
    }
    let newest: Newest =
        diesel::sql_query("SELECT max(id) AS id FROM graphile_worker.migrations").get_result(&mut *db.conn().await.unwrap()).await.unwrap();
    assert_eq!(newest.id, queue::VERSION, "the library has new migrations");
    let down = migrate(&db, Direction::Down(pending.len() - 1)).await.unwrap();
    assert_eq!(down.len(), pending.len() - 1, "each of ours can be reverted");
    assert_eq!(migrate(&db, Direction::Up).await.unwrap().len(), down.len());
    db.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_replaced_while_it_ran_is_not_tried_again() {
    let app = TestApp::new().await;
    let keyed = r#"SELECT graphile_worker.add_job('fixpath', '{"job":"forget_sign_ins"}', max_attempts => 5, job_key => 'one')"#;
    app.db_execute(keyed).await;
    let (blocker, connection) = app.app.db.target().connect().await.unwrap();
    tokio::spawn(connection);
    blocker.batch_execute("BEGIN; LOCK TABLE refresh_tokens; ALTER TABLE sign_ins RENAME TO hidden").await.unwrap();
    let replace = async {
        while count(&app, "graphile_worker._private_jobs WHERE locked_at IS NOT NULL").await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        app.db_execute(keyed).await;
        blocker.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(app.run_jobs(), replace);
    assert_eq!(waiting(&app).await.attempts, 1, "only the newer one is left, and has failed too");
    app.db_execute("ALTER TABLE hidden RENAME TO sign_ins").await;
    app.advance(TimeDelta::minutes(2));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_jobs_are_dropped_by_hand_or_after_ninety_days() {
    let app = TestApp::new().await;
    let dead = "INSERT INTO graphile_worker._private_jobs (task_id, payload, attempts, max_attempts, updated_at)
        SELECT id, json_build_object('job', 'abandon_sessions'), 5, 5, now() FROM graphile_worker._private_tasks WHERE identifier = 'fixpath'";
    app.db_execute(dead).await;
    let conn = &mut app.app.db.conn().await.unwrap();
    assert_eq!(queue::drop_dead(conn, "forget_sign_ins").await.unwrap(), 0, "another name");
    assert_eq!(queue::drop_dead(conn, "abandon_sessions").await.unwrap(), 1);
    app.db_execute(dead).await;
    app.db_execute(&format!("UPDATE {JOBS} SET updated_at = '2025-09-09'")).await;
    app.run_job(&Job::TendQueue).await;
    assert_eq!(count(&app, JOBS).await, 0);
    assert_eq!(count(&app, "alerts").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_hear_of_a_schedule_that_fails_until_it_succeeds() {
    let app = TestApp::new().await;
    let open = "alerts WHERE kind = 'failing_schedule' AND subject = 'abandon_sessions' AND closed_at IS NULL";
    // As its schedule enqueues it: in place of the one before, with all its attempts.
    let tick =
        "SELECT graphile_worker.add_job('fixpath', '{\"job\":\"abandon_sessions\"}', job_key => 'abandon_sessions', max_attempts => 5)";
    app.db_execute("ALTER TABLE sessions RENAME TO hidden").await;
    for _ in 0..7 {
        app.db_execute(tick).await;
        app.run_jobs().await;
        app.advance(TimeDelta::hours(1));
        app.run_jobs().await;
        app.run_job(&Job::TendQueue).await;
        assert_eq!(count(&app, open).await, 1);
    }
    assert_eq!(count(&app, "alerts").await, 1, "one condition, one alert");
    app.db_execute("ALTER TABLE hidden RENAME TO sessions").await;
    app.db_execute(tick).await;
    app.run_jobs().await;
    assert_eq!(count(&app, open).await, 0);
    app.leave_jobs();
}

/// What nobody asks for must not be forgotten when a job is added or moved.
#[test]
fn what_is_due_by_itself_is_due_so_often() {
    let schedules: Vec<_> =
        jobs::registry::SCHEDULES.iter().map(|schedule| (jobs::registry::name(&schedule.job), schedule.when, schedule.every)).collect();
    let expected = [
        ("retry_overdue_deliveries", "* * * * *", "1m"),
        ("offer_plans", "*/5 * * * *", "5m"),
        ("end_lapsed_subscriptions", "23 * * * *", "1h"),
        ("tell_trials", "37 * * * *", "1h"),
        ("tend_queue", "*/10 * * * *", "10m"),
        ("abandon_sessions", "7 * * * *", "1h"),
        ("erase_accounts", "37 * * * *", "1h"),
        ("forget_sign_ins", "17 3 * * *", "1d"),
    ];
    assert_eq!(schedules, expected);
}
