//! Accepting connections and answering them until told to end.
//!
//! Bounds: so many connections at once (more wait in the kernel's backlog), so long for the headers
//! of a request, so long for a connection to live, so long for the last answers at the end.

use super::{
    connection::{Connection, Peer},
    listen::{Accepted, Listeners},
};
use crate::Error;
use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::Service, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Connections at once, over all listeners; more than long polls, so that these never shut out all
/// others.
const CONNECTIONS: usize = 512;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const MOST_HEADERS: usize = 64;
/// After this a connection is asked to end; clients open another one without noticing.
const LIFETIME: Duration = Duration::from_mins(10);
/// How long an answer may take to be made and taken once its connection is to end.
const LAST_ANSWER: Duration = Duration::from_secs(100);
/// How long the last answers may take when the server ends.
const DRAIN: Duration = Duration::from_secs(5);
/// The pause after a failed accept, which is nearly always a want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Answers until `shutdown` is cancelled; then lets requests under way end, for five seconds at
/// most. Long polls are answered at once then. The socket's file is gone when this returns.
pub async fn serve(
    listeners: Listeners,
    router: Router,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listeners.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => { report(ended); continue }
            next = next => next,
        };
        let connection = |peer| Connection { peer, closing: shutdown.clone() };
        let router = router.clone();
        match accepted {
            Ok(Accepted::Unix(stream, peer)) => {
                connections.spawn(hold(place, converse(stream, router, connection(peer))));
            }
            Ok(Accepted::Tcp(stream, peer)) => {
                connections.spawn(hold(place, converse(stream, router, connection(peer))));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listeners);
    drain(connections).await;
    Ok(())
}

/// Keeps a connection's place until it is over.
async fn hold<T>(_place: T, talk: impl Future<Output = ()>) {
    talk.await;
}

async fn drain(mut connections: JoinSet<()>) {
    let ended = timeout(DRAIN, async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    });
    if ended.await.is_err() {
        tracing::warn!(open = connections.len(), "connections were cut off at the end");
    }
    connections.shutdown().await;
}

/// A handler that panics takes its connection with it, and no more.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a request panicked");
    }
}

async fn converse<S>(stream: S, router: Router, connection: Connection)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let closing = connection.closing.clone();
    let peer: Peer = connection.peer.clone();
    let handlers = TowerToHyperService::new(router);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        handlers.call(request)
    });
    let mut exchange = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_headers(MOST_HEADERS)
            .serve_connection(TokioIo::new(stream), answer)
    );
    let ended = tokio::select! {
        ended = exchange.as_mut() => Ok(ended),
        () = async { tokio::select! { () = closing.cancelled() => {}, () = sleep(LIFETIME) => {} } } => {
            exchange.as_mut().graceful_shutdown();
            timeout(LAST_ANSWER, exchange).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        // The peer went away, or was too slow; that is its own affair.
        Ok(Err(error)) => tracing::debug!(?peer, %error, "a connection broke off"),
        Err(_) => tracing::debug!(?peer, "a connection was cut off at the end of its life"),
    }
}
