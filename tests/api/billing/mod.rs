//! Billing: each rule that must hold, by its name.

mod cancelling;
mod credits;
mod deleted_customer;
mod entitlements;
mod faults;
mod files;
mod histories;
mod lookup;
mod mails;
mod mapping;
mod modes;
mod money;
mod objects;
mod ordering;
mod parking;
mod permutations;
mod plans;
mod retries;
mod second_subscription;
mod shapes;
mod signatures;
mod staff;
mod sweep;
mod unreachable;
