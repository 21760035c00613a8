//! Payloads of mutations.
