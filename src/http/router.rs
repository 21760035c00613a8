//! The complete list of what can arrive.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router, middleware};
use tokio_util::task::TaskTracker;
use tower_http::cors::CorsLayer;

use super::answer::{BAD_REQUEST, Refused};
use super::arrival::{Arrival, REQUEST_ID, observe};
use super::documents::Documents;
use super::operation::Endpoint;
use super::requester::Claim;
use super::{exports, graphiql, graphql, health, live, oauth, stripe_webhook};
use crate::app::App;
use crate::error::Error;
use crate::graphql::schema;
use crate::graphql::shape::Shape;

/// How long a browser may remember what CORS allows.
const CORS_AGE: Duration = Duration::from_secs(2 * 60 * 60);

pub fn router(app: App) -> Result<Router, Error> {
    with_sockets(app, TaskTracker::new())
}

/// What machines ask a process about itself: the API's and, alone, the worker's.
pub fn about_itself(app: App) -> Router {
    crate::metrics::recorder();
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::prometheus))
        .with_state(app)
}

/// `sockets` counts the open WebSocket connections, which outlive their request: whoever shuts down waits for them.
pub fn with_sockets(app: App, sockets: TaskTracker) -> Result<Router, Error> {
    let schema = schema(&app);
    let shape = Arc::new(Shape::of(&schema.sdl())?);
    let endpoint = Endpoint { app: app.clone(), schema, shape, documents: Documents::default() };

    let graphql = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post).fallback(graphql::method_not_allowed))
        .layer(cors(&app))
        .with_state(endpoint.clone());
    let live = Router::new().route("/graphql/ws", get(live::upgrade)).with_state((endpoint, sockets));
    let rest = Router::new()
        .route("/auth/{provider}/start", get(oauth::start))
        .route("/auth/{provider}/callback", get(oauth::callback))
        .route("/exports/{token}", get(exports::open))
        .route("/webhooks/stripe", post(stripe_webhook::post))
        .route("/api/v1/webhooks/stripe", post(stripe_webhook::post))
        .route("/.well-known/jwks.json", get(async |State(app): State<App>| Json(app.tokens.jwks().clone())))
        .route("/schema.graphql", get(sdl))
        .with_state(app.clone())
        .merge(about_itself(app.clone()));
    // The page is part of the API's own origin: nothing of it needs CORS.
    let editor = if app.config.http.graphiql { graphiql::routes() } else { Router::new() };
    Ok(graphql
        .merge(live)
        .merge(editor)
        .merge(rest)
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(16 * 1024))
        .layer(middleware::from_fn_with_state(app, observe)))
}

static SDL: LazyLock<String> = LazyLock::new(crate::graphql::sdl);

/// The API as text: open wherever introspection is.
async fn sdl(State(app): State<App>, Extension(arrival): Extension<Arrival>, headers: HeaderMap) -> Response {
    let signed_in = Claim::read(&headers, arrival.address, false).resolve(&app, false, &arrival.id).await;
    match signed_in {
        Ok(actor) if actor.is_some() || app.config.http.graphiql => SDL.as_str().into_response(),
        Ok(_) => Refused::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "sign in first").into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn not_found() -> Response {
    Refused::new(StatusCode::NOT_FOUND, BAD_REQUEST, "there is nothing here; GraphQL is at /graphql").into_response()
}

/// For listed origins only, because cookies go along.
fn cors(app: &App) -> CorsLayer {
    let origins: Vec<HeaderValue> = app.config.http.allowed_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([ACCEPT, AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([REQUEST_ID, RETRY_AFTER, WWW_AUTHENTICATE])
        .max_age(CORS_AGE)
}
