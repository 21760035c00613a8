//! Accepting connections, and stopping politely: no new ones, what runs is finished, live ones are told, the pool is closed.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::router;
use crate::app::App;
use crate::error::Error;
use crate::metrics;

/// How long a stop waits for what runs, beyond the time that an operation may take.
const PATIENCE: Duration = Duration::from_secs(2);
const HOUSEKEEPING: Duration = Duration::from_secs(30);

/// Serves until SIGTERM, SIGINT or `app.stop`.
pub async fn serve(app: App, listener: TcpListener) -> Result<(), Error> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let sockets = TaskTracker::new();
    let router = router::with_sockets(app.clone(), sockets.clone())?;
    let connections = TaskTracker::new();
    let times = app.config.http.times;
    let mut housekeeping = interval(HOUSEKEEPING);
    housekeeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.stop.cancelled() => break,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = housekeeping.tick() => {
                app.limits.forget_quiet();
                metrics::recorder().run_upkeep();
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, router.clone(), times.header, app.stop.clone()));
                }
                Err(error) => {
                    // Usually too many open files: without a pause this would spin.
                    tracing::warn!(cause = %error, "a connection could not be accepted");
                    sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    tracing::info!("stopping: no new connections, finishing what runs");
    app.stop.cancel();
    connections.close();
    sockets.close();
    app.background.close();
    let finished = async { tokio::join!(connections.wait(), sockets.wait(), app.background.wait()) };
    if timeout(times.operation + PATIENCE, finished).await.is_err() {
        tracing::warn!(
            connections = connections.len() + sockets.len(),
            tasks = app.background.len(),
            "stopping although something still runs"
        );
    }
    app.db.close();
    Ok(())
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, header_time: Duration, stop: CancellationToken) {
    // Answers are written in one piece: waiting for more to send would only delay them.
    stream.set_nodelay(true).ok();
    let service = router.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_time)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(cause = %error, "a connection ended early");
    }
}
