//! `startCheckout`: somebody wants a plan.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use stripe_product::promotion_code::ListPromotionCode;

use super::checkout::{COMPLETED, Checkout, FAILED, NewCheckout, ON_ITS_WAY, Purpose, Unpaid};
use super::customer::Customer;
use super::offer::Offer;
use super::open_checkout::{agreed, open_checkout};
use super::plan::Plan;
use super::return_url;
use super::seats;
use super::start_trial::mailbox;
use super::subscription::{STRIPE, Status, Subscription};
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::{card_fingerprints, subscriptions, trial_grants, users};
use crate::error::{Code, Error, Refusal};
use crate::id::AccountId;
use crate::identity::actor::{Actor, Requester, Role};
use crate::stripe::object::field::{id, text};
use crate::text as input;

const MAX_CODE: usize = 100;

#[derive(Clone, Debug)]
pub struct StartCheckout {
    pub plan_key: String,
    pub interval: &'static str,
    pub seats: i32,
    pub success_url: String,
    pub cancel_url: String,
    pub promotion_code: Option<String>,
    pub idempotency_key: Option<String>,
}

/// The page to pay on. The price is that of our catalogue. Refused while a subscription lives at Stripe, or is being paid.
pub async fn start_checkout(app: &App, actor: &Actor, from: &Requester, wish: StartCheckout) -> Result<Checkout, Error> {
    actor.require(Role::Owner)?;
    actor.require_verified()?;
    let success_url = return_url::with_session(return_url::allowed(&app.config, "successUrl", &wish.success_url)?);
    let cancel_url = return_url::allowed(&app.config, "cancelUrl", &wish.cancel_url)?.to_string();
    let key = input::optional("idempotencyKey", wish.idempotency_key.as_deref(), super::subscription_change::MAX_KEY)?;
    let code = input::optional("promotionCode", wish.promotion_code.as_deref(), MAX_CODE)?;
    let plan = Plan::find(&mut *app.db.conn().await?, &wish.plan_key).await?;
    let asked = NewCheckout {
        idempotency_key: key,
        plan_id: plan.map(|plan| plan.id),
        interval: Some(wish.interval.to_owned()),
        seats: Some(wish.seats),
        promotion_word: code,
        ..NewCheckout::of(actor, Purpose::Subscription, success_url, cancel_url)
    };
    if let Some(known) = agreed(app, &asked).await? {
        return Ok(known);
    }
    let mut conn = app.db.conn().await?;
    let offer = on_sale(&mut conn, &wish.plan_key, wish.interval).await?;
    seats::check(&mut conn, &offer, actor.account, wish.seats, app.clock.now()).await?;
    let trial_days = trial_days(&mut conn, actor, offer.trial_days).await?;
    drop(conn);
    let promotion_code = match &asked.promotion_word {
        Some(word) => Some(promotion(app, actor.account, word).await?),
        None => None,
    };
    let checkout = NewCheckout {
        plan_price_id: Some(offer.price),
        trial_days,
        amount: Some(offer.unit_amount.saturating_mul(wish.seats.into())),
        currency: Some(offer.currency),
        promotion_code,
        ..asked
    };
    let account = actor.account;
    open_checkout(app, from, checkout, async |conn: &mut Conn| refuse_second(conn, account).await).await
}

/// A plan that can be bought, at its present price.
pub async fn on_sale(conn: &mut Conn, plan_key: &str, interval: &str) -> Result<Offer, Error> {
    let unknown =
        || Refusal::at(Code::PlanUnavailable, "planKey", format!("There is no plan `{}` on sale by the {interval}.", shown(plan_key)));
    let offer = Offer::find(conn, plan_key, interval).await?.filter(|offer| offer.on_sale).ok_or_else(unknown)?;
    if offer.unit_amount == 0 {
        let message = format!("The plan `{}` costs nothing: it is there without a checkout.", offer.plan_key);
        return Err(Refusal::at(Code::PlanUnavailable, "planKey", message).into());
    }
    Ok(offer)
}

