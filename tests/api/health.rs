//! What machines ask: does it live, is it ready, how is it doing.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use super::support::TestApp;
use super::support::database::Database;

#[tokio::test]
async fn a_server_with_its_migrations_is_ready() {
    let app = TestApp::new().await;
    assert_eq!(app.get("/healthz").await.json(), json!({ "status": "alive" }));
    let ready = app.get("/readyz").await;
    assert_eq!((ready.status, ready.json()), (StatusCode::OK, json!({ "status": "ready" })));
}

#[tokio::test]
async fn a_server_whose_database_is_not_migrated_lives_but_is_not_ready() {
    let app = TestApp::on(Database::empty().await, &[]).await;
    assert_eq!(app.get("/healthz").await.status, StatusCode::OK);
    let ready = app.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let reason = "the database waits for migrations: run `fixpath migrate`";
    assert_eq!(ready.json(), json!({ "status": "not ready", "reason": reason }));
}

#[tokio::test]
async fn a_server_that_waits_for_a_migration_says_so() {
    let app = TestApp::new().await;
    app.db_execute("DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)").await;
    let ready = app.get("/readyz").await;
    assert_eq!(ready.json()["reason"], "the database waits for migrations: run `fixpath migrate`");
}

#[tokio::test]
async fn a_server_that_stops_is_not_ready() {
    let app = TestApp::new().await;
    app.app.stop.cancel();
    assert_eq!(app.get("/readyz").await.json()["reason"], "the server is shutting down");
}

#[tokio::test]
async fn a_broken_connection_is_replaced() {
    let app = TestApp::new().await;
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    app.database.disconnect_all().await;
    // The pool may hand out one dead connection before it notices.
    let mut ready = app.get("/readyz").await;
    for _ in 0..4 {
        ready = app.get("/readyz").await;
    }
    assert_eq!(ready.status, StatusCode::OK);
}

#[tokio::test]
async fn metrics_count_operations_by_name_and_outcome() {
    let app = TestApp::new().await;
    app.anon().gql("query CountMe { __typename }", json!({})).await;
    app.anon().gql("query CountMe { nothingOfThisName }", json!({})).await;
    app.anon().gql(&format!("{{ {} }}", "a:__typename ".repeat(31)), json!({})).await;
    let answer = app.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    for line in [
        r#"graphql_operations_total{operation="CountMe",type="query",outcome="ok"} 1"#,
        r#"graphql_operations_total{operation="CountMe",type="query",outcome="GRAPHQL_VALIDATION_FAILED"} 1"#,
        r#"graphql_operation_seconds_count{operation="CountMe",type="query"} 2"#,
        r#"graphql_refusals_total{code="COST_LIMIT"}"#,
        r#"database_connections{state="limit"} 4"#,
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[tokio::test]
async fn metrics_are_for_whoever_shows_the_token() {
    let app = TestApp::with(&[("METRICS_TOKEN", "sixteen letters!")]).await;
    let refused = app.get("/metrics").await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (StatusCode::UNAUTHORIZED, "Bearer"));
    assert!(!refused.text().contains("graphql_operations_total"), "{}", refused.text());
    for (token, status) in [("sixteen letters?", StatusCode::UNAUTHORIZED), ("sixteen letters!", StatusCode::OK)] {
        let request = Request::get("/metrics").header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
        assert_eq!(app.send(request).await.status, status, "{token}");
    }
}

#[tokio::test]
async fn a_production_server_without_a_token_shows_nobody_its_metrics() {
    let app = TestApp::with(&[("FIXPATH_ENV", "production"), ("PUBLIC_URL", "https://api.example.com")]).await;
    assert_eq!(app.get("/metrics").await.status, StatusCode::UNAUTHORIZED);
    let request = Request::get("/metrics").header("authorization", "Bearer ").body(Body::empty()).unwrap();
    assert_eq!(app.send(request).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_schema_can_be_read() {
    let answer = TestApp::new().await.get("/schema.graphql").await;
    assert!(answer.text().contains("type Query"));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
}
