//! Sessions: one person's way through a published tree, from start to outcome.
//!
//! - A *step* is one thing that happened. Steps are only ever appended, so a session is its list of steps.
//! - The *walk* is where the steps lead: the node it stands on, the calls it is in, the variables. Undo moves the walk back.
//! - The *state* is the walk and what undo does not touch: status, assignee, time, outcome. It is `fold(steps)`; whoever
//!   stores it keeps a cache.
//! - A *command* is what a person asks for. It answers with new steps and the state after them, or with a refusal.
//!
//! Pure (no database, no clock, no async): `commands`, `state`, `walk`, `run_on`, `record`, `library`, `label`, `report`.
//! Tables: `session`, `step`. Operations: `start`, `act`, `list`, `export`.

pub mod act;
pub mod commands;
pub mod export;
pub mod graphql;
pub mod jobs;
pub mod label;
pub mod libraries;
pub mod library;
pub mod list;
pub mod record;
pub mod refusal;
pub mod report;
pub mod resolved_rate;
pub mod run_on;
pub mod session;
pub mod start;
pub mod state;
pub mod step;
pub mod walk;
