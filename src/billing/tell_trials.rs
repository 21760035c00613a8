//! The hourly look at the trials that we grant ourselves: who is told that theirs ends in three days, and that it has ended. Of a trial at
//! Stripe its own events tell.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Bool, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;

use super::mails::{self, BillingMail};
use crate::app::App;
use crate::db::Conn;
use crate::error::Error;
use crate::id::SubscriptionId;

/// How long before the end: as long as Stripe does. What ended longer ago than this is no news any more.
const AROUND: TimeDelta = TimeDelta::days(3);

#[derive(QueryableByName)]
struct Trial {
    #[diesel(sql_type = Uuid)]
    id: SubscriptionId,
    #[diesel(sql_type = Bool)]
    over: bool,
}

pub async fn tell_trials(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let untold = untold(&mut *app.db.conn().await?, now).await?;
    for Trial { id, over } in untold {
        app.db
            .transaction(async |conn| {
                let uuid = uuid::Uuid::from(id);
                match over {
                    true => mails::send_once(conn, app, &format!("trial_ended:{uuid}"), BillingMail::TrialEnded { subscription: id }).await,
                    false => {
                        mails::send_once(conn, app, &format!("trial_ending:{uuid}"), BillingMail::TrialEnding { subscription: id }).await
                    }
                }
            })
            .await?;
    }
    Ok(())
}

/// In one sweep so many; the next one does the rest.
async fn untold(conn: &mut Conn, now: DateTime<Utc>) -> Result<Vec<Trial>, Error> {
    let query = diesel::sql_query(
        "SELECT s.id, trial_end <= $1 AS over FROM subscriptions s \
         WHERE provider = 'none' AND status = 'trialing' AND trial_end > $2 AND trial_end <= $3 AND NOT EXISTS ( \
             SELECT FROM billing_mails WHERE about = CASE WHEN trial_end <= $1 THEN 'trial_ended:' ELSE 'trial_ending:' END || s.id) \
         ORDER BY trial_end LIMIT 500",
    );
    let query = query.bind::<Timestamptz, _>(now).bind::<Timestamptz, _>(now - AROUND).bind::<Timestamptz, _>(now + AROUND);
    Ok(query.load(conn).await?)
}
