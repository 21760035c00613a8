use std::collections::HashMap;

use super::{Loader, Reader};
use crate::billing::entitlement::{self, Entitlements};
use crate::error::Error;
use crate::id::AccountId;

/// What accounts may do.
pub struct Entitled;

impl Loader for Entitled {
    type Key = AccountId;
    type Value = Entitlements;
    const FOR_ANYBODY: bool = true;

    async fn load(reader: &Reader, accounts: &[AccountId]) -> Result<HashMap<AccountId, Entitlements>, Error> {
        let (mut conn, now) = (reader.app.db.conn().await?, reader.app.clock.now());
        let mut found = HashMap::new();
        // One: an account shows it to its own people only, and these are asking.
        for account in accounts {
            found.insert(*account, entitlement::load(&mut conn, *account, now).await?);
        }
        Ok(found)
    }
}
