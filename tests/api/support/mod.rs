pub mod documents;
pub mod sessions;
