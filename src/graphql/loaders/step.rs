use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::session::record::StepRecord;
use crate::session::step::{self, Part};

/// Steps of sessions.
pub struct Steps;

impl Loader for Steps {
    type Key = Part;
    type Value = Vec<StepRecord>;

    async fn load(reader: &Reader, parts: &[Part]) -> Result<HashMap<Part, Vec<StepRecord>>, Error> {
        step::parts(&mut *reader.app.db.conn().await?, reader.actor()?.account, parts).await
    }
}
