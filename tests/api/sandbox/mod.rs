//! The simulated Stripe, spoken to over HTTP as our own client does.

mod faults;
mod history;
mod lifecycle;
mod money;
mod pages;
mod requests;
mod shop;
mod versions;
mod webhooks;
