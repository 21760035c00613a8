//! A callback and a new password at once: nobody stays signed in from before the reset, and the rules of joining hold.

use serde_json::{Value, json};

use super::{World, error_of, get, refresh_cookie};
use crate::support::people::{ids, sign_in, who};
use crate::support::racing::in_turn;
use crate::support::{Actor, Answer, TestApp};

const NONE: Vec<String> = Vec::new();
const NEW: &str = "quite another one";

/// The token of a link that Ada's mailbox got.
async fn asked(app: &TestApp) -> String {
    app.anon().ok("mutation { requestPasswordReset(input: { email: \"ada@example.com\" }) { acknowledged } }", json!({})).await;
    app.run_jobs().await;
    app.mailed_token("reset_password", "ada@example.com")
}

async fn reset(actor: &Actor, token: &str) -> Answer {
    let query = "mutation($input: ResetPasswordInput!) { resetPassword(input: $input) { userErrors { code } } }";
    actor.ok(query, json!({ "input": { "token": token, "newPassword": NEW } })).await
}

/// The callback and the reset, both as far as Ada's row before either goes on.
async fn at_once(world: &World, reset_first: bool) -> Answer {
    let app = &world.app;
    let (token, browser, mailbox) = (asked(app).await, app.anon(), app.anon());
    let (cookie, authorize) = world.begin(&browser).await;
    let callback = world.stub.consent(&authorize);
    let (came_back, reset) = (get(&browser, &callback, &cookie), reset(&mailbox, &token));
    let (callback, reset) = if reset_first {
        let (reset, callback) = in_turn(app, "ada", reset, came_back).await;
        (callback, reset)
    } else {
        in_turn(app, "ada", came_back, reset).await
    };
    assert_eq!(reset.refusals("resetPassword"), NONE);
    app.run_jobs().await;
    assert_eq!(sign_in(&app.anon(), "ada", NEW).await.refusals("signIn"), NONE);
    callback
}

/// Whether what a callback gave is still good for tokens.
async fn is_alive(world: &World, callback: &Answer) -> bool {
    let browser = world.app.anon().in_browser(&refresh_cookie(callback).expect("a refresh cookie"));
    browser.ok("mutation { refreshTokens { userErrors { code } } }", json!({})).await.refusals("refreshTokens").is_empty()
}

/// Where Ada can sign in.
async fn identities(world: &World) -> Vec<String> {
    world.app.database_text("SELECT subject FROM identities JOIN users ON id = user_id WHERE username = 'ada'").await
}

#[tokio::test]
async fn of_those_who_come_back_before_and_after_a_reset_the_later_stay() {
    for reset_first in [true, false] {
        let world = World::google().await;
        let phone = world.app.sign_up("ada").await;
        world.verify("ada").await;
        let earlier = world.sign_in().await;
        assert_eq!(error_of(&earlier), None);
        let callback = at_once(&world, reset_first).await;
        assert_eq!(error_of(&callback), None);
        assert_eq!((who(&phone).await, is_alive(&world, &earlier).await), (Value::Null, false));
        assert_eq!(is_alive(&world, &callback).await, reset_first, "reset first: {reset_first}");
        assert_eq!(identities(&world).await, ["1"], "an identity that was joined by the rules stays");
    }
}

#[tokio::test]
async fn whoever_made_a_user_with_anothers_address_does_not_keep_a_way_in() {
    for reset_first in [true, false] {
        let world = World::google().await;
        let squatter = world.app.sign_up("ada").await;
        let id = uuid::Uuid::from(ids(&squatter).await.0);
        world.app.db_execute(&format!("INSERT INTO identities VALUES ('google', '1', '{id}', now())")).await;
        world.stub.set(|answers| answers.person["email"] = "squatter@example.net".into());
        let callback = at_once(&world, reset_first).await;
        assert_eq!(error_of(&callback), None);
        if reset_first {
            // The identity was taken from them while they waited: they are somebody new.
            assert_eq!(world.person(&callback).await.1["user"]["email"], "squatter@example.net");
        } else {
            assert!(!is_alive(&world, &callback).await);
        }
        assert_eq!((who(&squatter).await, identities(&world).await), (Value::Null, vec![]));
    }
}

#[tokio::test]
async fn an_address_that_a_reset_proves_joins_whoever_comes_after_it() {
    for reset_first in [true, false] {
        let world = World::google().await;
        world.app.sign_up("ada").await;
        let callback = at_once(&world, reset_first).await;
        if reset_first {
            assert_eq!(world.person(&callback).await.1["user"]["username"], "ada");
            assert_eq!(identities(&world).await, ["1"]);
        } else {
            assert_eq!(error_of(&callback).as_deref(), Some("sign_in_first"));
            assert_eq!(identities(&world).await, NONE);
        }
    }
}
