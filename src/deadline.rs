//! How long whoever asked will wait. What waits for others gives up a little earlier, so that there is time left to say so.

use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

tokio::task_local! {
    static UNTIL: Instant;
}

/// Work that is cut off after this time.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    UNTIL.scope(Instant::now() + limit, timeout(limit, work)).await
}

/// None: nobody waits.
pub fn left() -> Option<Duration> {
    UNTIL.try_with(|until| until.saturating_duration_since(Instant::now())).ok()
}
