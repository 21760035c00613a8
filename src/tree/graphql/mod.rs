//! Trees on the wire: decode, call the operation, shape the answer.

mod diff;
mod input;
mod issue;
mod mutation;
mod node;
mod query;
mod tree;
mod version;

pub use input::TreeRef;
pub use issue::TreeIssue;
pub use mutation::{TreeMutation, TreePayload};
pub use node::{OutcomeKind, TreeNode};
pub use query::TreeQuery;
pub use tree::{CategoryObject, TreeObject};
pub use version::TreeVersion;
