//! Who tells whom of a change, across processes: PostgreSQL's LISTEN and NOTIFY, over one connection a process.
//!
//! A notice carries ids only, and is published *after* the commit: NOTIFY inside a transaction makes all such commits of the database
//! wait in one line. Many notices go out in one statement, and are kept until they have gone out. Whoever listens must read again
//! after `Notice::Resync`: while the connection was down, anything may have happened.
//!
//! The exception is what must not get lost if the process dies just after its commit: `announce_in_txn`, for rare operations, and the
//! trigger that tells of changed trees.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_postgres::AsyncMessage;
use tokio_util::sync::CancellationToken;

use super::Conn;
use super::tls::Target;
use crate::error::Error;
use crate::id::{AccountId, SessionId, TreeId, UserId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A session has new steps.
    Session(AccountId, SessionId),
    /// An account's subscription, credits or purchases have changed.
    Billing(AccountId),
    /// What this person may do has changed: a role, a sign-in that ended, a deactivation.
    Requester(UserId),
    /// What a tree is called or where it stands has changed. Sent by a trigger of the database.
    Tree(AccountId, TreeId),
    /// Notices may have been missed. Never sent: each process tells itself.
    Resync,
}

#[derive(Clone)]
pub struct Notices {
    outgoing: mpsc::UnboundedSender<Notice>,
    incoming: broadcast::Sender<Notice>,
    listening: watch::Receiver<Option<Epoch>>,
}

/// One life of the connection that notices arrive on: no change is missed from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(u64);

const CHANNEL: &str = "fixpath";
const NOTIFY: &str = "SELECT pg_notify($1, $2)";
/// After a batch, the next one waits this long: under load one statement then carries many notices, and nobody sees the difference.
const PAUSE: Duration = Duration::from_millis(5);
/// PostgreSQL refuses a payload of 8,000 bytes; a notice has about 100.
const BATCH: usize = 50;
/// How often the connection is tried, and how long an answer may take: a peer that has vanished is noticed within seconds.
const HEARTBEAT: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(3);
/// A listener that falls this far behind is told to read again.
const BACKLOG: usize = 4096;

impl Notices {
    /// Starts the task that sends and listens; it ends when `stop` is cancelled.
    pub fn start(target: Target, stop: CancellationToken) -> Self {
        let (outgoing, queue) = mpsc::unbounded_channel();
        let (incoming, _) = broadcast::channel(BACKLOG);
        let (listening_now, listening) = watch::channel(None);
        tokio::spawn(stay_connected(target, queue, incoming.clone(), listening_now, stop));
        Self { outgoing, incoming, listening }
    }

    pub fn publish(&self, notice: Notice) {
        // The task ends only at shutdown, when nobody listens any more.
        self.outgoing.send(notice).ok();
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.incoming.subscribe()
    }

    /// Set while changes made by other processes are heard. What is cached may be trusted only in the epoch in which it was read.
    pub fn epoch(&self) -> Option<Epoch> {
        *self.listening.borrow()
    }

    /// Resolves once changes are heard.
    pub async fn heard(&self) {
        // The sender goes only with the process.
        self.listening.clone().wait_for(Option::is_some).await.ok();
    }
}

/// Publishes with the commit, and only if it happens. It makes all such commits of the database wait in one line, so: rarely.
pub async fn announce_in_txn(conn: &mut Conn, notice: Notice) -> Result<(), Error> {
    let payload = serde_json::to_string(&[notice])?;
    let query = diesel::sql_query(NOTIFY).bind::<diesel::sql_types::Text, _>(CHANNEL).bind::<diesel::sql_types::Text, _>(payload);
    diesel_async::RunQueryDsl::execute(query, conn).await?;
    Ok(())
}

