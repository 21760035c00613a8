//! `fixpath seed`: a demo account with real trees, for trying things out. Does nothing where it has been done.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::app::App;
use crate::billing::start_trial;
use crate::db::schema::users;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, SignInId};
use crate::identity::actor::{Actor, Role};
use crate::identity::sign_up::{NewPerson, create_person};
use crate::identity::user::User;
use crate::staff::demo;
use crate::tree::create::{CreateTree, create};
use crate::tree::publish::publish;
use crate::tree::source::Source;

pub const EMAIL: &str = "demo@fixpath.example";
/// All of it can be tried.
const PLAN: &str = "enterprise";
pub const PASSWORD: &str = "try-fixpath-now";

/// Whether there was anything to do. If it was interrupted, the next run makes what is missing.
pub async fn seed(app: &App) -> Result<bool, Error> {
    if !app.config.development() {
        let sentence = "The demo account is for development: everybody knows its password.";
        return Err(Refusal::new(Code::WrongState, sentence).into());
    }
    let existing = User::find_by_email(&mut *app.db.conn().await?, EMAIL).await?;
    let now = app.clock.now();
    let (user, account) = match existing {
        Some(user) => {
            let memberships = crate::identity::membership::Membership::of_user(&mut *app.db.conn().await?, user.id).await?;
            let Some(membership) = memberships.into_iter().next() else { return Ok(false) };
            (user.id, membership.account_id)
        }
        None => {
            let person = NewPerson {
                email: EMAIL.to_owned(),
                username: "demo".to_owned(),
                password_hash: Some(app.hasher.hash(&PASSWORD.into()).await?),
                account_name: "Demo".to_owned(),
            };
            let membership = app
                .db
                .transaction(async |conn| {
                    let membership = create_person(conn, now, &person).await?;
                    start_trial::give_in_txn(conn, membership.account_id, PLAN, now).await?;
                    Ok(membership)
                })
                .await?;
            (membership.user_id, membership.account_id)
        }
    };
    let unverified = users::table.find(user).filter(users::email_verified_at.is_null());
    diesel::update(unverified).set(users::email_verified_at.eq(now)).execute(&mut *app.db.conn().await?).await?;
    // Nobody is signed in: this actor exists for the length of this function.
    let actor = Actor { user, account, role: Role::Owner, sign_in: SignInId::at(now), verified: true, staff: false };
    let mut made = false;
    for demo in demo::trees() {
        let by = crate::tree::tree::TreeRef::Slug(demo.slug.clone());
        let found = crate::tree::tree::Tree::find_by(&mut *app.db.conn().await?, account, &by).await?;
        let tree = match found {
            Some(tree) if tree.published_version_id.is_some() => continue,
            Some(tree) => tree,
            None => {
                let input = CreateTree {
                    title: demo.title,
                    slug: Some(demo.slug),
                    summary: Some(demo.summary),
                    category: Some(demo.category),
                    tags: demo.tags,
                    locale: None,
                    source: Some(Source::Document(serde_json::to_value(&demo.document)?)),
                };
                create(app, &actor, input).await?.0
            }
        };
        publish(app, &actor, tree.id, tree.revision, None).await?;
        made = true;
    }
    Ok(made)
}
