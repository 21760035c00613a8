//! What the queue does for the platform's own people.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::alerts::Alert;
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::users;
use crate::error::Error;
use crate::id::{AlertId, UserId};
use crate::identity::user::{Secret, lower};
use crate::jobs::{self, Job};
use crate::mail;

/// Says that an alert has opened, unless it has closed since: in the log, and by a mail to each of the staff.
pub async fn tell_staff(app: &App, id: AlertId) -> Result<(), Error> {
    let Some(alert) = open(&mut *app.db.conn().await?, id).await? else { return Ok(()) };
    tracing::error!(kind = alert.kind, subject = alert.subject, message = alert.message, "an alert is open");
    app.db
        .transaction(async |conn| {
            let listed = lower(users::email).eq_any(&app.config.staff_emails);
            let people = users::table.filter(users::staff.or(listed)).order(users::id).select(Secret::as_select());
            let people: Vec<Secret> = people.load(conn).await?;
            // A job for each, so that one mailbox that does not answer brings no second mail to the others.
            for person in people.iter().filter(|person| is_staff(app, person)) {
                jobs::enqueue(conn, &Job::MailAlert { alert: id, user: person.id }, None).await?;
            }
            Ok(())
        })
        .await
}

/// Tells one of the staff.
pub async fn mail_alert(app: &App, id: AlertId, user: UserId) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let Some(alert) = open(&mut conn, id).await? else { return Ok(()) };
    let Some(person) = Secret::find(&mut conn, user).await?.filter(|person| is_staff(app, person)) else { return Ok(()) };
    drop(conn);
    let since = alert.opened_at.format("%Y-%m-%d %H:%M UTC").to_string();
    let mail = mail::staff::Alert { kind: alert.kind, about: alert.subject, message: alert.message, since };
    mail::deliver(app, &mail, &person.email).await
}

async fn open(conn: &mut Conn, id: AlertId) -> QueryResult<Option<Alert>> {
    Ok(Alert::find(conn, id).await?.filter(|alert| alert.closed_at.is_none()))
}

fn is_staff(app: &App, person: &Secret) -> bool {
    person.deactivated_at.is_none() && person.standing(&app.config).staff
}
