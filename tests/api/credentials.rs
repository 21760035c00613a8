//! Everything that opens something: how long it lasts, what it opens and for whom, what we keep of it, how often it can be used, and how
//! it is replaced by the next one. Each cell of the table is tried out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use fixpath::jobs::Job;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::app::PASSWORD;
use crate::support::members::{accept, invited};
use crate::support::people::{asked_for, move_to, refresh, sign_in, who};
use crate::support::trees::{looping, published, start};
use crate::support::{Actor, Answer, TestApp};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Opens the API, for one account.
    AccessToken,
    /// Gives new tokens to a device.
    RefreshToken,
    /// Brings a browser back from a provider.
    AttemptCookie,
    /// Proves an address.
    VerifyToken,
    /// Proves an address that somebody wants to have, and makes it theirs.
    ChangeToken,
    /// Sets a password.
    ResetToken,
    /// Signs in.
    SignInCode,
    /// Makes somebody a member.
    InvitationToken,
    /// Gives one session's text.
    ExportLink,
}
use Kind::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    /// Nothing is: it is signed, and says itself what it is good for.
    Nowhere,
    /// As a hash that nobody can guess their way back from: the token is 32 random bytes.
    Sha256,
    /// As a hash that is slow to try: the code is short.
    Argon2,
}
use Stored::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Used {
    Once,
    /// Until its time is over.
    Often,
}
use Used::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rotation {
    /// Several count beside one another, each until its end.
    Never,
    /// By the next one that is asked for.
    Replaced,
    /// Its use gives the next one, and its second use ends them all.
    WithEachUse,
}
use Rotation::*;

/// What it is good for, once it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// One account of one person.
    Account,
    /// One device: others of the same person are not touched.
    Device,
    /// One attempt of one browser.
    Attempt,
    /// One address of one person, as long as it is theirs.
    Address,
    /// One address that one person wants to have.
    NewAddress,
    /// One person.
    Person,
    /// One membership, in one role.
    Membership,
    /// One session.
    Session,
}

struct Row {
    kind: Kind,
    lasts: TimeDelta,
    reaches: Reach,
    stored: Stored,
    used: Used,
    rotation: Rotation,
    /// The attributes of the cookie that it travels in.
    cookie: Option<&'static str>,
}

#[rustfmt::skip]
const fn row(
    kind: Kind, lasts: TimeDelta, reaches: Reach, stored: Stored, used: Used, rotation: Rotation, cookie: Option<&'static str>,
) -> Row {
    Row { kind, lasts, reaches, stored, used, rotation, cookie }
}

const REFRESH_COOKIE: &str = "HttpOnly; SameSite=Lax; Path=/graphql; Max-Age=2592000";
const ATTEMPT_COOKIE: &str = "HttpOnly; SameSite=Lax; Path=/auth; Max-Age=600";

#[rustfmt::skip]
const TABLE: [Row; 9] = [
    row(AccessToken,     TimeDelta::minutes(15), Reach::Account,    Nowhere, Often, Never,       None),
    row(RefreshToken,    TimeDelta::days(30),    Reach::Device,     Sha256,  Once,  WithEachUse, Some(REFRESH_COOKIE)),
    row(AttemptCookie,   TimeDelta::minutes(10), Reach::Attempt,    Nowhere, Often, Never,       Some(ATTEMPT_COOKIE)),
    row(VerifyToken,     TimeDelta::hours(24),   Reach::Address,    Sha256,  Once,  Replaced,    None),
    row(ChangeToken,     TimeDelta::hours(24),   Reach::NewAddress, Sha256,  Once,  Replaced,    None),
    row(ResetToken,      TimeDelta::minutes(30), Reach::Person,     Sha256,  Once,  Replaced,    None),
    row(SignInCode,      TimeDelta::minutes(10), Reach::Person,     Argon2,  Once,  Replaced,    None),
    row(InvitationToken, TimeDelta::days(7),     Reach::Membership, Sha256,  Once,  Replaced,    None),
    row(ExportLink,      TimeDelta::hours(1),    Reach::Session,    Nowhere, Often, Never,       None),
];

/// A provider that does not answer: enough to see whether a callback is believed.
const PROVIDER: [(&str, &str); 3] =
    [("GITHUB_CLIENT_ID", "id"), ("GITHUB_CLIENT_SECRET", "secret"), ("GITHUB_BASE_URL", "http://127.0.0.1:1")];

/// Somebody who gets one of each.
struct Holder {
    name: String,
    actor: Actor,
    inviter: Actor,
    session: String,
}

