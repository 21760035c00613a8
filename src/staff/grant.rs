//! `fixpath staff grant EMAIL`.

use crate::app::App;
use crate::error::Error;

/// Makes the person with this address one of the platform's own people. It counts at once, in every process.
pub async fn grant(app: &App, email: &str) -> Result<(), Error> {
    super::set_staff(app, email, true).await
}
