//! What tests share.

pub mod actor;
pub mod app;
pub mod database;
pub mod documents;
pub mod jobs;
pub mod mail;
pub mod members;
pub mod people;
pub mod proxy;
pub mod racing;
pub mod sessions;
pub mod shop;
pub mod stripe;
pub mod trees;

pub use actor::{Actor, Answer};
pub use app::TestApp;
