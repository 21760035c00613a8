//! Bodies of requests, which may take only so long to arrive.

use crate::app::App;

/// Said with 408.
pub const TOO_SLOW: &str = "the body arrived too slowly";

/// What was read; None: it took too long.
pub async fn in_time<T>(app: &App, reading: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(app.config.http.times.body, reading).await.ok()
}
