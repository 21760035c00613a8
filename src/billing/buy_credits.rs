//! `buyCredits`: packs of credits, paid once.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::checkout::{Checkout, NewCheckout, Purpose};
use super::open_checkout::{agreed, open_checkout};
use super::return_url;
use super::subscription_change::MAX_KEY;
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::credit_packs;
use crate::error::{Code, Error, Refusal};
use crate::identity::actor::{Actor, Requester, Role};
use crate::text;

const MOST: i32 = 100;

#[derive(Clone, Debug)]
pub struct BuyCredits {
    pub pack_key: String,
    pub quantity: i32,
    pub success_url: String,
    pub cancel_url: String,
    pub idempotency_key: Option<String>,
}

pub async fn buy_credits(app: &App, actor: &Actor, from: &Requester, wish: BuyCredits) -> Result<Checkout, Error> {
    actor.require(Role::Owner)?;
    actor.require_verified()?;
    let success_url = return_url::with_session(return_url::allowed(&app.config, "successUrl", &wish.success_url)?);
    let cancel_url = return_url::allowed(&app.config, "cancelUrl", &wish.cancel_url)?.to_string();
    let key = text::optional("idempotencyKey", wish.idempotency_key.as_deref(), MAX_KEY)?;
    if !(1..=MOST).contains(&wish.quantity) {
        let message = format!("`quantity` must be from 1 to {MOST}, not {}.", wish.quantity);
        return Err(Refusal::at(Code::Invalid, "quantity", message).into());
    }
    let asked = NewCheckout {
        idempotency_key: key,
        pack_key: Some(wish.pack_key.clone()),
        quantity: wish.quantity,
        ..NewCheckout::of(actor, Purpose::Credits, success_url, cancel_url)
    };
    if let Some(known) = agreed(app, &asked).await? {
        return Ok(known);
    }
    let unknown = || Refusal::at(Code::NotFound, "packKey", "There is no such pack of credits on sale.");
    if wish.pack_key.contains('\0') {
        return Err(unknown().into());
    }
    let pack: Option<(i32, i64, String)> = credit_packs::table
        .find(&wish.pack_key)
        .filter(credit_packs::on_sale.eq(true))
        .select((credit_packs::credits, credit_packs::unit_amount, credit_packs::currency))
        .first(&mut *app.db.conn().await?)
        .await
        .optional()?;
    let (credits, unit_amount, currency) = pack.ok_or_else(unknown)?;
    let checkout = NewCheckout {
        credits: Some(credits.saturating_mul(wish.quantity)),
        amount: Some(unit_amount.saturating_mul(wish.quantity.into())),
        currency: Some(currency),
        ..asked
    };
    open_checkout(app, from, checkout, async |_: &mut Conn| Ok(Vec::new())).await
}
