use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
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
