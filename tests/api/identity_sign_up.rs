use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use crate::support::people::who;
use crate::support::{Actor, Answer, TestApp};

const SIGN_UP: &str = "mutation($input: SignUpInput!) { signUp(input: $input) { accessToken userErrors { code message path } } }";

/// Leaves the mail in the queue.
async fn sign_up(actor: &Actor, input: Value) -> Answer {
    actor.ok(SIGN_UP, json!({ "input": input })).await
}

fn person(email: &str, username: &str) -> Value {
    json!({ "email": email, "username": username, "password": "long enough" })
}

#[tokio::test]
async fn a_new_person_owns_an_account_that_tries_the_pro_plan() {
    let app = TestApp::new().await;
    app.leave_jobs();
    let viewer = "viewer {
        user { username email number emailVerified active firstName signInMethods }
        account {
            name limits { key max used }
            members(first: 5) { totalCount nodes { role user { username email } } pageInfo { hasNextPage } }
        }
        role staff memberships { role account { name } user { email } } signIns { current }
    }";
    let query = format!("mutation($input: SignUpInput!) {{ signUp(input: $input) {{ {viewer} accessToken expiresIn refreshToken }} }}");
    let input = json!({ "email": " Ada@Example.com ", "username": "ada", "password": "long enough" });
    let answer = app.anon().ok(&query, json!({ "input": input })).await;
    assert_eq!(answer.data("signUp.expiresIn"), 900);
    let expected = json!({
        "user": {
            "username": "ada", "email": "Ada@Example.com", "number": 1001, "emailVerified": false, "active": true, "firstName": null,
            "signInMethods": ["PASSWORD"],
        },
        "account": {
            "name": "ada's account",
            "limits": [
                { "key": "SEATS", "max": 50, "used": 1 },
                { "key": "TREES", "max": null, "used": 0 },
                { "key": "SESSIONS_PER_MONTH", "max": 10000, "used": 0 },
            ],
            "members": {
                "totalCount": 1,
                "nodes": [{ "role": "OWNER", "user": { "username": "ada", "email": "Ada@Example.com" } }],
                "pageInfo": { "hasNextPage": false },
            },
        },
        "role": "OWNER",
        "staff": false,
        "memberships": [{ "role": "OWNER", "account": { "name": "ada's account" }, "user": { "email": "Ada@Example.com" } }],
        "signIns": [{ "current": true }],
    });
    assert_eq!(answer.data("signUp.viewer"), expected);

    let ada = app.anon().signed_in(&answer.str("signUp.accessToken"));
    assert_eq!(ada.ok(&format!("{{ {viewer} }}"), json!({})).await.data("viewer"), expected);
}

#[tokio::test]
async fn addresses_and_names_are_unique_whatever_their_case() {
    let (app, _, _) = TestApp::with_owner().await;
    for (input, field) in [(person("OWNER@example.COM", "other"), "email"), (person("other@example.com", "OwNeR"), "username")] {
        let answer = sign_up(&app.anon(), input).await;
        assert_eq!(answer.refusals("signUp"), ["TAKEN"]);
        assert_eq!(answer.data("signUp.userErrors.0.path"), json!([field]));
    }
}

#[tokio::test]
async fn two_at_once_for_one_address_have_one_winner() {
    let app = TestApp::new().await;
    app.leave_jobs();
    let (one, other) = (app.anon(), app.anon());
    let (one, other) =
        tokio::join!(sign_up(&one, person("same@example.com", "first")), sign_up(&other, person("Same@example.com", "second")));
    let mut refusals = [one.refusals("signUp"), other.refusals("signUp")];
    refusals.sort();
    assert_eq!(refusals, [vec![], vec!["TAKEN".to_owned()]]);
    // The loser leaves nothing behind.
    assert_eq!(count(&app, "accounts").await, 1);
    assert_eq!(count(&app, "sign_ins").await, 1);
    assert_eq!(count(&app, "graphile_worker._private_jobs").await, 1, "nor a job");
}

async fn count(app: &TestApp, table: &str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    let mut conn = app.app.db.conn().await.unwrap();
    let count: Count = diesel::sql_query(format!("SELECT count(*) FROM {table}")).get_result(&mut conn).await.unwrap();
    count.count
}

#[tokio::test]
async fn what_cannot_be_stored_or_said_is_refused_with_its_field() {
    let app = TestApp::new().await;
    let long = "x".repeat(300);
    let cases = [
        ("email", json!(""), "REQUIRED"),
        ("email", json!("nobody"), "INVALID"),
        ("email", json!("a@b@c"), "INVALID"),
        ("email", json!("@example.com"), "INVALID"),
        ("email", json!("a b@example.com"), "INVALID"),
        ("email", json!("a@example..com"), "INVALID"),
        ("email", json!("a\u{0}@example.com"), "INVALID"),
        ("email", json!("a\nb@example.com"), "INVALID"),
        ("email", json!(format!("{}@example.com", "x".repeat(65))), "INVALID"),
        ("email", json!(format!("a@{long}.com")), "TOO_LONG"),
        ("username", json!("  "), "REQUIRED"),
        ("username", json!("ab"), "INVALID"),
        ("username", json!("me@home"), "INVALID"),
        ("username", json!("jürgen"), "INVALID"),
        ("username", json!("nul\u{0}l"), "INVALID"),
        ("username", json!("x".repeat(41)), "TOO_LONG"),
        ("password", json!("short"), "INVALID"),
        ("password", json!("GOOD@example.com"), "INVALID"),
        ("password", json!("Good-Name"), "INVALID"),
        ("password", json!("nul in the \u{0} middle"), "INVALID"),
        ("password", json!(long), "TOO_LONG"),
        ("accountName", json!("a\u{0}b"), "INVALID"),
        ("accountName", json!("two\nlines"), "INVALID"),
        ("accountName", json!("x".repeat(101)), "TOO_LONG"),
    ];
    for (field, value, code) in cases {
        let mut input = person("good@example.com", "good-name");
        input[field] = value.clone();
        let answer = sign_up(&app.anon(), input).await;
        assert_eq!(answer.refusals("signUp"), [code], "{field}: {value}");
        assert_eq!(answer.data("signUp.userErrors.0.path"), json!([field]));
    }
    assert_eq!(count(&app, "users").await, 0);
}

#[tokio::test]
async fn names_and_passwords_may_be_in_any_script() {
    let app = TestApp::new().await;
    app.leave_jobs();
    let input =
        json!({ "email": "用户@例子.广告", "username": "yonghu", "password": "密码密码密码密码🔑", "accountName": "Žluťoučký kůň 🐎" });
    let query = "mutation($input: SignUpInput!) { signUp(input: $input) { viewer { user { email } account { name } } accessToken } }";
    let answer = app.anon().ok(query, json!({ "input": input })).await;
    assert_eq!(answer.data("signUp.viewer"), json!({ "user": { "email": "用户@例子.广告" }, "account": { "name": "Žluťoučký kůň 🐎" } }));
    let again = crate::support::people::sign_in(&app.anon(), "用户@例子.广告", "密码密码密码密码🔑").await;
    assert_eq!(who(&app.anon().signed_in(&again.str("signIn.accessToken"))).await, "yonghu");
}

#[tokio::test]
async fn nothing_that_is_printed_for_programmers_holds_a_password() {
    let input = fixpath::identity::sign_up::SignUp {
        email: "a@example.com".into(),
        username: "name".into(),
        password: "the secret itself".into(),
        account_name: None,
    };
    assert!(!format!("{input:?}").contains("secret itself"));
}
