//! The queue: jobs belong to the transaction that made them, come back after they failed, and die when they fail too often.

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, SmallInt, Text};
use diesel_async::RunQueryDsl;
use fixpath::error::Error;
use fixpath::jobs::{self, Job};

use crate::support::TestApp;
use crate::support::people::device;

#[derive(Debug, QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

async fn count(app: &TestApp, table: &str) -> i64 {
    let query = diesel::sql_query(format!("SELECT count(*) AS number FROM {table}"));
    query.get_result::<Number>(&mut *app.app.db.conn().await.unwrap()).await.unwrap().number
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
    query.get_result(&mut *app.app.db.conn().await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rolled_back_leaves_no_job() {
    let app = TestApp::new().await;
    let result = app.app.db.transaction(async |conn| {
        jobs::enqueue(conn, &Job::ForgetSignIns, None).await?;
        Err::<(), _>(Error::internal("no"))
    });
    assert!(result.await.is_err());
    assert_eq!(count(&app, "graphile_worker._private_jobs").await, 0);

    let result = app.app.db.transaction(async |conn| jobs::enqueue(conn, &Job::ForgetSignIns, None).await);
    result.await.unwrap();
    assert_eq!(count(&app, "graphile_worker._private_jobs").await, 1);
    app.run_jobs().await;
    assert_eq!(count(&app, "graphile_worker._private_jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_for_its_time() {
    let app = TestApp::new().await;
    let later = app.app.clock.now() + TimeDelta::hours(1);
    jobs::enqueue(&mut *app.app.db.conn().await.unwrap(), &Job::ForgetSignIns, Some(later)).await.unwrap();
    app.run_jobs().await;
    assert_eq!(waiting(&app).await.due_in, 3600);
    app.advance(TimeDelta::minutes(59));
    app.run_jobs().await;
    assert_eq!(waiting(&app).await.due_in, 60);
    app.advance(TimeDelta::minutes(1));
    app.run_jobs().await;
    assert_eq!(count(&app, "graphile_worker._private_jobs").await, 0);
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
    assert_eq!(count(&app, "graphile_worker._private_jobs").await, 0);
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
    app.run_jobs().await;
    assert_eq!(waiting(&app).await.due_in, 30);
}
