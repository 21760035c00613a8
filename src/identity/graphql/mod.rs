//! People and accounts on the wire.

mod account_mutation;
mod account_payload;
mod audit;
mod email_mutation;
mod invitation;
mod mutation;
mod payload;
mod query;
mod types;

pub use account_mutation::AccountMutation;
pub use audit::AuditStaff;
pub use email_mutation::EmailMutation;
pub use invitation::InvitationObject;
pub use mutation::IdentityMutation;
pub use query::IdentityQuery;
pub use types::{AccountObject, MembershipObject, SignInMethod, SignInObject, UserObject, Viewer};
