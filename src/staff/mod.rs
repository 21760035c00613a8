//! Operations for the platform's own people.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::app::App;
use crate::db::Conn;
use crate::db::schema::users;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, UserId};
use crate::identity::audit::{self, Entry};
use crate::identity::requesters;
use crate::identity::user::{User, lower};

pub mod alerts;
pub mod demo;
pub mod grant;
pub mod graphql;
pub mod jobs;
pub mod lookup; // whom somebody means
pub mod revoke;
pub mod seed;

async fn set_staff(app: &App, email: &str, staff: bool) -> Result<(), Error> {
    let now = app.clock.now();
    let user = app
        .db
        .transaction(async |conn| {
            if staff {
                require_verified(conn, email).await?;
            }
            let found: Option<UserId> = diesel::update(users::table.filter(lower(users::email).eq(lower(email))))
                .set((users::staff.eq(staff), users::updated_at.eq(now)))
                .returning(users::id)
                .get_result(conn)
                .await
                .optional()?;
            let Some(user) = found else {
                return Err(Refusal::at(Code::NotFound, "email", format!("There is no user with the e-mail address `{email}`.")).into());
            };
            let entry = Entry::new(if staff { "grantStaff" } else { "revokeStaff" }, now);
            audit::record(conn, &entry.about(user.encode())).await?;
            requesters::announce_in_txn(conn, user).await?;
            Ok(user)
        })
        .await?;
    app.requesters.forget(user);
    Ok(())
}

/// Rights would count for nothing otherwise, and the address may not be whose it seems.
async fn require_verified(conn: &mut Conn, email: &str) -> Result<(), Error> {
    match User::find_by_email(conn, email).await? {
        Some(user) if user.email_verified_at.is_none() => {
            let message = format!("Whoever signed up as `{email}` has not verified the address yet.");
            Err(Refusal::at(Code::EmailNotVerified, "email", message).into())
        }
        Some(_) | None => Ok(()),
    }
}
