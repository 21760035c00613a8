//! Billing from the customer's side: the app speaks to the sandbox over HTTP, and people pay on its pages.

mod calls;
mod changing;
mod credits;
mod delayed;
mod deleted_customers;
mod ending;
mod invoices;
mod kills;
mod mails;
mod pausing;
mod plans;
mod previewing;
mod prices;
mod promises;
mod promotions;
mod racing;
mod refused_debits;
mod replaying;
mod restarts;
mod scheduling;
mod seats;
mod shapes;
mod starting;
mod syncing;
mod trials;
mod withdrawing;
