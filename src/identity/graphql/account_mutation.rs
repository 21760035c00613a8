//! Mutations about accounts and who belongs to them.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

use super::account::{AccountObject, MembershipObject};
use super::account_payload::{AccountPayload, InvitationPayload, MembershipPayload};
use super::invitation::InvitationObject;
use super::mutation::granted;
use super::payload::{AcknowledgedPayload, AuthPayload, UserPayload};
use super::user::UserObject;
use crate::error::{Code, Error, Refusal};
use crate::graphql::payload::answer;
use crate::graphql::{actor, app, requester};
use crate::id::Id;
use crate::identity::accept_invitation::AcceptInvitation;
use crate::identity::actor::Role;
use crate::identity::invite_member::InviteMember;
use crate::identity::{
    accept_invitation, change_member_role, delete_account, invite_member, reactivate_user, remove_member, restore_account,
    revoke_invitation, transfer_ownership, update_account,
};

/// Fields left out stay.
#[derive(InputObject)]
struct UpdateAccountInput {
    /// At most 100 characters; cannot be cleared.
    name: MaybeUndefined<String>,
}

/// Who owns the account from now on.
#[derive(InputObject)]
struct TransferOwnershipInput {
    /// A member.
    to_user_id: ID,
}

/// The proof that it is meant.
#[derive(InputObject)]
struct DeleteAccountInput {
    /// The account's name, typed again.
    confirm_name: String,
}

/// Whom to let in again.
#[derive(InputObject)]
struct ReactivateUserInput {
    /// A member of the viewer's account; for staff, anybody.
    user_id: ID,
}

/// Whom to invite.
#[derive(InputObject)]
struct InviteMemberInput {
    /// Where the invitation goes.
    email: String,
    /// What they may do; not OWNER.
    role: Role,
    /// Same key, same invitation, one mail.
    idempotency_key: Option<String>,
}

/// Which invitation.
#[derive(InputObject)]
struct RevokeInvitationInput {
    /// One that is open.
    id: ID,
}

/// The invitation, and who one becomes.
#[derive(InputObject)]
struct AcceptInvitationInput {
    /// From the mail.
    token: String,
    /// For people who have no user yet: 3 to 40 letters, digits, `.`, `_` and `-`.
    username: Option<String>,
    /// For people who have no user yet: 8 to 200 characters.
    password: Option<String>,
}

/// Who may do what.
#[derive(InputObject)]
struct ChangeMemberRoleInput {
    /// A member.
    user_id: ID,
    /// Not above one's own.
    role: Role,
}

/// Who has to go.
#[derive(InputObject)]
struct RemoveMemberInput {
    /// A member; oneself to leave.
    user_id: ID,
}

