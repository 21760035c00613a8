//! Mermaid flowcharts.
//!
//! ```text
//! flowchart TD
//!     A{Is the lamp on?} -->|Yes| B[Restart the router]
//!     A -->|No| C([Call an electrician]):::escalated
//!     B --> D([Solved])
//! ```
//! - `{}` is a question, `{{}}` a decision (labels are expressions), `[[]]` a call of the tree with that slug. Other shapes say
//!   nothing: a node without a way out is a resolution, one with a single way an action, one with labelled ways a question.
//!   `write` draws actions as `[]` and resolutions as `([])`.
//! - A label on a way is an option. A dotted way without a label (`-.->`) leads on for any other answer.
//! - A resolution's outcome is its class, `:::escalated` or `class C escalated`, or a mark in its text, `(escalated)`.
//! - A node's key is the slug of its id.
//! - `%% fixpath {…}` before a statement holds details: before `flowchart` of the tree, before a node of the node, before a way of
//!   its option. Other comments, styles, clicks and the frames of subgraphs are left out; the nodes in a subgraph count.
//! - Read besides: `A -- label --> B`, `A --> B & C`, `A --> B --> C`, `;`, `A@{ shape: diam, label: "…" }`, and front matter.

mod arrow;
mod read;
mod scanner;
mod shape;
mod write;

pub use read::read;
pub use write::write;

/// Why a statement cannot be read, in one sentence.
type Refusal = String;
