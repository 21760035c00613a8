//! `grantCredits`, for the platform's staff: credits that nobody has bought. The same key gives them once.

use super::credit::{self, Cause, Entry, Kind};
use crate::app::App;
use crate::db::notices::Notice;
use crate::error::{Code, Error, Refusal};
use crate::id::AccountId;
use crate::identity::account::Account;
use crate::identity::actor::{Actor, Requester};
use crate::identity::audit;
use crate::text;

/// A slip of the finger is refused; whoever means more grants twice.
const MOST: i32 = 100_000;
const MAX_REASON: usize = 500;
const MAX_KEY: usize = 200;

#[derive(Clone, Debug)]
pub struct GrantCredits {
    pub account: AccountId,
    pub credits: i32,
    /// The account's people read it.
    pub reason: String,
    pub idempotency_key: String,
}

pub async fn grant_credits(app: &App, actor: &Actor, from: &Requester, input: &GrantCredits) -> Result<Entry, Error> {
    actor.require_staff()?;
    if !(1..=MOST).contains(&input.credits) {
        return Err(Refusal::at(Code::Invalid, "credits", format!("`credits` must be from 1 to {MOST}, not {}.", input.credits)).into());
    }
    let reason = text::required("reason", &input.reason, MAX_REASON)?;
    let key = text::required("idempotencyKey", &input.idempotency_key, MAX_KEY)?;
    let account = input.account;
    let source = format!("grant:{account:?}:{key}");
    let now = app.clock.now();
    let entry = app
        .db
        .transaction(async |conn| {
            if Account::lock(conn, account).await?.is_none() {
                return Err(Refusal::at(Code::NotFound, "accountId", "There is no such account.").into());
            }
            let cause = Cause { source: &source, reason: &reason };
            if credit::add(conn, &app.clock, account, input.credits, Kind::Grant, cause).await? {
                let line = audit::Entry { account: Some(account), actor: Some(actor.user), ..audit::Entry::new("grantCredits", now) };
                audit::record(conn, &line.about(format!("{} credits: {reason}", input.credits)).from(from)).await?;
            }
            let entry = Entry::of_source(conn, &source, Kind::Grant).await?.ok_or_else(|| Error::internal("a grant without its entry"))?;
            if (entry.delta, &entry.reason) != (input.credits, &reason) {
                return Err(Refusal::at(Code::Invalid, "idempotencyKey", "This key was used for another grant.").into());
            }
            Ok(entry)
        })
        .await?;
    app.notices.publish(Notice::Billing(account));
    Ok(entry)
}
