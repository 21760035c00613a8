//! Rows that are kept in memory for as long as they are true. The rules, across processes:
//! - A transaction that changes such a row announces it with its commit, and every process that hears it forgets the row. The process
//!   that wrote forgets it before it answers (`forget`).
//! - A read that was under way while anything was forgotten is not kept: it may be older than the change.
//! - What was kept counts only while the connection that announcements arrive on is the one it was read under. When that connection
//!   ends, all that is kept is void. (That it has fallen silent is noticed within 8 seconds: `notices.rs`.)

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use moka::sync::Cache;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::notices::{Epoch, Notice, Notices};

pub struct Remembered<K, V>(Arc<Parts<K, V>>);

struct Parts<K, V> {
    notices: Notices,
    rows: Cache<K, (Epoch, V)>,
    /// How often something was forgotten. Held while something is kept, so that the two take turns.
    forgotten: Mutex<u64>,
}

/// A read that has begun: what was true then.
pub struct Reading {
    epoch: Option<Epoch>,
    forgotten: u64,
}

impl<K, V> Clone for Remembered<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Remembered<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// At most `size` of them. Until `stop` is cancelled it forgets what `changed` finds in a notice.
    pub fn start(size: u64, notices: &Notices, stop: CancellationToken, changed: fn(Notice) -> Option<K>) -> Self {
        let rows = Cache::new(size);
        let remembered = Self(Arc::new(Parts { notices: notices.clone(), rows, forgotten: Mutex::new(0) }));
        tokio::spawn(remembered.clone().listen(notices.subscribe(), stop, changed));
        remembered
    }

    pub fn get(&self, key: &K) -> Option<V> {
        let epoch = self.0.notices.epoch();
        self.0.rows.get(key).filter(|(kept, _)| Some(*kept) == epoch).map(|(_, row)| row)
    }

    /// To be called before the database is asked.
    pub fn begin(&self) -> Reading {
        Reading { epoch: self.0.notices.epoch(), forgotten: *self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Keeps what `row` makes of what is known already, unless that may be older than a change.
    pub fn keep(&self, reading: &Reading, key: K, row: impl FnOnce(Option<V>) -> V) {
        let forgotten = self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = self.0.notices.epoch();
        let Some(epoch) = epoch.filter(|_| epoch == reading.epoch && *forgotten == reading.forgotten) else { return };
        let row = row(self.get(&key));
        self.0.rows.insert(key, (epoch, row));
    }

    /// To be called after the commit, before the answer.
    pub fn forget(&self, key: &K) {
        let mut forgotten = self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        *forgotten += 1;
        self.0.rows.invalidate(key);
    }

    fn forget_all(&self) {
        let mut forgotten = self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        *forgotten += 1;
        self.0.rows.invalidate_all();
    }

    async fn listen(self, mut notices: broadcast::Receiver<Notice>, stop: CancellationToken, changed: fn(Notice) -> Option<K>) {
        loop {
            let notice = tokio::select! {
                () = stop.cancelled() => return,
                notice = notices.recv() => notice,
            };
            match notice {
                // A resync needs nothing: what was read before it belongs to an epoch that is over.
                Ok(notice) => {
                    if let Some(key) = changed(notice) {
                        self.forget(&key);
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => self.forget_all(),
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}
