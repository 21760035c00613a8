//! Relay connections.
