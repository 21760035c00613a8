//! Somebody who holds one of each, and tries what it opens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Kind::{self, *};
use super::Reach;
use crate::support::app::PASSWORD;
use crate::support::members::{accept, invited};
use crate::support::people::{asked_for, move_to, refresh, sign_in, who};
use crate::support::trees::{looping, published, start};
use crate::support::{Actor, Answer, TestApp};

/// Somebody who gets one of each.
pub struct Holder {
    name: String,
    pub actor: Actor,
    inviter: Actor,
    session: String,
}

impl Holder {
    pub async fn new(app: &TestApp, name: &str) -> Self {
        let (actor, inviter) = (app.sign_up(name).await, app.sign_up(&format!("{name}-boss")).await);
        app.db_plan("enterprise").await;
        app.db_verify(&format!("{name}-boss")).await;
        let (tree, _) = published(&actor, "A tree", looping()).await;
        let session = start(&actor, &tree).await;
        Self { name: name.to_owned(), actor, inviter, session }
    }

    fn email(&self) -> String {
        format!("{}@example.com", self.name)
    }

    /// What they want to have.
    fn wanted(&self) -> String {
        format!("{}-new@example.com", self.name)
    }

    /// Whose links arrive where nobody has signed up yet.
    fn guest(&self) -> String {
        format!("{}-guest@example.com", self.name)
    }

    pub async fn get(&self, app: &TestApp, kind: Kind) -> String {
        let anon = app.anon();
        match kind {
            AccessToken => sign_in(&anon, &self.name, PASSWORD).await.str("signIn.accessToken"),
            RefreshToken => sign_in(&anon, &self.name, PASSWORD).await.str("signIn.refreshToken"),
            AttemptCookie => {
                let answer = call(&anon, "/auth/github/start", "").await;
                answer.cookie().split_once('=').unwrap().1.to_owned()
            }
            VerifyToken => {
                self.actor.ok("mutation { requestEmailVerification { acknowledged } }", json!({})).await;
                app.run_jobs().await;
                app.mailed_token("verify_email", &self.email())
            }
            ChangeToken => asked_for(app, &self.actor, &self.wanted()).await,
            ResetToken => {
                let query = "mutation($email: String!) { requestPasswordReset(input: { email: $email }) { acknowledged } }";
                anon.ok(query, json!({ "email": self.email() })).await;
                app.run_jobs().await;
                app.mailed_token("reset_password", &self.email())
            }
            SignInCode => {
                app.db_verify(&self.name).await;
                let query = "mutation($email: String!) { requestSignInCode(input: { email: $email }) { acknowledged } }";
                anon.ok(query, json!({ "email": self.email() })).await;
                app.run_jobs().await;
                app.mailed_code(&self.email())
            }
            InvitationToken => invited(app, &self.inviter, &self.guest(), "ENGINEER").await,
            ExportLink => {
                let query = "mutation($id: ID!) { exportSession(input: { sessionId: $id, format: CSV }) { export { url } } }";
                let url = self.actor.ok(query, json!({ "id": self.session })).await.str("exportSession.export.url");
                url.rsplit_once('/').unwrap().1.to_owned()
            }
        }
    }

    /// Whether a door of this kind opens.
    pub async fn opens(&self, app: &TestApp, kind: Kind, with: &str) -> bool {
        let anon = app.anon();
        let accepts = async |mutation: &str, input: Value| {
            let (name, input_type) = mutation.split_once(' ').unwrap();
            let query = format!("mutation($input: {input_type}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}");
            anon.ok(&query, json!({ "input": input })).await.refusals(name).is_empty()
        };
        match kind {
            AccessToken => who(&anon.signed_in(with)).await == self.name.as_str(),
            RefreshToken => refresh(&anon, with).await.refusals("refreshTokens").is_empty(),
            AttemptCookie => {
                let path = format!("/auth/github/callback?code=x&state={}", state(with));
                let answer = call(&anon, &path, &format!("fixpath_attempt={with}")).await;
                // That it is over is told by `expired`; what comes after it fails in another way.
                answer.header("location").contains("auth_error=provider_unavailable")
            }
            VerifyToken | ChangeToken => accepts("verifyEmail VerifyEmailInput", json!({ "token": with })).await,
            ResetToken => {
                accepts("resetPassword ResetPasswordInput", json!({ "token": with, "newPassword": "another horse battery" })).await
            }
            SignInCode => accepts("signInWithCode SignInWithCodeInput", json!({ "email": self.email(), "code": with })).await,
            InvitationToken => {
                let input = json!({ "token": with, "username": format!("{}-guest", self.name), "password": PASSWORD });
                accept(&anon, input).await.refusals("acceptInvitation").is_empty()
            }
            ExportLink => app.get(&format!("/exports/{with}")).await.status.is_success(),
        }
    }