async fn stay_connected(
    target: Target,
    mut queue: mpsc::UnboundedReceiver<Notice>,
    incoming: broadcast::Sender<Notice>,
    listening: watch::Sender<Option<Epoch>>,
    stop: CancellationToken,
) {
    let mut pause = Duration::from_millis(50);
    // What is on its way out. It outlives a connection: what could not be sent is sent by the next one.
    let mut batch = Vec::with_capacity(BATCH);
    for number in 1.. {
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = connected(&target, &mut queue, &mut batch, &incoming, &listening, Epoch(number)) => ended,
        };
        if listening.send_replace(None).is_some() {
            pause = Duration::from_millis(50);
        }
        tracing::warn!(cause = %ended, "live updates are interrupted: the database connection that carries them ended; connecting again");
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// One connection's life. Returns why it ended.
async fn connected(
    target: &Target,
    queue: &mut mpsc::UnboundedReceiver<Notice>,
    batch: &mut Vec<Notice>,
    incoming: &broadcast::Sender<Notice>,
    listening: &watch::Sender<Option<Epoch>>,
    epoch: Epoch,
) -> String {
    let (client, mut connection) = match tokio::time::timeout(PATIENCE, target.connect()).await {
        Ok(Ok(pair)) => pair,
        Ok(Err(error)) => return error.to_string(),
        Err(_) => return SILENT.to_owned(),
    };
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    let (greet, greeted) = oneshot::channel();
    let greeting = format!("hello {:032x}", rand::random::<u128>());
    let hear = async {
        let mut greet = Some(greet);
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notification(note)) => {
                    if note.payload() == greeting
                        && let Some(greet) = greet.take()
                    {
                        greet.send(()).ok();
                    }
                    for notice in serde_json::from_str::<Vec<Notice>>(note.payload()).unwrap_or_default() {
                        incoming.send(notice).ok();
                    }
                }
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
        "the server closed it".to_owned()
    };
    let tell = async {
        if let Err(ended) = answered(client.batch_execute(&format!("LISTEN {CHANNEL}"))).await {
            return ended;
        }
        if let Err(ended) = greet_from_elsewhere(target, &greeting).await {
            return ended;
        }
        if !matches!(tokio::time::timeout(PATIENCE, greeted).await, Ok(Ok(()))) {
            // Nobody else would hear of it either, and what is kept for better times would grow.
            while queue.try_recv().is_ok() {}
            return DEAF.to_owned();
        }
        let notify = match answered(client.prepare(NOTIFY)).await {
            Ok(notify) => notify,
            Err(ended) => return ended,
        };
        listening.send_replace(Some(epoch));
        incoming.send(Notice::Resync).ok();
        loop {
            if batch.is_empty() {
                match tokio::time::timeout(HEARTBEAT, queue.recv_many(batch, BATCH)).await {
                    // Nobody is left who could publish: the app is gone.
                    Ok(0) => return std::future::pending().await,
                    Ok(_) => {}
                    Err(_) => match answered(client.batch_execute("")).await {
                        Ok(()) => continue,
                        Err(ended) => return ended,
                    },
                }
            }
            batch.dedup();
            let payload = serde_json::to_string(batch).unwrap_or_default();
            if let Err(ended) = answered(client.execute(&notify, &[&CHANNEL, &payload.as_str()])).await {
                return ended;
            }
            batch.clear();
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        ended = hear => ended,
        ended = tell => ended,
    }
}

/// Behind a pooler LISTEN succeeds, and what is said on the same connection may be heard; what others say never is.
async fn greet_from_elsewhere(target: &Target, greeting: &str) -> Result<(), String> {
    let (client, connection) = answered(target.connect()).await?;
    let driven = tokio::spawn(connection);
    let greeted = answered(client.execute(NOTIFY, &[&CHANNEL, &greeting])).await;
    driven.abort();
    greeted.map(|_| ())
}

const SILENT: &str = "the server does not answer";
const DEAF: &str = "what is announced is not heard: a pooler in transaction mode may stand in between";

async fn answered<T>(query: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, query).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(SILENT.to_owned()),
    }
}
