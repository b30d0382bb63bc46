//! The beginning and the end of a server, as its clients see them.

use crate::harness::{Harness, wait_until};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::time::timeout;
use trueup_api::{
    Address, Client, Error, WorkspaceFilter,
    server::{Bind, Listeners},
};

#[tokio::test]
async fn without_a_server_the_client_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup.sock");
    let text = |error: Error| error.to_string();
    let missing = Client::new(Address::Unix(path.clone())).unwrap().health().await.unwrap_err();
    assert!(matches!(missing, Error::Unreachable { .. }));
    let words =
        format!("cannot reach trueup at unix://{}: is `trueup run` running?", path.display());
    assert_eq!(text(missing), words);
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let refused = Client::new(Address::Unix(path)).unwrap().health().await.unwrap_err();
    assert_eq!(text(refused), words);
}

#[tokio::test]
async fn what_is_no_trueup_is_not_taken_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let stranger = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(b"HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops").await.unwrap();
    });
    let error = Client::new(Address::Unix(path)).unwrap().version().await.unwrap_err();
    assert!(matches!(error, Error::Unreadable { status: 500, .. }), "{error:?}");
    assert!(error.to_string().ends_with("that does not look like trueup"), "{error}");
    stranger.await.unwrap();
}

#[tokio::test]
async fn a_second_server_on_the_socket_is_refused_and_the_first_goes_on() {
    let harness = Harness::start().await;
    let bind = Bind { socket: Some(harness.socket.clone()), tcp: None };
    assert!(matches!(Listeners::bind(&bind).await, Err(Error::SocketInUse { .. })));
    assert!(harness.client.health().await.unwrap().ok);
}

#[tokio::test]
async fn an_idle_server_ends_at_once_and_its_socket_is_gone() {
    let harness = Harness::start().await;
    // Leaves an idle connection behind.
    harness.client.health().await.unwrap();
    harness.shutdown.cancel();
    timeout(Duration::from_secs(2), harness.server).await.unwrap().unwrap().unwrap();
    assert!(!harness.socket.exists());
    assert!(matches!(harness.client.health().await, Err(Error::Unreachable { .. })));
}

#[tokio::test]
async fn a_request_that_hangs_does_not_hold_up_the_end() {
    let harness = Harness::start().await;
    harness.fake.hanging.store(true, Ordering::SeqCst);
    let client = harness.client.clone();
    let hanging = tokio::spawn(async move { client.list(&WorkspaceFilter::default()).await });
    wait_until(|| harness.fake.reads.load(Ordering::SeqCst) == 1).await;
    harness.shutdown.cancel();
    timeout(Duration::from_secs(10), harness.server).await.unwrap().unwrap().unwrap();
    assert!(timeout(Duration::from_secs(10), hanging).await.unwrap().unwrap().is_err());
}
