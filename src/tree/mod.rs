//! Decision trees: authoring, checking, publishing and finding them.

pub mod document;
pub mod formats;
