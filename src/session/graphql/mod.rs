//! Sessions on the wire: decode, call the operation, shape the answer.

mod input;
mod mutation;
mod query;
mod session;
mod step;
mod subscription;

pub use mutation::SessionMutation;
pub use query::SessionQuery;
pub use session::SessionObject;
pub use subscription::SessionSubscription;
