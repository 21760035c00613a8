//! What an account may use and pays for.
//!
//! Stripe knows what is paid, and tells us by *events*, more than once, out of order, or never. A *delivery* is one arrival of an event.
//! What is told becomes rows by one way only: `receive` checks and reads a delivery, `locked` takes the customer's turn, `apply` writes.
//! Whoever reads or changes an object at Stripe goes the same way.

pub mod apply; // what is told of an object becomes rows
mod catalogue; // from Stripe's prices to our plans
pub mod checkout; // what somebody is about to pay for
pub mod credit; // balances
pub mod customer; // who an account is at Stripe
pub mod delivery; // the ledger and the log of what Stripe has sent
pub mod derive; // a subscription's row from all that was told (pure)
pub mod end_lapsed; // the hourly sweep
pub mod entitlement; // what an account may do now, and why (pure)
pub mod graphql;
pub mod jobs; // retries, refetches, the sweep, mails
pub mod locked; // one customer's changes, one after the other
pub mod mails; // which mails, once each
pub mod money; // amounts for people
pub mod news; // what a mail says, from the rows as they are
pub mod ordering; // which of two states is the later one (pure)
pub mod payment; // money for invoices and checkouts
pub mod payment_link; // which intent and charge paid which invoice
pub mod place; // whose is this?
pub mod plan; // what can be bought
pub mod purchase; // trees that were bought
pub mod queue; // who waits for whom, within a process
pub mod receive; // a delivery arrives
pub mod refetch; // a subscription is read again
pub mod retry_webhooks;
pub mod start_trial; // what a new account begins with
pub mod subscription; // what an account pays for
pub mod usage; // how much of its limits an account uses
