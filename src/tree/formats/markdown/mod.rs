//! The Markdown outline: how a tree is typed by hand, and how `write` lays one out.
//!
//! ```text
//! # No Internet
//!
//! ## Is the lamp on the router green? {#lamp}
//!
//! > The lamp is at the back.
//!
//! - Yes → [Restart the computer](#restart)
//! - No → [Call the provider](#call)
//!
//! ## Restart the computer {#restart}
//!
//! → [Solved](#solved)
//!
//! ## Call the provider {#call} (escalated)
//!
//! ## Solved {#solved} (resolved)
//! ```
//! - The first `#` heading is the tree's title; every other heading is a node, and the first node is where it begins. `{#key}` may be
//!   left out: the key is then the slug of the title.
//! - A list item with a label is an option: `- Label → target`. A target is `[text](#key)`, `#key`, or a node's title. `->` does for
//!   `→`. An option's own key follows its label, `- Yes {#yes} → …`, where it is not the label's slug.
//! - `→ target` without a label goes on from an action. `- *otherwise* → target` is where any other answer leads, and
//!   `- *if* pages > 100 → target` makes the node a decision.
//! - `(resolved)`, `(escalated)` and `(unresolved)` mark a resolution; `(question)`, `(action)`, `(decision)` and `(subtree)` say what the
//!   ways out do not show. A subtree calls the tree whose slug its title gives.
//! - A quote is the node's body as it stands. Other text is body too, but for what comes before the first node.
//! - `<!-- fixpath {…} -->` holds details: of the tree before the first node, else of the node above; behind an option, of that option.
//!
//! Nodes may also be typed where they are needed, as nested lists. `Label: Text` is an option that leads to a new node, an item without a
//! label is a step, and steps below each other follow each other (`Action:` before a step is understood, and not needed):
//! ```text
//! - Is the lamp on?
//!   - Yes: Is there paper?
//!     - Yes: Call support (escalated)
//!     - No: Add paper → Solved
//!   - No:
//!     - Unplug it
//!     - Plug it in again
//!     - Solved (resolved)
//! ```

mod body;
mod escape;
mod item;
mod line;
mod read;
mod write;

pub use read::read;
pub use write::write;