    /// Whether it opens what is the holder's, within its reach, and nothing beyond: nothing of the other's.
    pub async fn is_confined(&self, app: &TestApp, reaches: Reach, kind: Kind, with: &str, other: &Self) -> bool {
        let anon = app.anon();
        match reaches {
            Reach::Account => {
                let seen = async |session: &str| {
                    let query = "query($id: ID!) { node(id: $id) { id } }";
                    anon.signed_in(with).ok(query, json!({ "id": session })).await.data("node.id") == session
                };
                seen(&self.session).await && !seen(&other.session).await
            }
            Reach::Device => {
                let second = self.get(app, kind).await;
                let query = "mutation($token: String!) { signOut(input: { refreshToken: $token }) { acknowledged } }";
                anon.ok(query, json!({ "token": with })).await;
                !self.opens(app, kind, with).await && self.opens(app, kind, &second).await
            }
            Reach::Attempt => {
                let elsewhere = state(&other.get(app, kind).await);
                let path = format!("/auth/github/callback?code=x&state={elsewhere}");
                let answer = call(&anon, &path, &format!("fixpath_attempt={with}")).await;
                answer.header("location").contains("auth_error=expired") && self.opens(app, kind, with).await
            }
            Reach::Address => {
                let others = other.get(app, kind).await;
                app.advance(TimeDelta::minutes(1));
                move_to(app, &other.actor, &other.wanted()).await;
                let moved = other.opens(app, kind, &others).await;
                let opened = self.opens(app, kind, with).await;
                opened && !moved && verified(app).await == [self.email(), other.wanted()]
            }
            Reach::NewAddress => self.opens(app, kind, with).await && verified(app).await == [self.wanted()],
            Reach::Person if kind == SignInCode => {
                let stolen =
                    Self { name: other.name.clone(), actor: other.actor.clone(), inviter: other.inviter.clone(), session: String::new() };
                !stolen.opens(app, kind, with).await && self.opens(app, kind, with).await
            }
            Reach::Person => {
                let opened = self.opens(app, kind, with).await;
                let mut lets_in = Vec::new();
                for name in [&self.name, &other.name] {
                    lets_in.push(sign_in(&app.anon(), name, PASSWORD).await.refusals("signIn").is_empty());
                }
                opened && lets_in == [false, true]
            }
            Reach::Membership => {
                let opened = self.opens(app, kind, with).await;
                let guest = sign_in(&anon, &format!("{}-guest", self.name), PASSWORD).await;
                let viewer = guest.data("signIn.viewer");
                let count =
                    format!("SELECT count(*)::text FROM memberships JOIN users ON id = user_id WHERE username = '{}-guest'", self.name);
                opened
                    && viewer["role"] == "ENGINEER"
                    && viewer["account"]["name"] == format!("{}-boss's account", self.name)
                    && app.database_text(&count).await == ["1"]
            }
            Reach::Session => {
                // What it says cannot be said with another's signature.
                let others = other.get(app, kind).await;
                let ((says, _), (_, signature)) = (with.rsplit_once('.').unwrap(), others.rsplit_once('.').unwrap());
                let mixed = format!("{says}.{signature}");
                self.opens(app, kind, with).await && !self.opens(app, kind, &mixed).await
            }
        }
    }
}

/// The addresses that were proved.
async fn verified(app: &TestApp) -> Vec<String> {
    app.database_text("SELECT email FROM users WHERE email_verified_at IS NOT NULL AND username !~ 'boss' ORDER BY username").await
}

pub async fn call(actor: &Actor, path: &str, cookie: &str) -> Answer {
    let request = axum::http::Request::get(path).header("cookie", cookie);
    actor.send(request.body(axum::body::Body::empty()).unwrap()).await
}

/// What the callback's address must repeat.
fn state(cookie: &str) -> String {
    let payload = cookie.split('.').next().and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok()).unwrap_or_default();
    let attempt: Value = serde_json::from_slice(&payload).unwrap_or_default();
    attempt["state"].as_str().unwrap_or("none").to_owned()
}
