//! graphile_worker on connections that are made like all others of this server, and woken when there may be work.

use std::any::Any;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use graphile_worker::tokio_postgres::TokioPostgresDatabase;
use graphile_worker::{BoxFuture, DatabaseDriver, DbError, DbExecutor, DbParams, DbRow, DbTransaction, Notification, NotificationStream};
use tokio::sync::mpsc;
use tokio_postgres::AsyncMessage;

use crate::db::tls::Target;
use crate::error::Error;

const RECONNECT: Duration = Duration::from_secs(1);

/// Tells a worker that there may be work. Signals that it has not heard yet are one.
pub type Wake = mpsc::Sender<()>;

/// A worker's connections. A slot of the worker takes one job a signal, hence whoever finished a run gives another: only so is a long
/// queue emptied without waiting for the next second.
#[derive(Debug)]
pub struct Driver {
    pool: TokioPostgresDatabase,
    target: Target,
    wake: Wake,
    /// Until the worker listens.
    signals: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Driver {
    pub fn new(target: &Target, connections: usize) -> Result<Self, Error> {
        let (wake, signals) = mpsc::channel(1);
        let pool = TokioPostgresDatabase::new(target.pool(connections)?);
        Ok(Self { pool, target: target.clone(), wake, signals: Mutex::new(Some(signals)) })
    }

    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }
}

impl DbExecutor for Driver {
    fn execute<'a>(&'a self, sql: &'a str, params: DbParams) -> BoxFuture<'a, Result<u64, DbError>> {
        self.pool.execute(sql, params)
    }

    fn fetch_all<'a>(&'a self, sql: &'a str, params: DbParams) -> BoxFuture<'a, Result<Vec<DbRow>, DbError>> {
        self.pool.fetch_all(sql, params)
    }
}

impl DatabaseDriver for Driver {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn begin<'a>(&'a self) -> BoxFuture<'a, Result<DbTransaction, DbError>> {
        self.pool.begin()
    }

    fn listen<'a>(&'a self, channel: &'a str) -> BoxFuture<'a, Result<Option<NotificationStream>, DbError>> {
        Box::pin(async move {
            let Some(signals) = self.signals.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(None) };
            tokio::spawn(stay_listening(self.target.clone(), format!("LISTEN \"{channel}\""), self.wake.clone()));
            let channel = channel.to_owned();
            let signals = stream::unfold((signals, channel), |(mut signals, channel)| async move {
                signals.recv().await?;
                Some((Ok(Notification { channel: channel.clone(), payload: String::new() }), (signals, channel)))
            });
            Ok(Some(Box::pin(signals) as NotificationStream))
        })
    }
}

/// Until the worker hears no more. In between the worker looks every second by itself.
async fn stay_listening(target: Target, listen: String, wake: Wake) {
    loop {
        tokio::select! {
            () = wake.closed() => return,
            () = hear(&target, &listen, &wake) => {}
        }
        tokio::select! {
            () = wake.closed() => return,
            () = tokio::time::sleep(RECONNECT) => {}
        }
    }
}

async fn hear(target: &Target, listen: &str, wake: &Wake) {
    let Ok((client, mut connection)) = target.connect().await else { return };
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    let hear = async {
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(_) = message {
                wake.try_send(()).ok();
            }
        }
    };
    let listen = async {
        if client.batch_execute(listen).await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = hear => (),
        () = listen => (),
    }
}
