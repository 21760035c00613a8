//! Twee 3, the text form of Twine's stories.
//!
//! ```text
//! :: StoryData
//! {"ifid": "…", "start": "lamp"}
//!
//! :: lamp [question]
//! # Is the lamp on?
//!
//! [[Yes->restart]]
//! [[No->call]]
//!
//! :: call [resolution escalated]
//! # Call the provider
//! ```
//! - A passage is a node, its name makes the key, and a `# ` line at its beginning is the title (absent: the name). The rest is the body,
//!   with links inside sentences replaced by their words.
//! - The tags `question`, `action`, `decision`, `subtree` and `resolution` say the kind; `resolved`, `escalated` or `unresolved` the
//!   outcome. Without a tag: no link is a resolution, one an action, several a question.
//! - `[[label->target]]`, `[[target<-label]]`, `[[label|target]]` and `[[target]]` are ways; `otherwise [[target]]`, alone on its line, is where
//!   any other answer leads. Entities such as `&#93;` stand for themselves.
//! - Details are in the passage's metadata under `fixpath`, an option's in a comment behind its link, the tree's in `StoryData`.
//! - Passages tagged `script` or `stylesheet`, and those that only dress a story (`StoryInit` …), are left out.

mod read;
mod write;

pub use read::read;
pub use write::write;
