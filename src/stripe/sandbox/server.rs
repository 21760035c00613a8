//! The socket: on loopback only, one router for API, pages and control.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get, post};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::clock::Clock;
use crate::error::Error;

use super::Options;
use super::api::{self, Cut};
use super::kept::{self, Keeper, Kept};
use super::keys::Keys;
use super::shared::Shared;
use super::state::{Settings, World};
use super::{control, dashboard, deliveries, pages, portal_page};

pub async fn start(clock: Clock, options: Options, stop: CancellationToken) -> Result<Arc<Shared>, Error> {
    // One provider of cryptography for everything; a second installation changes nothing.
    rustls::crypto::ring::default_provider().install_default().ok();
    let kept = options.folder.as_deref().and_then(kept::find);
    let listener = listen(kept.as_ref()).await?;
    let port = listener.local_addr()?.port();
    // `localhost`, as everywhere in development: browsers take 127.0.0.1 for another site.
    let base_url = format!("http://localhost:{port}");
    let settings =
        Settings { base_url: base_url.clone(), dunning: options.dunning, retry_days: options.retry_days.clone(), ..Settings::default() };
    let keeper = options.folder.as_deref().map(|folder| Keeper::new(folder, port));
    let shared = match kept {
        Some(mut kept) => {
            kept.world.settings = settings;
            Shared::new(clock, options, base_url, kept, keeper)
        }
        None => {
            let world = World::new(options.seed, clock.now().timestamp(), settings);
            let kept = Kept { port, ahead: 0, world, keys: Keys::default(), waiting: Vec::new() };
            Shared::new(clock, options, base_url, kept, keeper)
        }
    };
    // Others look here for where it listens.
    shared.keep().await;
    let client = reqwest::Client::builder().build()?;
    tokio::spawn(deliveries::run(shared.clone(), client, stop.clone()));
    tokio::spawn(serve(listener, router(shared.clone()), stop));
    Ok(shared)
}

/// Where it listened last, if nobody else does by now: links to its pages still lead there.
async fn listen(kept: Option<&Kept>) -> std::io::Result<TcpListener> {
    if let Some(kept) = kept
        && let Ok(listener) = TcpListener::bind(("127.0.0.1", kept.port)).await
    {
        return Ok(listener);
    }
    TcpListener::bind(("127.0.0.1", 0)).await
}

/// What people do in pages is kept before they see that it is done.
async fn keep(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let writes = request.method() != Method::GET && !request.uri().path().starts_with("/v1/");
    let response = next.run(request).await;
    if writes {
        shared.keep().await;
    }
    response
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/{*path}", any(api::handle))
        .route("/c/pay/{session}", get(pages::checkout).post(pages::pay))
        .route("/c/pay/{session}/confirm", get(pages::confirmation).post(pages::confirm))
        .route("/p/session/{id}", get(portal_page::portal).post(portal_page::change))
        .route("/i/{id}", get(portal_page::invoice).post(portal_page::pay_invoice))
        .route("/3ds/{id}", get(portal_page::question).post(portal_page::answered))
        .route("/sandbox", get(dashboard::dashboard))
        .route("/sandbox/events/{id}", get(dashboard::event))
        .route("/sandbox/events/{id}/resend", post(control::resend))
        .route("/sandbox/actions", post(control::act))
        .route("/sandbox/faults", post(control::plan_fault))
        .route("/sandbox/deliveries", post(control::deliver))
        .route("/sandbox/version", post(control::version))
        .route("/sandbox/state", get(control::state))
        .layer(middleware::from_fn_with_state(shared.clone(), keep))
        .with_state(shared)
}

async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                tokio::spawn(connection(stream, router.clone(), stop.clone()));
            },
        }
    }
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    stream.set_nodelay(true).ok();
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let router = router.clone();
        async move {
            let Ok(response) = router.oneshot(request.map(Body::new)).await;
            match response.extensions().get::<Cut>() {
                Some(Cut) => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
                None => Ok(response),
            }
        }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // An error is a client that went away, or a connection that was cut on purpose.
        _ = connection => {}
        () = stop.cancelled() => {}
    }
}
