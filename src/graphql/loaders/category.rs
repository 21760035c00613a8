use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::identity::actor::Actor;
use crate::tree::category::Category;

/// Categories by slug.
pub struct Categories(pub App);

impl Loader<String> for Categories {
    type Value = Category;
    type Error = Shared;

    async fn load(&self, slugs: &[String]) -> Result<HashMap<String, Category>, Shared> {
        let mut conn = self.0.db.read().await?;
        let rows = Category::find_many(&mut conn, slugs).await?;
        Ok(rows.into_iter().map(|category| (category.slug.clone(), category)).collect())
    }
}

/// How many trees of a category the viewer may see, by its slug.
pub struct TreeCounts(pub App, pub Actor);

impl Loader<String> for TreeCounts {
    type Value = i64;
    type Error = Shared;

    async fn load(&self, slugs: &[String]) -> Result<HashMap<String, i64>, Shared> {
        let counts = Category::count_trees(&mut *self.0.db.conn().await?, &self.1, slugs).await?;
        Ok(counts.into_iter().collect())
    }
}
