//! What refunds and disputes leave of a payment: its status, the credits that it bought, the purchase that it paid. Everything follows
//! from the sums, so that the order in which the parts were told does not matter.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Uuid};
use diesel_async::RunQueryDsl;

use super::super::credit::{self, Cause};
use super::super::payment::Payment;
use super::super::purchase::{self, Purchase};
use crate::app::App;
use crate::db::Conn;
use crate::error::Error;
use crate::id::{AccountId, Id};
use crate::staff::alerts;

#[derive(QueryableByName)]
struct Sums {
    /// All refunds, whatever became of them.
    #[diesel(sql_type = BigInt)]
    refunds: i64,
    #[diesel(sql_type = BigInt)]
    failed: i64,
    #[diesel(sql_type = BigInt)]
    disputed: i64,
    /// The part of it that is not decided yet.
    #[diesel(sql_type = BigInt)]
    contested: i64,
}

/// `cause`: the provider's id of what has changed. Returns who has sold what was paid, if somebody has.
pub async fn settle(conn: &mut Conn, app: &App, mut payment: Payment, cause: &str) -> Result<Option<AccountId>, Error> {
    let sums: Sums = diesel::sql_query(
        "SELECT coalesce(sum(amount), 0)::bigint AS refunds, \
                coalesce(sum(amount) FILTER (WHERE status = 'failed'), 0)::bigint AS failed, \
                (SELECT coalesce(sum(amount), 0)::bigint FROM disputes WHERE payment_id = $1 AND status IN ('open', 'lost')) AS disputed, \
                (SELECT coalesce(sum(amount), 0)::bigint FROM disputes WHERE payment_id = $1 AND status = 'open') AS contested \
         FROM refunds WHERE payment_id = $1",
    )
    .bind::<Uuid, _>(payment.id)
    .get_result(conn)
    .await?;
    let refunded = refunded(payment.amount, payment.charge_refunded, sums.refunds, sums.failed);
    let lost = refunded.saturating_add(sums.disputed);
    let claimed = claimed(payment.credits_granted, payment.amount, lost);
    let before = payment.clone();
    if claimed != payment.credits_claimed {
        correct(conn, app, &mut payment, claimed, &format!("{cause}:{claimed}")).await?;
    }
    payment.refunded = refunded;
    payment.status = payment.standing(sums.disputed);
    let (subject, now) = (payment.id.encode(), app.clock.now());
    let mut seller = None;
    let mut nothing = payment.account_gone.then_some((alerts::Kind::PaidForNothing, "an account that was deleted"));
    if payment.purpose == "purchase" && payment.paid() {
        let status = match lost {
            _ if payment.account_gone => purchase::Status::Refunded,
            _ if sums.contested > 0 => purchase::Status::Disputed,
            // What the bank has taken for good is as gone as what we have paid back, and a part of either leaves it.
            1.. if lost >= payment.amount => purchase::Status::Refunded,
            _ => purchase::Status::Active,
        };
        let changed = Purchase::set_status(conn, payment.checkout_id, status, Some(payment.id), now).await?;
        seller = changed.seller;
        if !changed.stands {
            nothing = nothing.or(Some(match changed.has_tree {
                true => (alerts::Kind::PaidTwice, "a tree that was bought already"),
                false => (alerts::Kind::PaidForNothing, "a tree that was deleted"),
            }));
        }
    }
    match nothing {
        Some((kind, what)) if lost < payment.amount => {
            let message = format!("{subject} paid for {what}, and could not be paid back: it needs another way.");
            alerts::open(conn, kind, &subject, &message, now).await?;
        }
        // What is disputed after it was paid back has left nothing here that anybody could want.
        _ => {
            for kind in [alerts::Kind::PaidTwice, alerts::Kind::PaidForNothing] {
                alerts::close(conn, kind, &subject, now).await?;
            }
        }
    }
    if payment != before {
        payment.updated_at = now;
        Payment::update(conn, payment).await?;
    }
    Ok(seller)
}

/// Takes credits back, or gives them back, until so many are claimed. That this is done once is known from the payment's own
/// `credits_claimed`. A charge may take the same total again, after it was given back in between: its entry needs another name.
async fn correct(conn: &mut Conn, app: &App, payment: &mut Payment, claimed: i32, cause: &str) -> Result<(), Error> {
    let account = payment.account_id;
    let source = format!("{cause}:{}", credit::corrections(conn, account).await?);
    let more = claimed - payment.credits_claimed;
    let before = payment.credits_taken.min(payment.credits_claimed);
    let taken = if more > 0 {
        let cause = Cause { source: &source, reason: "the payment was taken back" };
        credit::claim(conn, &app.clock, account, more, cause).await?.map(|taken| before + taken)
    } else {
        // What is claimed still is taken first, as if the rest had never been claimed.
        let kept = before.min(claimed);
        let cause = Cause { source: &source, reason: "the payment came back" };
        credit::give_back(conn, &app.clock, account, -more, before - kept, cause).await?.then_some(kept)
    };
    payment.credits_taken = taken.ok_or_else(|| Error::internal(format!("the credits were corrected for {source} before")))?;
    payment.credits_claimed = claimed;
    Ok(())
}

/// A charge may tell a total before its refunds are known one by one; a refund that failed never left.
fn refunded(amount: i64, told_by_charge: i64, refunds: i64, failed: i64) -> i64 {
    (refunds.max(told_by_charge) - failed).clamp(0, amount.max(0))
}

/// Credits go back in proportion, and all of them when all of the money does.
fn claimed(granted: i32, amount: i64, lost: i64) -> i32 {
    if amount <= 0 {
        return 0;
    }
    let part = i128::from(granted) * i128::from(lost.clamp(0, amount)) / i128::from(amount);
    i32::try_from(part).unwrap_or(granted)
}
