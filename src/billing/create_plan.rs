//! `createPlan`, for the platform's staff.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DbError};
use diesel_async::RunQueryDsl;

use super::plan::Plan;
use super::plan_terms::Terms;
use crate::app::App;
use crate::db::schema::plans;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, PlanId};
use crate::identity::actor::{Actor, Requester};
use crate::identity::audit::{self, Entry};
use crate::text::shortened;

const MAX_KEY: usize = 40;

pub async fn create_plan(app: &App, actor: &Actor, from: &Requester, key: &str, terms: Terms) -> Result<Plan, Error> {
    actor.require_staff()?;
    let well_formed = key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.len() <= MAX_KEY
        && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'));
    if !well_formed {
        let message = format!("`{}` is no key: a lower-case letter, then up to {} of a-z, 0-9, `_` and `-`.", shortened(key), MAX_KEY - 1);
        return Err(Refusal::at(Code::Invalid, "key", message).into());
    }
    let terms = terms.check(&[])?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let id = PlanId::at(now);
            diesel::insert_into(plans::table)
                .values((
                    plans::id.eq(id),
                    plans::key.eq(key),
                    plans::name.eq(&terms.name),
                    plans::tier.eq(terms.tier.as_str()),
                    plans::created_at.eq(now),
                    plans::updated_at.eq(now),
                ))
                .execute(conn)
                .await
                .map_err(|error| taken(error, key))?;
            terms.write(conn, id, now).await?;
            let line = Entry { actor: Some(actor.user), ..Entry::new("createPlan", now) };
            audit::record(conn, &line.about(key).from(from)).await?;
            Plan::find(conn, key).await?.ok_or_else(|| Error::internal("a plan that was made is not there"))
        })
        .await
}

fn taken(error: DbError, key: &str) -> Error {
    match &error {
        DbError::DatabaseError(DatabaseErrorKind::UniqueViolation, info) if info.constraint_name() == Some("plans_key_key") => {
            Refusal::at(Code::Taken, "key", format!("There is a plan `{key}` already.")).into()
        }
        _ => error.into(),
    }
}
