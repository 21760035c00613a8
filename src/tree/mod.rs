//! Decision trees: authoring, checking, publishing and finding them.

pub mod attributes;
pub mod calls;
pub mod category;
pub mod create;
pub mod diff;
pub mod document;
pub mod edge;
pub mod expression;
pub mod formats;
pub mod graphql;
pub mod source;
pub mod stored;
pub mod template;
pub mod texts;
pub mod tree;
pub mod validate;
pub mod value;
pub mod version;
