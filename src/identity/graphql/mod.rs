//! People and accounts on the wire.

mod mutation;
mod payload;
mod query;
mod types;

pub use mutation::IdentityMutation;
pub use query::IdentityQuery;
pub use types::{AccountObject, MembershipObject, SignInMethod, SignInObject, UserObject, Viewer};
