//! Anything by its global id.

use async_graphql::{Context, ID, Interface, Object};

use super::{actor, loaders};
use crate::billing::graphql::delivery::WebhookDelivery;
use crate::billing::graphql::payment::PaymentObject;
use crate::billing::graphql::plan::PlanObject;
use crate::billing::graphql::subscription::PlanSubscription;
use crate::error::Error;
use crate::id::{self, DeliveryId, PaymentId, PlanId, PurchaseId, SessionId, SubscriptionId, TreeId, UserId};
use crate::identity::actor::Role;
use crate::identity::graphql::{AccountObject, InvitationObject, UserObject};
use crate::marketplace::graphql::PurchaseObject;
use crate::session::graphql::SessionObject;
use crate::tree::graphql::{TreeObject, TreeVersion};

/// Anything with a global, prefixed, opaque id: `tree_…`, `session_…`, `user_…`, `account_…`, `invitation_…`.
#[derive(Interface)]
// Made, shown and gone: a box for each would cost more than the room.
#[allow(clippy::large_enum_variant)]
#[graphql(field(name = "id", ty = "ID", desc = "Opaque and global."))]
pub enum Node {
    Account(AccountObject),
    Invitation(InvitationObject),
    Payment(PaymentObject),
    Plan(PlanObject),
    PlanSubscription(PlanSubscription),
    Purchase(PurchaseObject),
    Session(SessionObject),
    Tree(TreeObject),
    TreeVersion(TreeVersion),
    WebhookDelivery(WebhookDelivery),
    User(UserObject),
}

#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// One thing by its id; null if it is not there, or not yours to see.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>, Error> {
        find(ctx, &id).await
    }

    /// Many things by their ids, in their order; at most 100.
    async fn nodes(&self, ctx: &Context<'_>, ids: Vec<ID>) -> Result<Vec<Option<Node>>, Error> {
        if ids.len() > 100 {
            return Err(Error::BadInput(format!("`ids` may hold at most 100 ids, not {}", ids.len())));
        }
        // Together, so that the loaders batch them.
        futures_util::future::try_join_all(ids.iter().map(|id| find(ctx, id))).await
    }
}

async fn find(ctx: &Context<'_>, text: &str) -> Result<Option<Node>, Error> {
    let actor = actor(ctx)?;
    let Some((prefix, uuid)) = id::decode(text) else { return Err(Error::BadInput("that is no id".into())) };
    Ok(match prefix {
        "account" => AccountObject::load(ctx, uuid.into(), actor).await?.filter(AccountObject::is_viewers).map(Node::Account),
        "invitation" => InvitationObject::find(ctx, actor, uuid.into()).await?.map(Node::Invitation),
        "user" => UserObject::load(ctx, UserId::from(uuid)).await?.filter(UserObject::is_colleague).map(Node::User),
        "payment" if actor.role == Role::Owner => {
            loaders::one::<loaders::Payments>(ctx, PaymentId::from(uuid)).await?.map(|payment| Node::Payment(PaymentObject(payment)))
        }
        "plan" => PlanObject::find(ctx, PlanId::from(uuid)).await?.map(Node::Plan),
        "subscription" => match loaders::one::<loaders::Subscriptions>(ctx, SubscriptionId::from(uuid)).await? {
            Some(row) => Some(Node::PlanSubscription(PlanSubscription::new(ctx, row).await?)),
            None => None,
        },
        "purchase" => {
            let purchase = loaders::one::<loaders::Purchases>(ctx, PurchaseId::from(uuid)).await?;
            purchase.filter(|purchase| purchase.visible_to(actor)).map(|purchase| Node::Purchase(PurchaseObject(purchase)))
        }
        "tree" => TreeObject::find(ctx, TreeId::from(uuid)).await?.map(Node::Tree),
        "version" | "draft" => TreeVersion::find(ctx, text).await?.map(Node::TreeVersion),
        "session" => SessionObject::find(ctx, SessionId::from(uuid)).await?.map(Node::Session),
        "delivery" if actor.staff => loaders::one::<loaders::Deliveries>(ctx, DeliveryId::from(uuid))
            .await?
            .map(|delivery| Node::WebhookDelivery(WebhookDelivery(delivery))),
        "delivery" | "payment" => None,
        _ => return Err(Error::BadInput(format!("nothing has ids that begin with `{prefix}_`"))),
    })
}
