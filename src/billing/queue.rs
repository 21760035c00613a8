//! Who waits for whom, within this process. Deliveries about one customer go one after the other, and queue *before* they take a connection:
//! ten thousand events of one customer hold one connection, and everybody else's find the others free. Across processes, the database's
//! lock does the same (`locked.rs`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// How many may wait for one key, and for all keys together. Whoever comes then is told to come again.
const WAITING_PER_KEY: usize = 128;
const WAITING: usize = 4096;

#[derive(Clone, Default)]
pub struct Queues(Arc<Mutex<HashMap<String, Queue>>>);

#[derive(Default)]
struct Queue {
    turn: Arc<AsyncMutex<()>>,
    /// Including the one whose turn it is.
    members: usize,
}

/// The holder's turn. The next one's begins when it is dropped.
pub struct Turn {
    // The turn ends before its place is left: fields are dropped in this order.
    _guard: OwnedMutexGuard<()>,
    _place: Place,
}

/// Leaves the queue when dropped, also if its turn never came.
struct Place {
    queues: Queues,
    key: String,
}

impl Queues {
    /// None: too many wait already.
    pub async fn enter(&self, key: &str) -> Option<Turn> {
        let turn = {
            let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let crowded = queues.len() >= WAITING;
            if crowded && !queues.contains_key(key) {
                return None;
            }
            let queue = queues.entry(key.to_owned()).or_default();
            if queue.members >= WAITING_PER_KEY {
                return None;
            }
            queue.members += 1;
            queue.turn.clone()
        };
        let place = Place { queues: self.clone(), key: key.to_owned() };
        let guard = turn.lock_owned().await;
        Some(Turn { _guard: guard, _place: place })
    }

    /// How many keys somebody waits for or works on.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queues = self.queues.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get_mut(&self.key) {
            queue.members -= 1;
            if queue.members == 0 {
                queues.remove(&self.key);
            }
        }
    }
}
