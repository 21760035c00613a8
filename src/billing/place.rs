//! Whose is this? From what an object says to one of our accounts, without guessing: the customer that we know; else the session's
//! `client_reference_id`; else its metadata; else an e-mail address, if exactly one person has it, has shown that it is theirs, and owns
//! exactly one account.

use super::customer::Customer;
use super::subscription::Subscription;
use crate::app::App;
use crate::db::Conn;
use crate::error::Error;
use crate::id::AccountId;
use crate::staff::lookup::{self, Reference};

/// What an object says about whose it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints<'a> {
    pub customer: Option<&'a str>,
    pub subscription: Option<&'a str>,
    pub client_reference: Option<&'a str>,
    pub account: Option<&'a str>,
    pub user: Option<&'a str>,
    pub email: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Account {
        account: AccountId,
        /// The customer was a stranger until now.
        linked: bool,
    },
    /// The customer was deleted, or their account.
    Tombstone,
    Nowhere,
}

/// Also remembers the customer, so that the next event finds it at once. `found`: a customer that was found already.
pub async fn place(conn: &mut Conn, app: &App, found: Option<&Customer>, hints: Hints<'_>) -> Result<Place, Error> {
    let customer = hints.customer.filter(|customer| !lookup::is_placeholder(customer));
    let known = match found.filter(|found| Some(found.provider_customer_id.as_str()) == customer) {
        Some(found) => Some(found.clone()),
        None => Customer::named(conn, customer).await?,
    };
    if let Some(known) = known {
        return Ok(match known.account_id {
            Some(account) if !known.is_tombstone() => Place::Account { account, linked: false },
            _ => Place::Tombstone,
        });
    }
    if customer.is_none() && is_of_the_deleted(conn, hints).await? {
        return Ok(Place::Tombstone);
    }
    let Some(account) = named(conn, hints).await? else { return Ok(Place::Nowhere) };
    let linked = match customer {
        Some(customer) => Customer::link(conn, &app.clock, customer, account).await?,
        None => false,
    };
    Ok(Place::Account { account, linked })
}

/// What names a subscription only may belong to a customer who was deleted.
async fn is_of_the_deleted(conn: &mut Conn, hints: Hints<'_>) -> Result<bool, Error> {
    let Some(subscription) = hints.subscription else { return Ok(false) };
    let known = Subscription::find_by_provider_id(conn, subscription).await?;
    let Some(customer) = known.and_then(|row| row.provider_customer_id) else { return Ok(false) };
    Ok(Customer::find(conn, &customer).await?.is_some_and(|customer| customer.is_tombstone()))
}

async fn named(conn: &mut Conn, hints: Hints<'_>) -> Result<Option<AccountId>, Error> {
    for text in [hints.subscription, hints.client_reference, hints.account, hints.user].into_iter().flatten() {
        // An address is no name: anybody can type it.
        let Some(reference) = Reference::read(text).filter(|reference| !matches!(reference, Reference::Email(_))) else { continue };
        if let Some(account) = only(&lookup::find(conn, &reference).await?, &reference) {
            return Ok(Some(account));
        }
    }
    let Some(reference @ Reference::Email(_)) = hints.email.and_then(Reference::read) else { return Ok(None) };
    let mut found = lookup::find(conn, &reference).await?;
    found.retain(|found| found.verified);
    Ok(only(&found, &reference))
}

/// The account, if there is no other that it could be.
fn only(found: &[lookup::Found], reference: &Reference) -> Option<AccountId> {
    match reference {
        Reference::Account(_) | Reference::Customer(_) | Reference::Subscription(_) => found.first().map(|found| found.account),
        Reference::Email(_) | Reference::Number(_) | Reference::User(_) | Reference::Either(_) => {
            let mut owned = found.iter().filter(|found| found.role.as_deref() == Some("owner"));
            match (owned.next(), owned.next()) {
                (Some(found), None) => Some(found.account),
                _ => None,
            }
        }
    }
}
