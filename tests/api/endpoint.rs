//! GraphQL over HTTP: content types, statuses, origins, sizes, request ids.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::support::app::ORIGIN;
use super::support::people::colleague;
use super::support::trees::{create, looping};
use super::support::{Answer, TestApp};

fn post(body: impl Into<Body>, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::post("/graphql");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const HELLO: &str = r#"{"query":"{ __typename }"}"#;

fn has_data(answer: &Answer) -> bool {
    answer.json().as_object().unwrap().contains_key("data")
}

#[tokio::test]
async fn anybody_may_ask_for_the_root_type() {
    let app = TestApp::new().await;
    let before = app.app.db.statements();
    let answer = app.anon().signed_in("no token at all").gql("{ __typename }", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json(), json!({ "data": { "__typename": "Query" }, "extensions": { "cost": 0 } }));
    assert_eq!(app.app.db.statements(), before, "nobody looked up who asks");
}

#[tokio::test]
async fn the_answer_has_the_form_that_the_client_prefers() {
    let app = TestApp::new().await;
    let graphql = "application/graphql-response+json; charset=utf-8";
    let plain = "application/json; charset=utf-8";
    for (accept, content_type) in [
        ("application/graphql-response+json", graphql),
        ("application/json, application/graphql-response+json", graphql),
        ("application/graphql-response+json;q=0.5, application/json;q=0.9", plain),
        ("application/json", plain),
        ("*/*", plain),
        ("text/html", plain),
    ] {
        let answer = app.send(post(HELLO, &[JSON, ("accept", accept)])).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, content_type), "{accept}");
    }
    assert_eq!(app.send(post(HELLO, &[JSON])).await.header("content-type"), plain, "without Accept");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_come_in_the_order_in_which_they_are_asked_for() {
    let (app, _, owner) = TestApp::with_owner().await;
    create(&owner, "Light", looping()).await;
    // What has to be read comes before what is at hand: in objects, in lists, in fragments, and where a field is selected twice.
    let query = "query { trees { nodes { createdBy { username } title } pageInfo { hasNextPage } totalCount } ...Who plans { tier: key }
            viewer { role account { name } } }
        fragment Who on Query { viewer { account { members { nodes { user { username } ... on Membership { role } } } } staff } }";
    let expected = json!({
        "trees": { "nodes": [{ "createdBy": { "username": "owner" }, "title": "Light" }], "pageInfo": { "hasNextPage": false }, "totalCount": 1 },
        "viewer": {
            "account": { "members": { "nodes": [{ "user": { "username": "owner" }, "role": "OWNER" }] }, "name": "owner's account" },
            "staff": false, "role": "OWNER",
        },
        "plans": [{ "tier": "free" }, { "tier": "starter" }, { "tier": "pro" }, { "tier": "enterprise" }],
    });
    // As text: to JSON's equality, order is nothing.
    assert_eq!(owner.ok(query, json!({})).await.data("").to_string(), expected.to_string());

    let technician = colleague(&app, &owner, "ted", "technician").await;
    let query = "{ viewer { account { auditLog { nodes { action } } name } role } }";
    let refused = technician.gql(query, json!({})).await;
    assert_eq!(refused.codes(), ["FORBIDDEN"]);
    let expected = json!({ "viewer": { "account": { "auditLog": null, "name": "owner's account" }, "role": "TECHNICIAN" } });
    assert_eq!(refused.data("").to_string(), expected.to_string(), "what failed, too");
}

