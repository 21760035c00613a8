//! Everything that opens something: how long it lasts, what it opens and for whom, what we keep of it, how often it can be used, and how
//! it is replaced by the next one. Each cell of the table is tried out.

mod holder;

use chrono::TimeDelta;
use fixpath::jobs::Job;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::holder::{Holder, call};
use crate::support::TestApp;
use crate::support::app::PASSWORD;
use crate::support::people::{move_to, refresh};

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
