//! Sessions: one person's way through a published tree, from start to outcome.
//!
//! - A *step* is one thing that happened. Steps are only ever appended, so a session is its list of steps.
//! - The *walk* is where the steps lead: the node it stands on, the calls it is in, the variables. Undo moves the walk back.
//! - The *state* is the walk and what undo does not touch: status, assignee, time, outcome. It is `fold(steps)`; whoever
//!   stores it keeps a cache.
//! - A *command* is what a person asks for. It answers with new steps and the state after them, or with a refusal.
//!
//! All of this is pure: no database, no clock, no async.

pub mod commands;
pub mod label;
pub mod library;
pub mod record;
pub mod refusal;
pub mod report;
pub mod run_on;
pub mod state;
pub mod walk;
