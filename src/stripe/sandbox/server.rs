//! The socket: on loopback only, one router for API, pages and control.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
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
use super::shared::Shared;
use super::state::{Settings, World};
use super::{control, dashboard, deliveries, pages, portal_page};

pub async fn start(clock: Clock, options: Options, stop: CancellationToken) -> Result<Arc<Shared>, Error> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    // `localhost`, as everywhere in development: browsers take 127.0.0.1 for another site.
    let base_url = format!("http://localhost:{}", listener.local_addr()?.port());
    let settings = Settings { base_url: base_url.clone(), dunning: options.dunning, retry_days: options.retry_days.clone() };
    let world = World::new(options.seed, clock.now().timestamp(), settings);
    let shared = Shared::new(clock, options, base_url, world);
    let client = reqwest::Client::builder().build()?;
    tokio::spawn(deliveries::run(shared.clone(), client, stop.clone()));
    tokio::spawn(serve(listener, router(shared.clone()), stop));
    Ok(shared)
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
