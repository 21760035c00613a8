//! Who an account is at Stripe; made there when it is nobody yet. Nothing is locked while Stripe is asked: the idempotency key is the
//! same for all who ask at the same time, so that all are told the same customer. It comes from the account's row, which counts the
//! tries that Stripe answered with a failure for good.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use sha2::{Digest, Sha256};
use stripe_core::customer::{CreateCustomer, UpdateCustomer};

use super::customer::Customer;
use super::jobs;
use crate::app::App;
use crate::db::schema::{accounts, customers, memberships, users};
use crate::error::Error;
use crate::id::{AccountId, Id};
use crate::stripe::client::StripeError;
use crate::stripe::object::field::text;

/// The provider's id.
pub async fn make_customer(app: &App, account: AccountId) -> Result<String, Error> {
    let mut conn = app.db.conn().await?;
    if let Some(known) = Customer::primary(&mut conn, account).await? {
        return Ok(known.provider_customer_id);
    }
    // One that was deleted stays as a tombstone: the next one is another. Only those count: one that was linked just now is this one.
    let buried = customers::table.filter(customers::account_id.eq(account)).filter(customers::deleted_at.is_not_null());
    let number: i64 = buried.count().get_result(&mut conn).await?;
    let columns = (accounts::name, accounts::customer_attempt);
    let (name, attempt): (String, i32) = accounts::table.find(account).select(columns).first(&mut conn).await?;
    // How many keys are used up.
    let number = number + i64::from(attempt);
    let email: Option<String> = memberships::table
        .inner_join(users::table)
        .filter(memberships::account_id.eq(account))
        .filter(memberships::role.eq("owner"))
        .order((memberships::created_at, users::id))
        .select(users::email)
        .first(&mut conn)
        .await
        .optional()?;
    drop(conn);
    // What can change meanwhile is told apart from what makes the customer: under one key a request is always the same.
    let request = CreateCustomer::new().metadata(HashMap::from([("account".to_owned(), account.encode())]));
    let answer = match app.stripe.write("create_customer", &request, &format!("customer:{}:{number}", account.encode())).await {
        // So it stays for a day, under this key. All who were told so count it once.
        Err(error @ StripeError::Kept(_)) => {
            diesel::update(accounts::table.find(account).filter(accounts::customer_attempt.eq(attempt)))
                .set(accounts::customer_attempt.eq(attempt + 1))
                .execute(&mut *app.db.conn().await?)
                .await?;
            return Err(error.into());
        }
        answer => answer?,
    };
    let id = text(&answer.body, "id").ok_or_else(|| Error::internal("Stripe made a customer without an id"))?;
    let mut named = UpdateCustomer::new(id.as_str()).name(name.as_str());
    let mut told = Sha256::new_with_prefix(name.as_bytes());
    if let Some(email) = &email {
        named = named.email(email.as_str());
        told.update(email.as_bytes());
    }
    let key = format!("customer:{}:{number}:{}", account.encode(), hex::encode(told.finalize()));
    match app.stripe.write("update_customer", &named, &key).await {
        // They can pay without a name, too: Checkout asks for what it needs.
        Err(StripeError::Kept(cause)) => tracing::warn!(cause, "a customer has no name at Stripe"),
        // Not every address that we take is one for Stripe.
        Err(StripeError::Refused(refused)) if !refused.is_missing() => {
            tracing::warn!(cause = refused.message, "Stripe refuses a customer's name or address");
        }
        answer => drop(answer?),
    }
    let mut conn = app.db.conn().await?;
    let linked = Customer::link(&mut conn, &app.clock, &id, account).await?;
    let primary = Customer::primary(&mut conn, account).await?;
    drop(conn);
    if linked {
        jobs::unpark(app, std::slice::from_ref(&id)).await;
    }
    // Somebody may have linked another one meanwhile.
    Ok(primary.map_or(id, |known| known.provider_customer_id))
}
