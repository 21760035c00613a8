//! Trees that accounts sell to each other.
//!
//! - A *listing* is a published tree on sale at a price. Its *seller* is the account whose tree it is. Whoever looks at a listing sees what
//!   the tree is called and how large it is, and none of its nodes.
//! - A *purchase* (`billing/purchase.rs`) is made when somebody pays, at the price that was agreed when the payment page was opened. It
//!   belongs to the *buyer*, and gives access while it is active: not while the money is on its way, not after it was paid back in
//!   full, not while a bank takes it back.
//! - A *bought* tree stays its seller's. The buyer reads and walks what is published at present, and nothing else of it; its draft, its
//!   other versions and the trees that it calls stay hidden, though a walk leads through those that it calls. A session that began goes
//!   on, whatever becomes of the purchase.
//! - What was sold is not taken back: taking a tree off sale, or archiving it, changes nothing for those who have bought it, and it
//!   cannot be deleted.

pub mod bought; // what an account may walk because it has bought it
pub mod graphql;
pub mod list_tree;
pub mod listing; // what is on sale
pub mod price; // what can be asked for a tree (pure)
pub mod purchase_tree;
pub mod unlist_tree;
