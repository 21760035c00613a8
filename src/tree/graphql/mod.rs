//! Trees on the wire: decode, call the operation, shape the answer.

mod diff;
mod input;
mod issue;
mod mutation;
mod node;
mod node_part;
mod query;
mod tree;
mod version;

pub use input::TreeRef;
pub use issue::TreeIssue;
pub use mutation::{TreeMutation, TreePayload};
pub use node::TreeNode;
pub use node_part::OutcomeKind;
pub use query::TreeQuery;
pub use tree::{CategoryObject, TreeObject};
pub use version::TreeVersion;