impl Holder {
    async fn new(app: &TestApp, name: &str) -> Self {
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

    async fn get(&self, app: &TestApp, kind: Kind) -> String {
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
    async fn opens(&self, app: &TestApp, kind: Kind, with: &str) -> bool {
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
    async fn is_confined(&self, app: &TestApp, reaches: Reach, kind: Kind, with: &str, other: &Self) -> bool {
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

async fn call(actor: &Actor, path: &str, cookie: &str) -> Answer {
    let request = axum::http::Request::get(path).header("cookie", cookie);
    actor.send(request.body(axum::body::Body::empty()).unwrap()).await
}

/// What the callback's address must repeat.
fn state(cookie: &str) -> String {
    let payload = cookie.split('.').next().and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok()).unwrap_or_default();
    let attempt: Value = serde_json::from_slice(&payload).unwrap_or_default();
    attempt["state"].as_str().unwrap_or("none").to_owned()
}

async fn world() -> TestApp {
    let app = TestApp::with(&PROVIDER).await;
    app.leave_jobs();
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn each_lasts_as_long_as_the_table_says() {
    for Row { kind, lasts, .. } in TABLE {
        let app = world().await;
        let (early, late) = (Holder::new(&app, "early").await, Holder::new(&app, "late").await);
        let (one, other) = (early.get(&app, kind).await, late.get(&app, kind).await);
        app.advance(lasts - TimeDelta::seconds(1));
        assert!(early.opens(&app, kind, &one).await, "{kind:?} a second before its end");
        app.advance(TimeDelta::seconds(1));
        assert!(!late.opens(&app, kind, &other).await, "{kind:?} at its end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_opens_one_door_and_no_other() {
    for Row { kind, .. } in TABLE {
        let app = world().await;
        let holder = Holder::new(&app, "holder").await;
        let credential = holder.get(&app, kind).await;
        // `verifyEmail` takes both.
        let same_door = |other| [kind, other] == [VerifyToken, ChangeToken] || [other, kind] == [VerifyToken, ChangeToken];
        for other in TABLE.iter().map(|row| row.kind).filter(|other| *other != kind && !same_door(*other)) {
            assert!(!holder.opens(&app, other, &credential).await, "{kind:?} at the door of {other:?}");
        }
        // None of it has used it up.
        assert!(holder.opens(&app, kind, &credential).await, "{kind:?} at its own");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_kept_as_the_table_says() {
    let app = world().await;
    let holder = Holder::new(&app, "holder").await;
    for Row { kind, stored, .. } in TABLE {
        let credential = holder.get(&app, kind).await;
        let all = everything(&app).await;
        let hash = hex::encode(Sha256::digest(credential.as_bytes()));
        match stored {
            Nowhere => assert!(!all.contains(&credential) && !all.contains(&hash), "{kind:?}"),
            Sha256 => assert!(!all.contains(&credential) && all.contains(&hash), "{kind:?}"),
            Argon2 => {
                let hashes = app.database_text("SELECT hash FROM sign_in_codes").await;
                assert!(hashes.len() == 1 && hashes[0].starts_with("$argon2id$"), "{kind:?}: {hashes:?}");
                assert!(app.app.hasher.verify(&SecretString::from(credential), Some(&hashes[0])).await.unwrap());
            }
        }
        // What may be asked for in a minute is not the subject.
        app.advance(TimeDelta::seconds(30));
    }
}

/// Every row of every table, the queue's too, as text.
async fn everything(app: &TestApp) -> String {
    let tables = "SELECT format('SELECT t::text FROM %I.%I AS t', table_schema, table_name) FROM information_schema.tables
                  WHERE table_schema IN ('public', 'graphile_worker') AND table_type = 'BASE TABLE'";
    let mut all = String::new();
    for query in app.database_text(tables).await {
        all += &app.database_text(&query).await.join("\n");
    }
    assert!(all.contains("holder@example.com"));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_good_for_as_many_uses_as_the_table_says() {
    for Row { kind, used, .. } in TABLE {
        let app = world().await;
        let holder = Holder::new(&app, "holder").await;
        let credential = holder.get(&app, kind).await;
        assert!(holder.opens(&app, kind, &credential).await, "{kind:?}");
        assert_eq!(holder.opens(&app, kind, &credential).await, used == Often, "{kind:?} once more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rotates_as_the_table_says() {
    for Row { kind, rotation, .. } in TABLE {
        let app = world().await;
        let holder = Holder::new(&app, "holder").await;
        let earlier = holder.get(&app, kind).await;
        let mut later = holder.get(&app, kind).await;
        while kind == SignInCode && later == earlier {
            app.advance(TimeDelta::minutes(1));
            later = holder.get(&app, kind).await;
        }
        match rotation {
            Never => assert!(holder.opens(&app, kind, &earlier).await, "{kind:?}, the earlier"),
            Replaced => assert!(!holder.opens(&app, kind, &earlier).await, "{kind:?}, the earlier"),
            WithEachUse => {
                let exchange = async |token: &str| refresh(&app.anon(), token).await.str("refreshTokens.refreshToken");
                let second = exchange(&earlier).await;
                let third = exchange(&second).await;
                assert!(earlier != second && second != third, "{kind:?}");
                // Whoever shows one twice may have stolen it: none of its successors counts any more.
                assert!(!holder.opens(&app, kind, &earlier).await, "{kind:?}");
                assert!(!holder.opens(&app, kind, &third).await, "{kind:?}");
            }
        }
        assert!(holder.opens(&app, kind, &later).await, "{kind:?}, the later");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reaches_as_far_as_the_table_says_and_no_further() {
    for Row { kind, reaches, .. } in TABLE {
        let app = world().await;
        let (holder, other) = (Holder::new(&app, "holder").await, Holder::new(&app, "other").await);
        let credential = holder.get(&app, kind).await;
        assert!(holder.is_confined(&app, reaches, kind, &credential, &other).await, "{kind:?}");
    }
}

#[tokio::test]
async fn cookies_go_where_the_table_says_and_encrypted_in_production() {
    let production =
        [("FIXPATH_ENV", "production"), ("PUBLIC_URL", "https://api.example.com"), ("GITHUB_BASE_URL", "https://github.example")];
    let mut variables = PROVIDER.to_vec();
    variables.extend(production);
    for (app, secure) in [(world().await, ""), (TestApp::with(&variables).await, "; Secure")] {
        app.leave_jobs();
        let input = json!({ "email": "a@example.com", "username": "ada", "password": PASSWORD });
        let query = "mutation($input: SignUpInput!) { signUp(input: $input) { refreshToken userErrors { message } } }";
        let signed_up = app.anon().in_browser("").ok(query, json!({ "input": input })).await;
        assert_eq!(signed_up.data("signUp.refreshToken"), Value::Null, "scripts never see it");
        let begun = call(&app.anon(), "/auth/github/start", "").await;
        for Row { kind, cookie, .. } in TABLE {
            let answer = match kind {
                RefreshToken => &signed_up,
                AttemptCookie => &begun,
                _ => {
                    assert_eq!(cookie, None, "{kind:?}");
                    continue;
                }
            };
            let attributes = answer.header("set-cookie").split_once("; ").unwrap().1.to_owned();
            assert_eq!(Some(attributes), cookie.map(|attributes| format!("{attributes}{secure}")), "{kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_forgotten() {
    let app = world().await;
    let holder = Holder::new(&app, "holder").await;
    for kind in [VerifyToken, ResetToken, SignInCode] {
        holder.get(&app, kind).await;
    }
    let left = async || {
        let count = |table| format!("SELECT count(*)::text FROM {table}");
        let mut counts = Vec::new();
        for table in ["email_tokens", "sign_in_codes", "pending_emails", "email_changes", "mail_counts"] {
            counts.push(app.database_text(&count(table)).await.concat().parse::<i64>().unwrap());
        }
        counts
    };
    let forget = Job::ForgetSignIns;
    app.run_job(&forget).await;
    // Both people have a token of their own from signing up, too.
    assert_eq!(left().await, [3, 1, 0, 0, 4], "none has expired");
    app.advance(TimeDelta::minutes(1));
    move_to(&app, &holder.actor, "moved@example.com").await;
    app.run_job(&forget).await;
    assert_eq!(left().await, [1, 0, 0, 1, 5], "a change ends what was mailed before");
    holder.get(&app, ChangeToken).await;
    app.run_job(&forget).await;
    assert_eq!(left().await, [1, 0, 1, 1, 6]);
    app.advance(TimeDelta::hours(25));
    app.run_job(&forget).await;
    assert_eq!(left().await, [0, 0, 0, 1, 6], "how many mails somebody got is remembered for a day");
    app.advance(TimeDelta::days(1));
    app.run_job(&forget).await;
    assert_eq!(left().await, [0, 0, 0, 1, 0]);
    app.advance(TimeDelta::days(28));
    app.run_job(&forget).await;
    assert_eq!(left().await, [0, 0, 0, 0, 0], "an address that was left is not kept");
}
