//! People and accounts on the wire.

mod account;
mod account_mutation;
mod account_payload;
mod audit;
mod email_mutation;
mod invitation;
mod mutation;
mod payload;
mod query;
mod user;
mod viewer;

pub use account::{AccountObject, MembershipObject};
pub use account_mutation::AccountMutation;
pub use audit::AuditStaff;
pub use email_mutation::EmailMutation;
pub use invitation::InvitationObject;
pub use mutation::IdentityMutation;
pub use query::IdentityQuery;
pub use user::{SignInMethod, UserObject};
pub use viewer::{SignInObject, Viewer};

use crate::error::Error;

/// What a foreign key points at is there, unless it was deleted this moment.
fn vanished() -> Error {
    Error::internal("a row that a foreign key names is gone")
}
