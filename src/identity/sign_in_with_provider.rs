//! Signing in with what a provider says of a person.
//!
//! Whose identity it is, is decided by the subject alone. An unknown subject is joined to the person here who has the same address,
//! but only if the address is verified on both sides: else whoever signs up with somebody's address, here or there, would get into
//! their account. Where nobody has the address, a new person is made, with all that signing up gives.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::actor::Requester;
use super::audit::{self, Entry};
use super::grant::{self, Grant};
use super::provider::{Profile, Provider};
use super::sign_up::{NewPerson, create_person};
use super::user::{Secret, User};
use super::{account, identity, rules};
use crate::app::App;
use crate::billing::start_trial;
use crate::db::Conn;
use crate::db::schema::users;
use crate::error::{Code, Error, Refusal};
use crate::id::UserId;

/// Somebody else may take the same name or address at the same moment; not this often.
const TRIES: usize = 6;

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The provider has no verified address for them, and we do not know them yet.
    EmailNotVerified,
    /// Somebody has this address here, and has not proved that it is theirs. Who knows the password can sign in and do so.
    SignInFirst,
    /// It is known who they are.
    Known(grant::Denied),
}

pub async fn sign_in_with_provider(
    app: &App,
    from: &Requester,
    provider: Provider,
    profile: &Profile,
) -> Result<Result<Grant, Denied>, Error> {
    for number in 0..TRIES {
        let username = username(profile, number);
        let tried = app.db.transaction(async |conn| sign_in(conn, app, from, provider, profile, &username).await).await;
        match tried {
            // The next try finds the person who took the address, or asks for another name.
            Err(Error::Refused(refusals)) if refusals.iter().all(|refusal| refusal.code == Code::Taken) => {}
            decided => return decided,
        }
    }
    Err(Error::internal("no free username, or a race that does not end"))
}

async fn sign_in(
    conn: &mut Conn,
    app: &App,
    from: &Requester,
    provider: Provider,
    profile: &Profile,
    username: &str,
) -> Result<Result<Grant, Denied>, Error> {
    let now = app.clock.now();
    if let Some(user) = identity::owner(conn, provider, &profile.subject).await? {
        let held = hold(conn, user).await?;
        // While this waited for the person, a reset of their password may have taken the identity from them.
        if identity::owner(conn, provider, &profile.subject).await? == Some(user) {
            return start(conn, app, from, &held).await;
        }
    }
    let Some(email) = profile.email.as_deref().and_then(|email| rules::email(email).ok()) else {
        return Ok(Err(Denied::EmailNotVerified));
    };
    let user = match User::find_by_email_and_hold(conn, &email).await? {
        Some(user) if user.email_verified_at.is_none() => return Ok(Err(Denied::SignInFirst)),
        Some(user) => user.id,
        None => {
            let person =
                NewPerson { email, username: username.to_owned(), password_hash: None, account_name: account::default_name(username) };
            let member = create_person(conn, now, &person).await?;
            start_trial::start_trial_in_txn(conn, member.account_id, &person.email, now).await?;
            let user = member.user_id;
            let entry = Entry { account: Some(member.account_id), actor: Some(user), ..Entry::new("signUp", now) };
            audit::record(conn, &entry.from(from)).await?;
            let known = (
                users::email_verified_at.eq(now),
                users::first_name.eq(profile.first_name.as_deref().and_then(|name| rules::name("firstName", name).ok())),
                users::last_name.eq(profile.last_name.as_deref().and_then(|name| rules::name("lastName", name).ok())),
                users::avatar_url.eq(profile.avatar_url.as_deref().and_then(picture)),
            );
            diesel::update(users::table.find(user)).set(known).execute(conn).await?;
            user
        }
    };
    // Who is denied is not joined either: they have not got in, and have nothing to show for it.
    let held = hold(conn, user).await?;
    let grant = match start(conn, app, from, &held).await? {
        Ok(grant) => grant,
        Err(denied) => return Ok(Err(denied)),
    };
    if !identity::link(conn, provider, &profile.subject, user, now).await? {
        // It became somebody's in between: nothing of this try stays.
        return Err(Refusal::new(Code::Taken, "This identity is somebody's already.").into());
    }
    let entry = Entry::by(&grant.actor, "linkIdentity", now).about(provider.as_str());
    audit::record(conn, &entry.from(from)).await?;
    Ok(Ok(grant))
}

async fn hold(conn: &mut Conn, user: UserId) -> Result<Secret, Error> {
    Secret::find_and_hold(conn, user).await?.ok_or_else(|| Error::internal("an identity without a user"))
}

async fn start(conn: &mut Conn, app: &App, from: &Requester, person: &Secret) -> Result<Result<Grant, Denied>, Error> {
    Ok(Grant::admit_in_txn(conn, app, from, person).await?.map_err(Denied::Known))
}

/// What they are called there, or the first part of their address, in letters that we allow; on later tries with a number.
fn username(profile: &Profile, number: usize) -> String {
    let address = profile.email.as_deref().and_then(|email| email.split('@').next());
    let wanted = profile.handle.as_deref().or(address).unwrap_or_default();
    let allowed = wanted.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    let name: String = allowed.take(30).collect();
    let name = if name.len() < 3 { format!("user{name}") } else { name };
    if number == 0 { name } else { format!("{name}-{}", rand::random_range(1_000..1_000_000)) }
}

/// Whoever looks at the person loads it: over https only.
fn picture(url: &str) -> Option<String> {
    rules::avatar_url(url).ok().filter(|url| url::Url::parse(url).is_ok_and(|url| url.scheme() == "https"))
}