fn shown(key: &str) -> String {
    key.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// Returns what was refused in the end: it is given up for the new one.
async fn refuse_second(conn: &mut Conn, account: AccountId) -> Result<Vec<Unpaid>, Error> {
    let rows = Subscription::of_account(conn, account).await?;
    let live = || rows.iter().filter(|row| row.is_live());
    if let Some(begun) = live().find(|row| row.status != Status::Incomplete) {
        let message = format!("The account has a subscription, which is {}: change that one.", begun.status.as_str());
        return Err(Refusal::new(Code::AlreadySubscribed, message).into());
    }
    if !Checkout::not_begun(conn, account, COMPLETED).await?.is_empty() {
        return Err(Refusal::new(Code::CheckoutOpen, ON_ITS_WAY).into());
    }
    let refused = Checkout::not_begun(conn, account, FAILED).await?;
    let given_up = |row: &Subscription| refused.iter().any(|(_, id)| row.provider_subscription_id.as_ref() == Some(id));
    if !live().all(given_up) {
        let message = "The account has a subscription, whose first payment is missing: pay that, or end it with cancelSubscription.";
        return Err(Refusal::new(Code::AlreadySubscribed, message).into());
    }
    Ok(refused)
}

/// One trial each: whoever had one here, or at Stripe, or whose mailbox had one under another account, or who has paid with a card that
/// another account had paid with before, gets no other. (That the first account goes on paying with its card, whoever else does so
/// later, takes nothing from it.) A card is known once it has paid something; one that is only stored for a trial is not told of.
async fn trial_days(conn: &mut Conn, actor: &Actor, days: i32) -> Result<i32, Error> {
    use diesel::dsl::{exists, select};
    if days == 0 {
        return Ok(0);
    }
    let account = actor.account;
    let email: String = users::table.find(actor.user).select(users::email).first(conn).await?;
    let subscribed = subscriptions::table.filter(subscriptions::account_id.eq(account)).filter(subscriptions::provider.eq(STRIPE));
    let tried = trial_grants::table.filter(trial_grants::account_id.eq(account));
    let tried_elsewhere = trial_grants::table.find(mailbox(&email));
    let (own, others) = diesel::alias!(card_fingerprints as own_cards, card_fingerprints as other_cards);
    let shared = own
        .inner_join(others.on(own.field(card_fingerprints::fingerprint).eq(others.field(card_fingerprints::fingerprint))))
        .filter(own.field(card_fingerprints::account_id).eq(account))
        .filter(others.field(card_fingerprints::account_id).ne(account))
        .filter(others.field(card_fingerprints::created_at).le(own.field(card_fingerprints::created_at)));
    let had = select(exists(subscribed)).get_result::<bool>(conn).await?
        || select(exists(tried)).get_result::<bool>(conn).await?
        || select(exists(tried_elsewhere)).get_result::<bool>(conn).await?
        || select(exists(shared.select(own.field(card_fingerprints::fingerprint)))).get_result::<bool>(conn).await?;
    Ok(if had { 0 } else { days })
}

/// Stripe's id of a code that people know. One word may be a code for everybody and others for single customers: their own goes first.
async fn promotion(app: &App, account: AccountId, word: &str) -> Result<String, Error> {
    app.stripe.require_set_up()?;
    let customer = Customer::primary(&mut *app.db.conn().await?, account).await?.map(|customer| customer.provider_customer_id);
    let codes = app.stripe.list("list_promotion_codes", |after| {
        let request = ListPromotionCode::new().code(word).active(true).limit(100);
        match after {
            Some(after) => request.starting_after(after),
            None => request,
        }
    });
    let codes = codes.await?;
    let of = |customer: Option<&String>| codes.iter().find(|code| id(code, "customer").as_ref() == customer);
    let found = of(customer.as_ref()).or_else(|| of(None)).and_then(|code| text(code, "id"));
    let unknown = || Refusal::at(Code::Invalid, "promotionCode", format!("`{word}` is no promotion code that can be used."));
    Ok(found.ok_or_else(unknown)?)
}
