//! The events of a real engine, through a proxy that is cut.

use crate::{
    proxy::Socket,
    support::{Bench, PATIENCE},
};
use futures::StreamExt;
use tokio::time::timeout;
use trueup_docker_adapter::{DockerEngine, Options};
use trueup_domain::port::Engine;

#[tokio::test]
async fn a_cut_connection_ends_the_events() {
    let bench = Bench::new().await;
    let socket = Socket::new();
    let proxy = socket.forward(&bench.host);
    let options = Options::new(socket.host(), bench.instance.clone());
    let engine = DockerEngine::connect(options).unwrap();
    let now = engine.time().await.unwrap();
    let mut events = engine.events(now).await.unwrap();
    drop(proxy);
    assert_eq!(timeout(PATIENCE, events.next()).await, Ok(None));
}
