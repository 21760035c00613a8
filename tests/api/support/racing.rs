//! Two who come at once, where the order is the test's.

use std::future::Future;
use std::time::Duration;

use super::TestApp;

const WAITING: &str = "SELECT DISTINCT pid::text FROM pg_locks
     WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";

/// Both come as far as this person's row before either goes on: what they read before it is read. Then the first goes first.
pub async fn in_turn<A, B>(app: &TestApp, username: &str, first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, B) {
    let (holder, connection) = app.app.db.target().connect().await.unwrap();
    tokio::spawn(connection);
    let hold = format!("BEGIN; SELECT FROM users WHERE username = '{username}' FOR NO KEY UPDATE");
    holder.batch_execute(&hold).await.unwrap();
    let second = async {
        wait_for(app, 1).await;
        second.await
    };
    let release = async {
        wait_for(app, 2).await;
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let (first, second, ()) = tokio::join!(first, second, release);
    (first, second)
}

async fn wait_for(app: &TestApp, count: usize) {
    for _ in 0..4000 {
        if app.database_text(WAITING).await.len() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{count} are to wait for the person");
}
