//! The marketplace on the wire.

mod listing;
mod mutation;
mod purchase;

pub use listing::{ListingObject, MarketplaceQuery};
pub use mutation::MarketplaceMutation;
pub use purchase::{PurchaseObject, Purchases, bought, sold};