#[derive(Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Renames the account.
    async fn update_account(&self, ctx: &Context<'_>, input: UpdateAccountInput) -> Result<AccountPayload, Error> {
        let result = async {
            let actor = actor(ctx)?;
            let name = match &input.name {
                MaybeUndefined::Null => return Err(Refusal::at(Code::Required, "name", "`name` cannot be cleared.").into()),
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Value(name) => Some(name.as_str()),
            };
            let account = update_account::update_account(app(ctx)?, actor, requester(ctx)?, name).await?;
            Ok(AccountObject::new(account, actor))
        };
        answer(result.await.map(AccountPayload::from))
    }

    /// Makes a member an owner and the viewer, who was one, an admin.
    async fn transfer_ownership(&self, ctx: &Context<'_>, input: TransferOwnershipInput) -> Result<AccountPayload, Error> {
        let to = Id::decode(&input.to_user_id)?;
        let result = async {
            let actor = actor(ctx)?;
            let account = transfer_ownership::transfer_ownership(app(ctx)?, actor, requester(ctx)?, to).await?;
            Ok(AccountObject::new(account, actor))
        };
        answer(result.await.map(AccountPayload::from))
    }

    /// Ends the account and all it owns after a week, within which `restoreAccount` undoes it. People who belong to no other account
    /// are erased with it; payments are kept, as the law asks.
    async fn delete_account(&self, ctx: &Context<'_>, input: DeleteAccountInput) -> Result<AcknowledgedPayload, Error> {
        let result = async { delete_account::delete_account(app(ctx)?, actor(ctx)?, requester(ctx)?, &input.confirm_name).await };
        answer(result.await.map(|()| AcknowledgedPayload::new()))
    }

    /// Undoes `deleteAccount`, within its week.
    async fn restore_account(&self, ctx: &Context<'_>) -> Result<AccountPayload, Error> {
        let result = async {
            let actor = actor(ctx)?;
            let account = restore_account::restore_account(app(ctx)?, actor, requester(ctx)?).await?;
            Ok(AccountObject::new(account, actor))
        };
        answer(result.await.map(AccountPayload::from))
    }

    /// Lets a person who deactivated their user sign in again; for admins of an account of theirs, and for staff.
    async fn reactivate_user(&self, ctx: &Context<'_>, input: ReactivateUserInput) -> Result<UserPayload, Error> {
        let user = Id::decode(&input.user_id)?;
        let result = async {
            let reactivated = reactivate_user::reactivate_user(app(ctx)?, actor(ctx)?, requester(ctx)?, user).await?;
            UserObject::require(ctx, reactivated.id).await
        };
        answer(result.await.map(UserPayload::new))
    }

    /// Sends an invitation by mail. It lasts 7 days and holds a seat; inviting an address again replaces what it had.
    async fn invite_member(&self, ctx: &Context<'_>, input: InviteMemberInput) -> Result<InvitationPayload, Error> {
        let InviteMemberInput { email, role, idempotency_key } = input;
        let input = InviteMember { email, role, idempotency_key };
        let result = async { invite_member::invite_member(app(ctx)?, actor(ctx)?, requester(ctx)?, input).await };
        answer(result.await.map(|row| InvitationPayload::from(InvitationObject(row))))
    }

    /// Takes an invitation back: its link is of no use any more, and its seat is free.
    async fn revoke_invitation(&self, ctx: &Context<'_>, input: RevokeInvitationInput) -> Result<AcknowledgedPayload, Error> {
        let id = Id::decode(&input.id)?;
        let result = async { revoke_invitation::revoke_invitation(app(ctx)?, actor(ctx)?, requester(ctx)?, id).await };
        answer(result.await.map(|()| AcknowledgedPayload::new()))
    }

    /// Joins the account that the token was sent for: as the viewer, if it was sent to their address, or as somebody new. The tokens
    /// speak for that account.
    async fn accept_invitation(&self, ctx: &Context<'_>, input: AcceptInvitationInput) -> Result<AuthPayload, Error> {
        let AcceptInvitationInput { token, username, password } = input;
        let input = AcceptInvitation { token: token.into(), username, password: password.map(Into::into) };
        granted(ctx, async { accept_invitation::accept_invitation(app(ctx)?, requester(ctx)?, input).await }.await)
    }

    /// Changes what a member may do. It counts at once.
    async fn change_member_role(&self, ctx: &Context<'_>, input: ChangeMemberRoleInput) -> Result<MembershipPayload, Error> {
        let user = Id::decode(&input.user_id)?;
        let result = async {
            let actor = actor(ctx)?;
            let member = change_member_role::change_member_role(app(ctx)?, actor, requester(ctx)?, user, input.role).await?;
            Ok(MembershipObject::new(member, actor))
        };
        answer(result.await.map(MembershipPayload::from))
    }

    /// Takes a member out of the account, or lets the viewer leave. What they made stays, and their sessions can be handed over.
    async fn remove_member(&self, ctx: &Context<'_>, input: RemoveMemberInput) -> Result<AcknowledgedPayload, Error> {
        let user = Id::decode(&input.user_id)?;
        let result = async { remove_member::remove_member(app(ctx)?, actor(ctx)?, requester(ctx)?, user).await };
        answer(result.await.map(|()| AcknowledgedPayload::new()))
    }
}
