//! Who tells whom of a change, across processes: PostgreSQL's LISTEN and NOTIFY, over one connection a process.
//!
//! A notice carries ids only, and is published *after* the commit: NOTIFY inside a transaction makes all commits of the database
//! wait in one line. Many notices go out in one statement. Whoever listens must read again after `Notice::Resync`: while the
//! connection was down, anything may have happened.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_postgres::AsyncMessage;
use tokio_util::sync::CancellationToken;

use super::tls::Target;
use crate::id::{AccountId, SessionId, UserId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A session has new steps.
    Session(AccountId, SessionId),
    /// What this person may do has changed: a role, a sign-in that ended, a deactivation.
    Requester(UserId),
    /// Notices may have been missed. Never sent: each process tells itself.
    Resync,
}

#[derive(Clone)]
pub struct Notices {
    outgoing: mpsc::UnboundedSender<Notice>,
    incoming: broadcast::Sender<Notice>,
    listening: watch::Receiver<bool>,
}

const CHANNEL: &str = "fixpath";
/// PostgreSQL refuses a payload of 8,000 bytes; a notice has about 100.
const BATCH: usize = 50;
/// A listener that falls this far behind is told to read again.
const BACKLOG: usize = 4096;

impl Notices {
    /// Starts the task that sends and listens; it ends when `stop` is cancelled.
    pub fn start(target: Target, stop: CancellationToken) -> Self {
        let (outgoing, queue) = mpsc::unbounded_channel();
        let (incoming, _) = broadcast::channel(BACKLOG);
        let (listening_now, listening) = watch::channel(false);
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

    /// Whether changes made by other processes are heard at this moment. What is cached may be trusted only while they are.
    pub fn listening(&self) -> bool {
        *self.listening.borrow()
    }

    /// A watch that turns true once changes are heard.
    pub fn watch_listening(&self) -> watch::Receiver<bool> {
        self.listening.clone()
    }
}

async fn stay_connected(
    target: Target,
    mut queue: mpsc::UnboundedReceiver<Notice>,
    incoming: broadcast::Sender<Notice>,
    listening: watch::Sender<bool>,
    stop: CancellationToken,
) {
    let mut pause = Duration::from_millis(50);
    loop {
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = connected(&target, &mut queue, &incoming, &listening) => ended,
        };
        if listening.send_replace(false) {
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
    incoming: &broadcast::Sender<Notice>,
    listening: &watch::Sender<bool>,
) -> String {
    let (client, mut connection) = match target.connect().await {
        Ok(pair) => pair,
        Err(error) => return error.to_string(),
    };
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    let hear = async {
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notification(note)) => {
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
        if let Err(error) = client.batch_execute(&format!("LISTEN {CHANNEL}")).await {
            return error.to_string();
        }
        listening.send_replace(true);
        incoming.send(Notice::Resync).ok();
        let mut batch = Vec::with_capacity(BATCH);
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            batch.dedup();
            let payload = serde_json::to_string(&batch).unwrap_or_default();
            if let Err(error) = client.execute("SELECT pg_notify($1, $2)", &[&CHANNEL, &payload.as_str()]).await {
                return error.to_string();
            }
            batch.clear();
        }
        std::future::pending().await
    };
    tokio::select! {
        ended = hear => ended,
        ended = tell => ended,
    }
}
