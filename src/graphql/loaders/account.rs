use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::AccountId;
use crate::identity::account::Account;

/// Accounts by id.
pub struct Accounts(pub App);

impl Loader<AccountId> for Accounts {
    type Value = Account;
    type Error = Shared;

    async fn load(&self, ids: &[AccountId]) -> Result<HashMap<AccountId, Account>, Shared> {
        let mut conn = self.0.db.conn().await?;
        let rows = Account::find_many(&mut conn, ids).await?;
        Ok(rows.into_iter().map(|account| (account.id, account)).collect())
    }
}
