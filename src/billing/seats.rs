//! How many seats can be bought: as many as the plan has, and not fewer than are taken.

use chrono::{DateTime, Utc};

use super::offer::Offer;
use super::plan::LimitKey;
use super::usage;
use crate::db::Conn;
use crate::error::{Code, Error, Refusal};
use crate::id::AccountId;

/// Enough for any company, and far from where amounts overflow.
const MOST: i32 = 10_000;

pub async fn check(conn: &mut Conn, offer: &Offer, account: AccountId, seats: i32, now: DateTime<Utc>) -> Result<(), Error> {
    if !(1..=MOST).contains(&seats) {
        return Err(Refusal::at(Code::Invalid, "seats", format!("`seats` must be from 1 to {MOST}, not {seats}.")).into());
    }
    if let Some(max) = offer.max_seats(conn).await?.filter(|max| seats > *max) {
        let message = format!("The {} plan has at most {max} seats, not {seats}.", offer.plan_name);
        return Err(Refusal::at(Code::PlanLimit, "seats", message).into());
    }
    let taken = usage::used(conn, account, LimitKey::Seats, now).await?;
    if seats < taken {
        let message = format!("{taken} seats are taken by members and open invitations: {seats} are too few.");
        return Err(Refusal::at(Code::InUse, "seats", message).into());
    }
    Ok(())
}
