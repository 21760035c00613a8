//! Pages of lists, over keyset cursors.
//!
//! A cursor is opaque: the position's sort key and id, and the order it belongs to. It stays right while rows come and go, and is
//! refused in another order.

use async_graphql::OutputType;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::connection::{Connection, Edge};
use crate::error::Error;

pub const MAX_PAGE: i32 = 100;

/// Which part of a list is asked for.
#[derive(Clone, Debug)]
pub struct Page<K> {
    pub size: usize,
    /// Only what comes after this position…
    pub after: Option<K>,
    /// …and before this one.
    pub before: Option<K>,
    /// Counted from the end: the `size` last ones.
    pub backward: bool,
}

/// The arguments of a connection, as they arrive.
#[derive(Clone, Debug, Default)]
pub struct PageArgs {
    pub first: Option<i32>,
    pub after: Option<String>,
    pub last: Option<i32>,
    pub before: Option<String>,
}

impl PageArgs {
    pub fn forward(first: Option<i32>, after: Option<String>) -> Self {
        Self { first, after, ..Self::default() }
    }

    /// `order` names the list's order: a cursor of another one is refused.
    pub fn page<K: DeserializeOwned>(self, order: &str) -> Result<Page<K>, Error> {
        // `first` has a default in the schema: with `last` beside it, `last` is what was meant.
        let backward = self.last.is_some();
        let size = self.last.or(self.first).unwrap_or(20);
        if !(0..=MAX_PAGE).contains(&size) {
            let name = if backward { "last" } else { "first" };
            return Err(Error::BadInput(format!("`{name}` must be from 0 to {MAX_PAGE}, not {size}")));
        }
        Ok(Page {
            size: usize::try_from(size).unwrap_or_default(),
            after: self.after.map(|cursor| Cursor::open(&cursor, order)).transpose()?,
            before: self.before.map(|cursor| Cursor::open(&cursor, order)).transpose()?,
            backward,
        })
    }
}

impl<K> Page<K> {
    /// How many rows to ask the database for: one more than are shown, to know whether there are more.
    pub fn limit(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// Brings the rows that were found, nearest first, into the list's order, and says whether there are more on either side.
    pub fn cut<R>(&self, mut rows: Vec<R>) -> Slice<R> {
        let more = rows.len() > self.size;
        rows.truncate(self.size);
        if self.backward {
            rows.reverse();
            Slice { rows, has_previous: more, has_next: self.before.is_some() }
        } else {
            Slice { rows, has_previous: self.after.is_some(), has_next: more }
        }
    }
}

/// One page of rows, in the list's order.
#[derive(Debug)]
pub struct Slice<R> {
    pub rows: Vec<R>,
    pub has_previous: bool,
    pub has_next: bool,
}

impl<R> Slice<R> {
    /// `key` tells a row's position, as `page` will read it back.
    pub fn connection<N, F, K>(self, order: &'static str, more: F, key: impl Fn(&R) -> K, node: impl Fn(R) -> N) -> Connection<N, F>
    where
        N: OutputType,
        K: Serialize,
    {
        let edge = |row| Edge { cursor: Cursor::seal(order, &key(&row)).into(), node: node(row) };
        let edges = self.rows.into_iter().map(edge).collect();
        Connection { edges, has_previous: self.has_previous, has_next: self.has_next, more }
    }
}

/// A sealed position.
#[derive(Clone, Debug)]
pub struct Cursor(String);

#[derive(Serialize, Deserialize)]
struct Position<O, K>(O, K);

impl Cursor {
    pub fn seal<K: Serialize>(order: &str, key: &K) -> Self {
        Self(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&Position(order, key)).unwrap_or_default()))
    }

    fn open<K: DeserializeOwned>(text: &str, order: &str) -> Result<K, Error> {
        let refused = || Error::BadInput("the cursor is none of this list in this order".into());
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
        let Position(its_order, key) = serde_json::from_slice::<Position<String, K>>(&bytes).map_err(|_| refused())?;
        if its_order == order { Ok(key) } else { Err(refused()) }
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.0
    }
}
