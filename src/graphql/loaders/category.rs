use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::tree::category::Category;

/// Categories by slug.
pub struct Categories;

impl Loader for Categories {
    type Key = String;
    type Value = Category;

    async fn load(reader: &Reader, slugs: &[String]) -> Result<HashMap<String, Category>, Error> {
        let mut conn = reader.app.db.read().await?;
        let rows = Category::find_many(&mut conn, slugs).await?;
        Ok(rows.into_iter().map(|category| (category.slug.clone(), category)).collect())
    }
}

/// How many trees of a category the viewer may see, by its slug.
pub struct TreeCounts;

impl Loader for TreeCounts {
    type Key = String;
    type Value = i64;

    async fn load(reader: &Reader, slugs: &[String]) -> Result<HashMap<String, i64>, Error> {
        let counts = Category::count_trees(&mut *reader.app.db.conn().await?, reader.actor()?, slugs).await?;
        Ok(counts.into_iter().collect())
    }
}
