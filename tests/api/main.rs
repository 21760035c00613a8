mod endpoint;
mod guard;
mod health;
mod limits;
mod support;
