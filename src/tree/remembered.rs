//! Trees' rows in memory: most are read many times between two changes. Whoever changes one forgets it after the commit; other processes
//! hear of it from the database.

use std::collections::HashMap;

use tokio_util::sync::CancellationToken;

use super::tree::Tree;
use crate::db::Db;
use crate::db::notices::{Notice, Notices};
use crate::db::remembered::Remembered;
use crate::error::Error;
use crate::id::{AccountId, TreeId};

/// Each takes about half a kilobyte.
const TREES: u64 = 10_000;

#[derive(Clone)]
pub struct Trees(Remembered<(AccountId, TreeId), Tree>);

impl Trees {
    /// Listens until `stop` is cancelled.
    pub fn start(notices: &Notices, stop: CancellationToken) -> Self {
        let changed = |notice| if let Notice::Tree(account, id) = notice { Some((account, id)) } else { None };
        Self(Remembered::start(TREES, notices, stop, changed))
    }

    /// One statement for all that are not in memory, none if all are. Those that are not there are left out.
    pub async fn get_many(&self, db: &Db, account: AccountId, ids: &[TreeId]) -> Result<HashMap<TreeId, Tree>, Error> {
        let mut found: HashMap<_, _> = ids.iter().filter_map(|id| self.0.get(&(account, *id)).map(|tree| (*id, tree))).collect();
        let missing: Vec<_> = ids.iter().filter(|id| !found.contains_key(id)).copied().collect();
        if !missing.is_empty() {
            let mut conn = db.conn().await?;
            let reading = self.0.begin();
            for tree in Tree::find_many(&mut conn, account, &missing).await? {
                self.0.keep(&reading, (account, tree.id), |_| tree.clone());
                found.insert(tree.id, tree);
            }
        }
        Ok(found)
    }

    /// To be called after the commit, before the answer.
    pub fn forget(&self, account: AccountId, id: TreeId) {
        self.0.forget(&(account, id));
    }
}
