//! What the queue does for the platform's own people.

use super::alerts::Alert;
use crate::app::App;
use crate::error::Error;
use crate::id::AlertId;

/// Says that an alert has opened, unless it has closed since.
pub async fn tell_staff(app: &App, alert: AlertId) -> Result<(), Error> {
    let alert = Alert::find(&mut *app.db.conn().await?, alert).await?.filter(|alert| alert.closed_at.is_none());
    if let Some(alert) = alert {
        tracing::error!(kind = alert.kind, subject = alert.subject, message = alert.message, "an alert is open");
    }
    Ok(())
}
