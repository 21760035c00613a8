//! `updateProfile`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::actor::Actor;
use super::rules;
use super::user::{User, taken};
use crate::app::App;
use crate::db::schema::users;
use crate::error::{Error, Refusal};

/// None keeps what is stored; Some(None) clears it.
#[derive(Clone, Debug, Default)]
pub struct UpdateProfile {
    pub username: Option<String>,
    pub first_name: Option<Option<String>>,
    pub last_name: Option<Option<String>>,
    pub avatar_url: Option<Option<String>>,
}

#[derive(AsChangeset)]
#[diesel(table_name = users)]
struct Changes {
    username: Option<String>,
    first_name: Option<Option<String>>,
    last_name: Option<Option<String>>,
    avatar_url: Option<Option<String>>,
}

pub async fn update_profile(app: &App, actor: &Actor, input: UpdateProfile) -> Result<User, Error> {
    let changes = Changes {
        username: input.username.as_deref().map(rules::username).transpose()?,
        first_name: changed(input.first_name, |name| rules::name("firstName", name))?,
        last_name: changed(input.last_name, |name| rules::name("lastName", name))?,
        avatar_url: changed(input.avatar_url, rules::avatar_url)?,
    };
    let mut conn = app.db.conn().await?;
    let user = diesel::update(users::table.find(actor.user))
        .set((changes, users::updated_at.eq(app.clock.now())))
        .returning(User::as_returning())
        .get_result(&mut conn)
        .await
        .map_err(taken)?;
    Ok(user)
}

/// Only white space clears, too.
fn changed(value: Option<Option<String>>, check: impl Fn(&str) -> Result<String, Refusal>) -> Result<Option<Option<String>>, Refusal> {
    match value {
        None => Ok(None),
        Some(text) => text.filter(|text| !text.trim().is_empty()).map(|text| check(&text)).transpose().map(Some),
    }
}
