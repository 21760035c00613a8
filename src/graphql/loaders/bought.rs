use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::{TreeId, VersionId};
use crate::marketplace::bought::{bought, of_versions};
use crate::tree::tree::Tree;

/// Other accounts' trees that the viewer's account has bought.
pub struct Bought;

impl Loader for Bought {
    type Key = TreeId;
    type Value = Tree;

    async fn load(reader: &Reader, ids: &[TreeId]) -> Result<HashMap<TreeId, Tree>, Error> {
        let mut conn = reader.app.db.conn().await?;
        let rows = bought(&mut conn, reader.actor()?.account, ids).await?;
        Ok(rows.into_iter().map(|tree| (tree.id, tree)).collect())
    }
}

/// The same, by their present version.
pub struct BoughtVersions;

impl Loader for BoughtVersions {
    type Key = VersionId;
    type Value = Tree;

    async fn load(reader: &Reader, versions: &[VersionId]) -> Result<HashMap<VersionId, Tree>, Error> {
        let mut conn = reader.app.db.conn().await?;
        let rows = of_versions(&mut conn, reader.actor()?.account, versions).await?;
        Ok(rows.into_iter().filter_map(|tree| Some((tree.published_version_id?, tree))).collect())
    }
}
