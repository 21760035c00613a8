//! What a device gets when it signs in, refreshes its tokens or switches to another account.

use secrecy::SecretString;

use super::actor::{Actor, Requester, Standing};
use super::audit::{self, Entry};
use super::membership::Membership;
use super::refresh_token::RefreshToken;
use super::sign_in::SignIn;
use super::user::Secret;
use crate::app::App;
use crate::db::Conn;
use crate::error::{Code, Error, Refusal};

#[derive(Clone, Debug)]
pub struct Grant {
    pub actor: Actor,
    pub refresh_token: SecretString,
}

/// Why somebody who has proved who they are is not signed in all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    Deactivated,
    /// They belong to none any more.
    NoAccount,
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        let message = match denied {
            Denied::Deactivated => "This user is deactivated.",
            Denied::NoAccount => "You belong to no account any more.",
        };
        Refusal::new(Code::Forbidden, message).into()
    }
}

impl Grant {
    /// Signs in somebody who has proved who they are, and is held by the transaction: in the account that they joined first.
    pub async fn admit_in_txn(conn: &mut Conn, app: &App, from: &Requester, person: &Secret) -> Result<Result<Self, Denied>, Error> {
        if person.deactivated_at.is_some() {
            return Ok(Err(Denied::Deactivated));
        }
        let Some(member) = Membership::of_user(conn, person.id).await?.into_iter().next() else { return Ok(Err(Denied::NoAccount)) };
        Ok(Ok(Self::start_in_txn(conn, app, from, &member, person.standing(&app.config)).await?))
    }

    /// Begins a sign-in, in the transaction that has proved who it is.
    pub async fn start_in_txn(
        conn: &mut Conn,
        app: &App,
        from: &Requester,
        member: &Membership,
        standing: Standing,
    ) -> Result<Self, Error> {
        let now = app.clock.now();
        let (user, account) = (member.user_id, member.account_id);
        let sign_in = SignIn::start(conn, user, account, from, now).await?;
        let refresh_token = RefreshToken::create(conn, sign_in, now).await?;
        let Standing { verified, staff } = standing;
        let actor = Actor { user, account, role: member.role, sign_in, verified, staff };
        audit::record(conn, &Entry::by(&actor, "signIn", now).from(from)).await?;
        Ok(Self { actor, refresh_token })
    }

    pub fn access_token(&self, app: &App) -> Result<String, Error> {
        app.tokens.issue(&self.actor, app.clock.now())
    }
}
