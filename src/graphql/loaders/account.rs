use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::AccountId;
use crate::identity::account::Account;

/// Accounts by id.
pub struct Accounts;

impl Loader for Accounts {
    type Key = AccountId;
    type Value = Account;
    const FOR_ANYBODY: bool = true;

    async fn load(reader: &Reader, ids: &[AccountId]) -> Result<HashMap<AccountId, Account>, Error> {
        let mut conn = reader.app.db.conn().await?;
        let rows = Account::find_many(&mut conn, ids).await?;
        Ok(rows.into_iter().map(|account| (account.id, account)).collect())
    }
}