#[tokio::test]
async fn a_request_error_has_no_data_and_a_status_by_accept() {
    let app = TestApp::new().await;
    for (body, code) in [
        (json!({ "query": "{" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "{ nothingOfThisName }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "query($id: ID!) { __typename }", "variables": { "id": null } }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "query A { __typename } query B { __typename }" }), "BAD_USER_INPUT"),
        (json!({ "query": "query A { __typename }", "operationName": "B" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "subscription { anything }" }), "GRAPHQL_VALIDATION_FAILED"),
    ] {
        for (accept, status) in [("application/graphql-response+json", 400), ("application/json", 200)] {
            let answer = app.send(post(body.to_string(), &[JSON, ("accept", accept)])).await;
            assert_eq!((answer.status.as_u16(), answer.codes()), (status, vec![code.to_owned()]), "{body} {accept}");
            assert!(!has_data(&answer), "{body}");
        }
    }
}

#[tokio::test]
async fn an_error_does_not_say_what_else_there_is() {
    let app = TestApp::new().await;
    for query in ["{ viewe { role } }", "{ tree(bi: { slug: \"x\" }) { id } }", "{ viewer { ... on Viewe { role } } }"] {
        let answer = app.send(post(json!({ "query": query }).to_string(), &[JSON])).await;
        assert_eq!(answer.codes()[0], "GRAPHQL_VALIDATION_FAILED", "{query}");
        assert!(!answer.text().contains("Did you mean"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused_in_one_sentence() {
    let app = TestApp::new().await;
    for body in [
        "",
        "{",
        "null",
        "7",
        "[]",
        r#"[{"query":"{ __typename }"}]"#,
        "{}",
        r#"{"query":7}"#,
        r#"{"query":"{ __typename }","variables":[]}"#,
        r#"{"query":"{ __typename }","operationName":{}}"#,
        r#"{"query":"{ __typename }","extensions":"x"}"#,
        "\u{0}",
        "{\"query\":\"{ __typename }\"} more",
    ] {
        let answer = app.send(post(body, &[JSON])).await;
        assert_eq!((answer.status, answer.codes()), (StatusCode::BAD_REQUEST, vec!["BAD_USER_INPUT".to_owned()]), "{body}");
    }
    let batch = app.send(post(format!("[{HELLO}]"), &[JSON])).await;
    assert_eq!(batch.json()["errors"][0]["message"], "batches are not supported: send one operation in a request");
}

#[tokio::test]
async fn only_json_is_accepted() {
    let app = TestApp::new().await;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin1",
        "application/graphql",
        "",
    ] {
        let answer = app.send(post(HELLO, &[("content-type", content_type)])).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
    }
    assert_eq!(app.send(post(HELLO, &[])).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "none at all");
    for content_type in ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=\"UTF-8\""] {
        assert_eq!(app.send(post(HELLO, &[("content-type", content_type)])).await.status, StatusCode::OK, "{content_type}");
    }
}

#[tokio::test]
async fn get_runs_queries_and_never_mutations() {
    let app = TestApp::new().await;
    let answer =
        app.get("/graphql?query=query($a:Boolean!){__schema@include(if:$a){queryType{name}}}&variables=%7B%22a%22%3Atrue%7D").await;
    assert_eq!(answer.str("__schema.queryType.name"), "Query");
    let mutation = app.get("/graphql?query=mutation%7BsignOut%7D").await;
    assert_eq!((mutation.status, mutation.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    assert_eq!(app.get("/graphql").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.get("/graphql?query=%7B__typename%7D&variables=x").await.status, StatusCode::BAD_REQUEST);
    let put = app.send(Request::put("/graphql").body(Body::empty()).unwrap()).await;
    assert_eq!((put.status, put.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, POST, OPTIONS"));
}

#[tokio::test]
async fn pages_of_foreign_origins_are_kept_out() {
    let app = TestApp::new().await;
    for origin in ["https://evil.example", "null", "http://localhost:3000.evil.example", "http://localhost:3001"] {
        let answer = app.send(post(HELLO, &[JSON, ("origin", origin)])).await;
        assert_eq!((answer.status, answer.codes()), (StatusCode::FORBIDDEN, vec!["FORBIDDEN".to_owned()]), "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
    assert_eq!(app.send(post(HELLO, &[JSON, ("sec-fetch-site", "cross-site")])).await.status, StatusCode::FORBIDDEN);
    let own = app.send(post(HELLO, &[JSON, ("origin", ORIGIN), ("sec-fetch-site", "cross-site")])).await;
    assert_eq!(own.status, StatusCode::OK);
    assert_eq!(own.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(own.header("access-control-allow-credentials"), "true");
}

#[tokio::test]
async fn a_browser_may_ask_before_it_calls() {
    let app = TestApp::new().await;
    let ask = |origin: &str| {
        let request = Request::builder().method(Method::OPTIONS).uri("/graphql").header("origin", origin);
        request.header("access-control-request-method", "POST").header("access-control-request-headers", "authorization,content-type")
    };
    let answer = app.send(ask(ORIGIN).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
    assert!(answer.header("access-control-allow-headers").contains("authorization"));
    let foreign = app.send(ask("https://evil.example").body(Body::empty()).unwrap()).await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read() {
    let app = TestApp::new().await;
    let long = format!(r#"{{"query":"{{ __typename }}","variables":{{"a":"{}"}}}}"#, "x".repeat(20 * 1024 * 1024));
    for token in ["", "Bearer forged"] {
        let request = post(long.clone(), &[JSON, ("authorization", token)]);
        let answer = app.send(request).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "a token that is not valid buys nothing: {token}");
        assert_eq!(answer.json()["errors"][0]["message"], "the body is longer than 128 KiB");
    }
    let pieces = futures_util::stream::iter((0..40).map(|_| Ok::<_, std::io::Error>("x".repeat(4096))));
    assert_eq!(app.send(post(Body::from_stream(pieces), &[JSON])).await.status, StatusCode::PAYLOAD_TOO_LARGE, "without Content-Length");
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_security_headers() {
    let app = TestApp::new().await;
    let refused = app.send(post("", &[])).await;
    for answer in [app.get("/healthz").await, app.get("/nowhere").await, refused, app.anon().gql("{ __typename }", json!({})).await] {
        assert_eq!(answer.header("x-request-id").len(), 32, "{}", answer.text());
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let nowhere = app.get("/nowhere").await;
    assert_eq!((nowhere.status, nowhere.codes()), (StatusCode::NOT_FOUND, vec!["BAD_REQUEST".to_owned()]));
}

#[tokio::test]
async fn a_request_id_is_taken_from_trusted_proxies_only() {
    let app = TestApp::with(&[("TRUSTED_PROXIES", "192.0.2.0/24")]).await;
    let id = "7f3a-from.the_proxy";
    let proxy = app.anon().at_address("192.0.2.7").header("x-request-id", id);
    assert_eq!(proxy.gql("{ __typename }", json!({})).await.header("x-request-id"), id);
    let odd = app.anon().at_address("192.0.2.7").header("x-request-id", "a b\"c");
    assert_ne!(odd.gql("{ __typename }", json!({})).await.header("x-request-id"), "a b\"c");
    let stranger = app.anon().header("x-request-id", id);
    assert_ne!(stranger.gql("{ __typename }", json!({})).await.header("x-request-id"), id);
}

#[tokio::test]
async fn a_token_that_is_not_valid_makes_the_request_anonymous_and_says_so() {
    let app = TestApp::new().await;
    let answer = app.anon().signed_in("forged").gql("{ categories { slug } version: __typename }", json!({})).await;
    let answer = if answer.codes() == ["GRAPHQL_VALIDATION_FAILED"] {
        app.anon().signed_in("forged").gql("{ version }", json!({})).await
    } else {
        answer
    };
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    assert_ne!(answer.json()["data"], Value::Null);
}

#[tokio::test]
async fn introspection_is_open_only_where_graphiql_is() {
    let query = "{ __schema { queryType { name } } }";
    let open = TestApp::new().await;
    assert_eq!(open.anon().gql(query, json!({})).await.str("__schema.queryType.name"), "Query");
    let closed = TestApp::with(&[("GRAPHIQL", "off")]).await;
    let answer = closed.anon().gql(query, json!({})).await;
    assert_eq!((answer.status, answer.codes()), (StatusCode::UNAUTHORIZED, vec!["UNAUTHENTICATED".to_owned()]));
    assert!(!has_data(&answer));
}

#[tokio::test]
async fn signed_in_people_may_send_two_megabytes() {
    let (app, _, owner) = TestApp::with_owner().await;
    let query = "query($a: Boolean = true) { viewer @include(if: $a) { role } }";
    let body = |bytes: usize| json!({ "query": query, "variables": { "unused": "x".repeat(bytes) } });
    assert_eq!(owner.post(body(1_900_000)).await.str("viewer.role"), "OWNER");
    let refused = owner.post(body(2_200_000)).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(refused.json()["errors"][0]["message"], "the body is longer than 2048 KiB");
    assert_eq!(app.anon().post(body(200_000)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_browser_is_kept_signed_in_by_its_cookie() {
    let (app, _, _owner) = TestApp::with_owner().await;
    let query = "mutation($input: SignInInput!) { signIn(input: $input) { refreshToken userErrors { code } } }";
    let input = json!({ "login": "owner", "password": super::support::app::PASSWORD });
    let answer = app.anon().in_browser("").ok(query, json!({ "input": input })).await;
    assert_eq!(answer.data("signIn"), json!({ "refreshToken": null, "userErrors": [] }));
    let set = answer.header("set-cookie");
    assert!(set.starts_with("fixpath_refresh=") && set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
    let refresh = "mutation { refreshTokens(input: {}) { accessToken userErrors { code } } }";
    let refreshed = app.anon().in_browser(&answer.cookie()).ok(refresh, json!({})).await;
    assert!(refreshed.data("refreshTokens.accessToken").is_string(), "{}", refreshed.text());
}

#[tokio::test]
async fn a_variables_default_decides_what_is_included() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let query = |default: bool| format!("query($a: Boolean = {default}) {{ viewer @include(if: $a) {{ role @skip(if: $a) staff }} }}");
    assert_eq!(owner.ok(&query(true), json!({})).await.json()["data"], json!({ "viewer": { "staff": false } }));
    assert_eq!(owner.ok(&query(false), json!({})).await.json()["data"], json!({}), "an empty object when all is skipped");
    assert_eq!(owner.ok(&query(false), json!({ "a": true })).await.json()["data"], json!({ "viewer": { "staff": false } }));
}

#[tokio::test]
async fn a_field_that_fails_leaves_its_neighbours_alone() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let query = "{ sessions { totalCount } ...F } fragment F on Query { viewer { role } here: viewer { user { id } account { name } } }";
    let signed_out = anon.gql(query, json!({})).await;
    assert_eq!(signed_out.json()["data"], json!({ "sessions": null, "viewer": null, "here": null }));
    assert_eq!(signed_out.codes(), ["UNAUTHENTICATED"]);
    // `account` may not be null, so its viewer is.
    app.db_execute("ALTER TABLE accounts RENAME TO hidden").await;
    let broken = owner.gql(query, json!({})).await;
    assert_eq!(broken.codes(), ["INTERNAL_SERVER_ERROR"]);
    let data = broken.json()["data"].clone();
    assert_eq!(data["viewer"], json!({ "role": "OWNER" }));
    assert_eq!(data["here"], Value::Null);
}

#[tokio::test]
async fn a_token_is_called_invalid_only_where_it_was_looked_at() {
    let (app, _, owner) = TestApp::with_owner().await;
    let forged = app.anon().signed_in("forged");
    for (who, query, told) in [
        (&owner, "{ __typename }", ""),
        (&owner, "{ __schema { queryType { name } } }", ""),
        (&forged, "{ __typename }", ""),
        (&forged, "{ viewer { role } }", "Bearer error=\"invalid_token\""),
    ] {
        assert_eq!(who.gql(query, json!({})).await.header("www-authenticate"), told, "{query}");
    }
}
