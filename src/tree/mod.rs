//! Decision trees: authoring, checking, publishing and finding them.
//!
//! Pure: `document` and what judges and rewrites it (`validate`, `expression`, `diff`, `formats`). Tables: `tree`, `version`,
//! `category`, `texts`. Operations: one file each, named like the mutation or query.

pub mod archive;
pub mod attributes;
pub mod calls;
pub mod category;
pub mod create;
pub mod delete;
pub mod diff;
pub mod document;
pub mod edge;
pub mod expression;
pub mod formats;
pub mod graphql;
pub mod list;
pub mod publish;
pub mod remembered;
pub mod revert;
pub mod search;
pub mod source;
pub mod stored;
pub mod template;
pub mod texts;
pub mod tree;
pub mod update;
pub mod validate;
pub mod value;
pub mod version;
