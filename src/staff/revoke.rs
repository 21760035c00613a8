//! `fixpath staff revoke EMAIL`.

use crate::app::App;
use crate::error::Error;

/// Takes back what `grant` gave. It counts at once, in every process.
pub async fn revoke(app: &App, email: &str) -> Result<(), Error> {
    super::set_staff(app, email, false).await
}
