//! Decision trees: authoring, checking, publishing and finding them.

pub mod document;
pub mod edge;
pub mod expression;
pub mod graphql;
pub mod template;
pub mod validate;
pub mod value;
