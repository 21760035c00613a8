//! Fixpath: a GraphQL API server for guided troubleshooting.

pub mod app; // what every operation needs: configuration, clock, database, notices
pub mod billing; // what an account may use and pays for, and what Stripe tells of it
pub mod clock; // the only place that knows the time
pub mod config; // the environment, read and checked once
pub mod db; // pool, transactions, migrations, live notices, the private PostgreSQL
pub mod deadline; // how long whoever asked will wait
pub mod doctor; // what stands between a configuration and a server that works
pub mod error; // refusals and errors
pub mod graphql; // the schema's roots and what all types share
pub mod http; // the endpoint: what arrives, and what is answered
pub mod id; // typed ids
pub mod identity; // people, accounts, roles, signing in
pub mod jobs; // work that is done later, and work that is due by itself
pub mod key_file; // secrets that a development server makes for itself
pub mod limits; // how much one sender may ask for
pub mod mail; // what people are told by mail
pub mod marketplace; // trees that accounts sell to each other
pub mod metrics; // what is counted, for Prometheus
pub mod session; // walks through trees
pub mod signing; // what is handed out and taken back unchanged
pub mod staff; // operations for the platform's own people, and the demo
pub mod stripe; // the payment provider: its HTTP, signatures and objects
pub mod telemetry; // logs and traces
pub mod text; // what people type, checked
pub mod tree; // decision trees
