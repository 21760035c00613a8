//! The world on disk, so that a development server that is started again finds its customers, and its idempotency keys. It is written
//! before a change is answered: what a client was told is there after the process was killed, too.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;

use serde::{Deserialize, Serialize};

use super::keys::Keys;
use super::shared::Inner;
use super::state::World;

/// What the file holds.
#[derive(Serialize, Deserialize)]
pub struct Kept {
    /// Where it listened: links to its pages still lead somewhere.
    pub port: u16,
    pub ahead: i64,
    pub world: World,
    pub keys: Keys,
    /// Events that nobody has taken yet.
    pub waiting: Vec<String>,
}

#[derive(Serialize)]
struct Keeping<'a> {
    port: u16,
    ahead: i64,
    world: &'a World,
    keys: &'a Keys,
    waiting: Vec<&'a str>,
}

/// Where it is written. One at a time: an older state never follows a newer one.
pub struct Keeper {
    path: PathBuf,
    port: u16,
    turn: Mutex<()>,
}

impl Keeper {
    pub fn new(folder: &Path, port: u16) -> Self {
        Self { path: path(folder), port, turn: Mutex::new(()) }
    }

    /// Blocks: for a thread of its own. `look` shows what there is at the time.
    pub fn keep(&self, look: impl FnOnce(&mut dyn FnMut(&Inner))) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = Ok(Vec::new());
        look(&mut |inner| {
            let keeping = Keeping {
                port: self.port,
                ahead: inner.world.ahead,
                world: &inner.world,
                keys: &inner.keys,
                waiting: inner.deliveries.waiting().collect(),
            };
            text = serde_json::to_vec(&keeping);
        });
        let written = text.map_err(std::io::Error::from).and_then(|text| self.write(&text));
        if let Err(cause) = written {
            tracing::warn!(%cause, "what the Stripe sandbox knows could not be kept; a restart will have forgotten it");
        }
    }

    /// Whole or not at all.
    fn write(&self, text: &[u8]) -> std::io::Result<()> {
        let draft = self.path.with_extension("draft");
        let mut file = std::fs::File::create(&draft)?;
        file.write_all(text)?;
        std::fs::rename(&draft, &self.path)
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("stripe-sandbox.json")
}

/// None: it has never run here, or what it has left cannot be read.
pub fn find(folder: &Path) -> Option<Kept> {
    let text = std::fs::read(path(folder)).ok()?;
    match serde_json::from_slice(&text) {
        Ok(kept) => Some(kept),
        Err(cause) => {
            tracing::warn!(%cause, "what the Stripe sandbox has kept cannot be read; it begins anew");
            None
        }
    }
}
