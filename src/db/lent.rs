//! A connection that is lent by a pool, its transaction, and what becomes of it when it comes back in the midst of something: its request
//! ran out of time, or its sender has gone. Whoever got it next would wait for a statement that nobody wants any more, and what its
//! transaction has locked would stay locked until then. So such a connection is closed at once, and its statement cancelled.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::managed::Object;
use diesel::QueryResult;
use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Conn, Lock, Manager, tls};

/// A statement that cannot be cancelled within this time ends by itself.
const CANCEL: Duration = Duration::from_secs(5);

pub struct Lent {
    /// None only while it is dropped.
    conn: Option<Object<Manager>>,
    /// Statements that have been sent and not been answered.
    running: Arc<AtomicUsize>,
    in_transaction: bool,
    tls: tls::Settings,
}

impl Lent {
    pub fn new(mut conn: Object<Manager>, tls: tls::Settings, statements: Arc<AtomicU64>) -> Self {
        let running = Arc::new(AtomicUsize::new(0));
        conn.set_instrumentation(StatementLog { statements, running: running.clone() });
        Self { conn: Some(conn), running, in_transaction: false, tls }
    }

    /// Whatever comes of it, `commit` or `roll_back` has to follow.
    pub async fn begin(&mut self, lock: Option<&Lock>) -> QueryResult<()> {
        self.in_transaction = true;
        let shared: &Conn = self;
        let mut beginning = shared;
        let begin = beginning.batch_execute("BEGIN");
        match lock {
            None => begin.await,
            // Sent together, in this order.
            Some(lock) => tokio::try_join!(biased; begin, lock.take(shared)).map(|_| ()),
        }
    }

    pub async fn commit(&mut self) -> QueryResult<()> {
        // A statement that failed and whose error was swallowed has aborted the transaction, and COMMIT would then roll back and still
        // say Ok. Any statement tells; what comes after it is not run then.
        self.batch_execute("SELECT 1; COMMIT").await?;
        self.in_transaction = false;
        Ok(())
    }

    pub async fn roll_back(&mut self) -> QueryResult<()> {
        self.batch_execute("ROLLBACK").await?;
        self.in_transaction = false;
        Ok(())
    }
}

impl Deref for Lent {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        match &self.conn {
            Some(conn) => conn,
            None => unreachable!("it is there until it is dropped"),
        }
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Conn {
        match &mut self.conn {
            Some(conn) => conn,
            None => unreachable!("it is there until it is dropped"),
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(mut conn) = self.conn.take() else { return };
        let running = self.running.load(Ordering::Relaxed) > 0;
        if !running && !self.in_transaction && !conn.is_broken() {
            return;
        }
        let conn = Object::take(conn);
        // Without a runtime the process is ending, and PostgreSQL with our connections.
        if running && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (cancel, tls) = (conn.cancel_token(), MakeRustlsConnect::new((*self.tls).clone()));
            runtime.spawn(async move { tokio::time::timeout(CANCEL, cancel.cancel_query(tls)).await });
        }
    }
}

/// Counts statements, and shows them under `RUST_LOG=fixpath::sql=debug` (their text, never their values).
struct StatementLog {
    statements: Arc<AtomicU64>,
    running: Arc<AtomicUsize>,
}

impl Instrumentation for StatementLog {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                self.running.fetch_add(1, Ordering::Relaxed);
                self.statements.fetch_add(1, Ordering::Relaxed);
                if tracing::enabled!(target: "fixpath::sql", tracing::Level::DEBUG) {
                    let text = query.to_string();
                    let sql = text.split("-- binds:").next().unwrap_or_default().trim();
                    tracing::debug!(target: "fixpath::sql", "{sql}");
                }
            }
            InstrumentationEvent::FinishQuery { .. } => {
                self.running.fetch_sub(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}
