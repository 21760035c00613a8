//! What an account may use and pays for.
//!
//! Stripe knows what is paid, and tells us by *events*, more than once, out of order, or never. A *delivery* is one arrival of an event.
//! What is told becomes rows by one way only: `receive` checks and reads a delivery, `locked` takes the customer's turn, `apply` writes.
//! Whoever reads or changes an object at Stripe goes the same way.

mod alter; // what all changes of a subscription share
pub mod apply; // what is told of an object becomes rows
pub mod buy_credits;
pub mod cancel_subscription;
mod catalogue; // from Stripe's prices to our plans
pub mod change_plan;
pub mod checkout; // what somebody is about to pay for
pub mod create_plan;
pub mod credit; // balances
pub mod customer; // who an account is at Stripe
pub mod delivery; // the ledger and the log of what Stripe has sent
pub mod derive; // a subscription's row from all that was told (pure)
pub mod end_lapsed; // the hourly sweep
pub mod entitlement; // what an account may do now, and why (pure)
mod give_up_refused; // first payments that came to nothing
pub mod grant_credits;
pub mod graphql;
pub mod jobs; // retries, refetches, the sweep, mails
pub mod locked; // one customer's changes, one after the other
pub mod mails; // which mails, once each
mod make_customer; // an account becomes somebody at Stripe
pub mod money; // amounts, checked and shown
pub mod news; // what a mail says, from the rows as they are
mod note_scheduled; // what a schedule will change
pub mod offer; // a plan at a price
pub mod offer_plans; // what we sell, told to Stripe
pub mod open_billing_portal;
pub mod open_checkout; // a page to pay on
pub mod ordering; // which of two states is the later one (pure)
mod pay_back; // money for nothing goes back
pub mod payment; // money for invoices and checkouts
pub mod payment_link; // which intent and charge paid which invoice
pub mod place; // whose is this?
pub mod plan; // what can be bought
pub mod plan_terms; // what staff may say of a plan
pub mod preview_plan_change;
pub mod purchase; // trees that were bought
pub mod queue; // who waits for whom, within a process
mod raw; // Stripe's words as a column
pub mod receive; // a delivery arrives
pub mod refetch; // a subscription is read again
pub mod resume_subscription;
pub mod retry_webhooks;
pub mod return_url; // where browsers go after they have paid
mod seats; // how many can be bought
pub mod start_checkout;
pub mod start_trial; // what a new account begins with
pub mod subscription; // what an account pays for
pub mod subscription_change; // what somebody has asked Stripe to change
pub mod sync_checkout;
pub mod tell_trials; // mails about trials of ours that end
pub mod update_plan;
pub mod usage; // how much of its limits an account uses
mod void_invoice; // nobody can pay it any more
