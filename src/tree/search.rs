//! `searchTrees`: full text with prefixes and ranking, and trigram similarity for typos. Each hit names the node it landed on and
//! the words around the match.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Nullable, Text, Uuid};
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};

use super::texts::Edition;
use crate::db::Conn;
use crate::db::cached::Cached;
use crate::error::Error;
use crate::graphql::page::{Page, PageArgs, Slice};
use crate::id::TreeId;
use crate::identity::actor::{Actor, Role};

/// One tree, by its best text.
#[derive(Clone, Debug, QueryableByName)]
pub struct Hit {
    #[diesel(sql_type = Uuid)]
    pub tree_id: TreeId,
    #[diesel(sql_type = Double)]
    pub score: f64,
    /// None: the tree itself matched, by title, tags or summary.
    #[diesel(sql_type = Nullable<Text>)]
    pub node_key: Option<String>,
    #[diesel(sql_type = Text)]
    pub snippet: String,
}

/// Where a hit stands: hits are ordered by score, then tree.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Position(f64, TreeId);

impl Hit {
    pub fn position(&self) -> Position {
        Position(self.score, self.tree_id)
    }
}

/// Binds cursors to one search.
pub fn order(query: &str) -> String {
    format!("search:{}", query.trim().to_lowercase())
}

const MAX_QUERY: usize = 200;
/// Texts of trees that are ranked, and of nodes, at most: beyond it a word is so common that rank says little. Those of trees have
/// indexes of their own, since a tree must be found by its title however many nodes say the same.
const CANDIDATES: i64 = 1000;

/// Two ways to match, each by its own index: words (the last one as a prefix), and likeness. A match by words counts for more than
/// any likeness, hence likeness, which costs more, is looked at only where words do not fill the page. Where only likeness was found,
/// the snippet shows the likest word. (How alike words must be for `%>` is set on each connection: `db/tls.rs`.)
///
/// A word counts for 1 in a tree's title, 0.6 in its tags, 0.36 in its summary, 0.2 in a node's title and 0.072 in a node's body. Said over
/// and over, it comes to at most 1.65 times what it counts for once, so no place outweighs the one before it by saying it more often.
/// All words must be there, and the mean of them counts: PostgreSQL ranks `|` so, while pairs of words under `&` would add up. (A prefix
/// counts for each word of a text that begins with it.)
const SEARCH: &str = "
WITH by_words AS (
    SELECT DISTINCT ON (tree_id) * FROM (
        SELECT tree_id, node_key, heading, body, 1 + ts_rank('{0, 0.36, 0.6, 1}', search, to_tsquery('simple', replace($3, '&', '|')))::float8
            * CASE WHEN node_key = '' THEN 1.0 ELSE 0.2 END AS score
        FROM ((SELECT * FROM tree_texts
               WHERE node_key = '' AND account_id = $1 AND edition = $2 AND search @@ to_tsquery('simple', $3) LIMIT $5)
              UNION ALL
              (SELECT * FROM tree_texts
               WHERE node_key <> '' AND account_id = $1 AND edition = $2 AND search @@ to_tsquery('simple', $3) LIMIT $5)) texts) matched
    ORDER BY tree_id, score DESC, node_key
), filled AS (
    SELECT count(*) >= $8 AS page
    FROM by_words JOIN trees ON trees.account_id = $1 AND trees.id = by_words.tree_id
    WHERE (trees.status = 'published' OR $2 = 'draft') AND ($6 IS NULL OR (score, by_words.tree_id) < ($6, $7))
), matched AS (
    SELECT * FROM by_words
    UNION ALL
    (SELECT tree_id, node_key, heading, body, word_similarity($4, heading)::float8 FROM tree_texts
     WHERE NOT (SELECT page FROM filled) AND node_key = '' AND account_id = $1 AND edition = $2 AND heading %> $4 LIMIT $5)
    UNION ALL
    (SELECT tree_id, node_key, heading, body, word_similarity($4, heading)::float8 * 0.8 FROM tree_texts
     WHERE NOT (SELECT page FROM filled) AND node_key <> '' AND account_id = $1 AND edition = $2 AND heading %> $4 LIMIT $5)
    UNION ALL
    (SELECT tree_id, node_key, heading, body, word_similarity($4, body)::float8 * 0.6 FROM tree_texts
     WHERE NOT (SELECT page FROM filled) AND account_id = $1 AND edition = $2 AND body %> $4 LIMIT $5)
), best AS (
    SELECT DISTINCT ON (tree_id) * FROM matched ORDER BY tree_id, score DESC, node_key
), page AS (
    SELECT best.tree_id, score, node_key, heading || CASE WHEN body = '' THEN '' ELSE E'\\n' || body END AS words
    FROM best JOIN trees ON trees.account_id = $1 AND trees.id = best.tree_id
    WHERE (trees.status = 'published' OR $2 = 'draft') AND ($6 IS NULL OR (score, best.tree_id) < ($6, $7))
    ORDER BY score DESC, best.tree_id DESC LIMIT $8
)
SELECT tree_id, score, NULLIF(node_key, '') AS node_key,
       ts_headline('simple', words,
                   CASE WHEN score > 1 THEN to_tsquery('simple', $3) ELSE plainto_tsquery('simple', (
                       SELECT word FROM regexp_split_to_table(words, '[^[:alnum:]]+') word
                       ORDER BY word_similarity(word, $4) DESC, length(word) DESC LIMIT 1)) END,
                   'StartSel=\"\", StopSel=\"\", MaxWords=24, MinWords=8, MaxFragments=1, FragmentDelimiter=\" … \"') AS snippet
FROM page ORDER BY score DESC, tree_id DESC";

pub async fn search(conn: &mut Conn, actor: &Actor, query: &str, args: PageArgs) -> Result<Slice<Hit>, Error> {
    let page: Page<Position> = args.page(&order(query))?;
    check(query)?;
    let words = words(query);
    if words.is_empty() {
        return Ok(page.cut(Vec::new()));
    }
    let edition = if actor.role >= Role::Engineer { Edition::Draft } else { Edition::Published };
    let (score, tree) = page.after.as_ref().map(|Position(score, tree)| (*score, *tree)).unzip();
    let hits = Cached(
        diesel::sql_query(SEARCH)
            .bind::<Uuid, _>(actor.account)
            .bind::<Text, _>(edition.as_str())
            .bind::<Text, _>(prefix_query(&words))
            .bind::<Text, _>(words.join(" "))
            .bind::<BigInt, _>(CANDIDATES)
            .bind::<Nullable<Double>, _>(score)
            .bind::<Nullable<Uuid>, _>(tree)
            .bind::<BigInt, _>(page.limit()),
    )
    .load(conn)
    .await?;
    Ok(page.cut(hits))
}

pub fn check(query: &str) -> Result<(), Error> {
    if query.chars().count() > MAX_QUERY {
        return Err(Error::BadInput(format!("`query` may have at most {MAX_QUERY} characters")));
    }
    Ok(())
}

/// Letters and digits only: nothing of the query language is left for a searcher to trip over.
pub fn words(query: &str) -> Vec<String> {
    query.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(12).map(str::to_lowercase).collect()
}

/// All words, each of which may go on: people search while they type.
pub fn prefix_query(words: &[String]) -> String {
    words.iter().map(|word| format!("{word}:*")).collect::<Vec<_>>().join(" & ")
}
