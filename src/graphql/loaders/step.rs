use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::AccountId;
use crate::session::record::StepRecord;
use crate::session::step::{self, Part};

/// Steps of sessions.
pub struct Steps(pub App, pub AccountId);

impl Loader<Part> for Steps {
    type Value = Vec<StepRecord>;
    type Error = Shared;

    async fn load(&self, parts: &[Part]) -> Result<HashMap<Part, Vec<StepRecord>>, Shared> {
        Ok(step::parts(&mut *self.0.db.conn().await?, self.1, parts).await?)
    }
}
