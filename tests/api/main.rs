#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod support;
mod tree_diff;
mod tree_expression;
mod tree_validate;
mod tree_templates;
fn main() {}
