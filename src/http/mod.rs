//! What arrives over HTTP. No business rule lives here.

mod access; // whoever loses access loses their live connections
mod answer; // errors and statuses of answers
pub mod arrival; // what happens to every request: id, log line, headers, panics
mod body; // bodies, in time
mod documents; // queries that were parsed before
mod exports; // signed links to sessions written down
pub mod graphiql; // the query editor
mod graphql; // GraphQL over POST and GET
mod health;
mod live; // GraphQL over WebSocket
mod nulls; // null where a field failed
mod oauth; // to providers and back
mod operation; // the pipeline that every operation goes through
mod order; // fields in the order in which they are asked for
mod origin; // which pages may call
mod params; // what a client sends to have an operation run
mod requester; // token, cookie and address → who asks
pub mod router;
pub mod serve;
mod sse; // GraphQL over server-sent events
mod stripe_webhook; // what Stripe sends
