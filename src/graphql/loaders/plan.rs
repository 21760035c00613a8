use std::collections::HashMap;

use super::{Loader, Reader};
use crate::billing::plan::Plan;
use crate::error::Error;
use crate::id::PlanId;

/// Plans by id.
pub struct Plans;

impl Loader for Plans {
    type Key = PlanId;
    type Value = Plan;
    const FOR_ANYBODY: bool = true;

    async fn load(reader: &Reader, ids: &[PlanId]) -> Result<HashMap<PlanId, Plan>, Error> {
        let rows = Plan::find_many(&mut *reader.app.db.conn().await?, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
