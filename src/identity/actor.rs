//! Who asks. Every operation takes the actor first, and checks what they may do in its first line.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::config::Config;
use crate::error::{Code, Error, Refusal};
use crate::id::{AccountId, SignInId, UserId};

/// Each role may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, async_graphql::Enum)]
pub enum Role {
    /// Runs sessions, reads published trees.
    Technician,
    /// Also authors and publishes trees, sees everybody's sessions.
    Engineer,
    /// Also deletes trees and manages members.
    Admin,
    /// Also billing and deletion of the account.
    Owner,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Technician => "technician",
            Self::Engineer => "engineer",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

/// The column's CHECK allows no other value; whatever else were there would give the least.
impl From<String> for Role {
    fn from(name: String) -> Self {
        [Self::Owner, Self::Admin, Self::Engineer].into_iter().find(|role| role.as_str() == name).unwrap_or(Self::Technician)
    }
}

/// A signed-in person, speaking for one of their accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    pub user: UserId,
    pub account: AccountId,
    pub role: Role,
    pub sign_in: SignInId,
    /// Whether they have proved that their address is theirs.
    pub verified: bool,
    /// Whether they work for the platform itself.
    pub staff: bool,
}

impl Actor {
    /// Refused to all but the platform's own people.
    pub fn require_staff(&self) -> Result<(), Error> {
        if self.staff { Ok(()) } else { Err(Error::Forbidden("this is for the platform's staff".to_owned())) }
    }

    pub fn require(&self, role: Role) -> Result<(), Error> {
        if self.role >= role {
            return Ok(());
        }
        let needed = role.as_str();
        Err(Error::Forbidden(format!("This needs the role {needed} or a higher one; yours is {}.", self.role.as_str())))
    }

    /// Whoever has not proved that their address is theirs may sign in and try everything out. They may not invite, buy or sell:
    /// operations that do so ask here. Nor are they staff (`Standing`).
    pub fn require_verified(&self) -> Result<(), Error> {
        if self.verified {
            return Ok(());
        }
        Err(Refusal::new(Code::EmailNotVerified, "Verify your e-mail address first.").into())
    }
}

/// What a person is beside their role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub verified: bool,
    pub staff: bool,
}

impl Standing {
    /// Staff rights that were granted, and addresses in `STAFF_EMAILS`, count only for whoever has proved that the address is theirs.
    pub fn of(config: &Config, email: &str, verified_at: Option<DateTime<Utc>>, granted: bool) -> Self {
        let verified = verified_at.is_some();
        let staff = granted || config.staff_emails.contains(&email.to_lowercase());
        Self { verified, staff: verified && staff }
    }
}

/// Where a request comes from, and who sent it if they are signed in. In the data of every GraphQL request.
#[derive(Clone, Debug)]
pub struct Requester {
    pub actor: Option<Actor>,
    pub address: Option<IpAddr>,
    pub user_agent: Option<String>,
    /// Sent by a page: refresh tokens then travel as a cookie, never in the answer.
    pub browser: bool,
    /// The refresh token of the cookie, if there is one.
    pub refresh_cookie: Option<String>,
}

impl Requester {
    pub fn actor(&self) -> Result<&Actor, Error> {
        self.actor.as_ref().ok_or(Error::Unauthenticated)
    }
}
