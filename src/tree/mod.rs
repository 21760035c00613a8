//! Decision trees: authoring, checking, publishing and finding them.

pub mod diff;
pub mod document;
pub mod edge;
pub mod expression;
pub mod validate;
pub mod value;
