//! A pool of connections to one database.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use deadpool::managed::{QueueMode, Timeouts};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use futures_util::FutureExt;

use super::lent::Lent;
use super::{Manager, tls};
use crate::error::Error;

/// How long a request waits for a connection before it is refused: longer than a burst, shorter than its own time limit.
const WAIT: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Pool {
    connections: deadpool::managed::Pool<Manager>,
    tls: tls::Settings,
    statements: Arc<AtomicU64>,
}

impl Pool {
    pub fn new(target: &tls::Target, size: usize, statements: &Arc<AtomicU64>) -> Result<Self, Error> {
        let mut config = ManagerConfig::default();
        // No query to test a connection: one that the server has closed is known as such, and thrown away.
        config.recycling_method = RecyclingMethod::Fast;
        let connect_to = target.with_limits();
        config.custom_setup = Box::new(move |_| {
            let target = connect_to.clone();
            async move { target.connect_diesel().await }.boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config("", config);
        let timeouts = Timeouts { wait: Some(WAIT), create: Some(CONNECT), recycle: Some(CONNECT) };
        // The connection that came back last knows the most by heart, here and at the server.
        let builder = deadpool::managed::Pool::builder(manager).max_size(size).timeouts(timeouts).queue_mode(QueueMode::Lifo);
        let connections = builder.runtime(deadpool::Runtime::Tokio1).build()?;
        Ok(Self { connections, tls: target.tls(), statements: statements.clone() })
    }

    pub async fn lend(&self) -> Result<Lent, Error> {
        Ok(Lent::new(self.connections.get().await?, self.tls.clone(), self.statements.clone()))
    }

    pub fn status(&self) -> deadpool::Status {
        self.connections.status()
    }

    /// Connections that are out finish their work; nobody gets a new one.
    pub fn close(&self) {
        self.connections.close();
    }
}
