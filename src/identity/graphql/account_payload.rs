//! What mutations about accounts and their members answer.

use async_graphql::SimpleObject;

use super::account::{AccountObject, MembershipObject};
use super::invitation::InvitationObject;
use crate::graphql::payload::{Payload, UserError};

/// An account, changed.
#[derive(SimpleObject)]
pub struct AccountPayload {
    /// As it is now.
    account: Option<AccountObject>,
    /// Why nothing was done, if nothing was.
    user_errors: Vec<UserError>,
}

impl From<AccountObject> for AccountPayload {
    fn from(account: AccountObject) -> Self {
        Self { account: Some(account), user_errors: Vec::new() }
    }
}

impl Payload for AccountPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { account: None, user_errors }
    }
}

/// A membership, changed.
#[derive(SimpleObject)]
pub struct MembershipPayload {
    /// As it is now.
    membership: Option<MembershipObject>,
    /// Why nothing was done, if nothing was.
    user_errors: Vec<UserError>,
}

impl From<MembershipObject> for MembershipPayload {
    fn from(membership: MembershipObject) -> Self {
        Self { membership: Some(membership), user_errors: Vec::new() }
    }
}

impl Payload for MembershipPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { membership: None, user_errors }
    }
}

/// An invitation that is on its way.
#[derive(SimpleObject)]
pub struct InvitationPayload {
    /// The one that was sent.
    invitation: Option<InvitationObject>,
    /// Why nothing was done, if nothing was.
    user_errors: Vec<UserError>,
}

impl From<InvitationObject> for InvitationPayload {
    fn from(invitation: InvitationObject) -> Self {
        Self { invitation: Some(invitation), user_errors: Vec::new() }
    }
}

impl Payload for InvitationPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { invitation: None, user_errors }
    }
}
