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
        let connection = |peer| Connection { peer, closing: shutdown.child_token() };
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
            // What waits for news would not end in time by itself.
            closing.cancel();
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Extension, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::Instant,
    };

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_news_ends_well_at_the_end_of_its_connections_life() {
        let wait = async |Extension(connection): Extension<Connection>| {
            connection.closing.cancelled().await;
            "over"
        };
        let router = Router::new().route("/", get(wait));
        let (mut client, stream) = tokio::io::duplex(4096);
        let shutdown = CancellationToken::new();
        let peer = Peer::Tcp("127.0.0.1:1".parse().unwrap());
        let connection = Connection { peer, closing: shutdown.child_token() };
        let started = Instant::now();
        let talk = tokio::spawn(converse(stream, router, connection));
        client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        assert!(text.ends_with("over"), "{text}");
        assert!((LIFETIME..LIFETIME + LAST_ANSWER).contains(&started.elapsed()));
        talk.await.unwrap();
        assert!(!shutdown.is_cancelled(), "it is the end of this connection alone");
    }
}
