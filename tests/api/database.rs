//! Connections: what they are limited to, and what happens when a database is not there.

use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use fixpath::db::tls::Target;
use fixpath::db::{Conn, Db};
use serde_json::json;

use super::support::TestApp;
use super::support::database::Database;

#[derive(diesel::QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

async fn setting(conn: &mut Conn, name: &str) -> String {
    let query = diesel::sql_query("SELECT current_setting($1) AS value").bind::<Text, _>(name);
    query.get_result::<Setting>(conn).await.unwrap().value
}

#[tokio::test]
async fn statements_of_requests_end_and_those_of_migrations_need_not() {
    let database = Database::new().await;
    let target = Target::parse(&database.url).unwrap();
    let mut pooled = Db::new(target.clone(), None, 1).unwrap_or_else(|error| panic!("{error:?}")).conn().await.unwrap();
    assert_eq!(setting(&mut pooled, "statement_timeout").await, "30s");
    assert_eq!(setting(&mut pooled, "idle_in_transaction_session_timeout").await, "1min");
    assert_eq!(setting(&mut target.connect_diesel().await.unwrap(), "statement_timeout").await, "0");
}

#[tokio::test]
async fn the_primary_answers_while_the_replica_does_not() {
    let database = Database::new().await;
    let nobody = Target::parse("postgres://fixpath@127.0.0.1:1/nowhere").unwrap();
    let db = Db::new(Target::parse(&database.url).unwrap(), Some(nobody), 2).unwrap_or_else(|error| panic!("{error:?}"));
    let mut conn = db.read().await.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(setting(&mut conn, "TimeZone").await, "UTC");
}

#[tokio::test]
async fn no_request_gets_a_connection_that_the_database_has_closed() {
    let (app, _, owner) = TestApp::with_owner().await;
    for _ in 0..3 {
        futures_util::future::join_all((0..4).map(|_| owner.ok("{ categories { slug } }", json!({})))).await;
        app.database.disconnect_all().await;
        // Closing is noticed by the task that reads the connection.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    owner.ok("{ categories { slug } }", json!({})).await;
}

/// Each delivery of Stripe's changes them: an index that has one of them would be written anew every time, and all others with it.
#[tokio::test]
async fn no_index_of_subscriptions_has_what_changes_with_each_delivery() {
    let app = TestApp::new().await;
    let indexes = app.database_text("SELECT indexdef FROM pg_indexes WHERE tablename = 'subscriptions'").await;
    assert!(indexes.len() > 5, "{indexes:?}");
    for column in ["updated_at", "version_", "raw", "needs_refetch", "source"] {
        assert!(indexes.iter().all(|index| !index.contains(column)), "{column}: {indexes:?}");
    }
}
