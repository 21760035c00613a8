//! Relay connections: one page of a list, as the API shows it. The library's own would leave the type without a description.

use std::borrow::Cow;

pub use async_graphql::connection::{EmptyFields, PageInfo};
use async_graphql::{Object, ObjectType, OutputType, SimpleObject, TypeName};

pub struct Connection<N: OutputType, F = EmptyFields> {
    pub edges: Vec<Edge<N>>,
    pub has_previous: bool,
    pub has_next: bool,
    /// What the list knows beside its page.
    pub more: F,
}

/// One page of a list.
#[Object(name_type)]
impl<N: OutputType, F: ObjectType> Connection<N, F> {
    /// Where this page lies, and whether there is more on either side.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.has_previous,
            has_next_page: self.has_next,
            start_cursor: self.edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: self.edges.last().map(|edge| edge.cursor.clone()),
        }
    }

    /// The items of this page, each with its cursor.
    async fn edges(&self) -> &[Edge<N>] {
        &self.edges
    }

    /// The items of this page.
    async fn nodes(&self) -> Vec<&N> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    #[graphql(flatten)]
    async fn more(&self) -> &F {
        &self.more
    }
}

impl<N: OutputType, F: ObjectType> TypeName for Connection<N, F> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", N::type_name()).into()
    }
}

/// One item of a list, and where it stands there.
#[derive(SimpleObject)]
#[graphql(name_type)]
pub struct Edge<N: OutputType> {
    /// The item's place, for `after` and `before`.
    pub cursor: String,
    /// The item.
    pub node: N,
}

impl<N: OutputType> TypeName for Edge<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", N::type_name()).into()
    }
}
