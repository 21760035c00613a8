use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::billing::plan::Plan;
use crate::id::PlanId;

/// Plans by id.
pub struct Plans(pub App);

impl Loader<PlanId> for Plans {
    type Value = Plan;
    type Error = Shared;

    async fn load(&self, ids: &[PlanId]) -> Result<HashMap<PlanId, Plan>, Shared> {
        let rows = Plan::find_many(&mut *self.0.db.conn().await?, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
