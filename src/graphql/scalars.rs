//! Shared scalars.
