//! What comes over TCP and could be a web page's doing.

use crate::harness::{Harness, problem};
use trueup_api::{
    Address, Client, Error, ProblemKind,
    server::{Bind, Listeners},
};

#[tokio::test]
async fn the_client_reaches_the_loopback_port_too() {
    let harness = Harness::start().await;
    let client = Client::new(Address::Http(format!("http://{}", harness.tcp))).unwrap();
    assert!(client.health().await.unwrap().ok);
}

#[tokio::test]
async fn a_name_that_was_made_to_resolve_to_this_machine_is_refused() {
    let harness = Harness::start().await;
    let request = harness.raw_tcp("GET", "/v1/workspaces").header("host", "evil.example:7117");
    assert_eq!(problem(request.send().await.unwrap()).await.kind, ProblemKind::Forbidden);
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_post() {
    let harness = Harness::start().await;
    let request = harness.raw_tcp("POST", "/v1/sync").header("origin", "http://evil.example");
    assert_eq!(problem(request.send().await.unwrap()).await.kind, ProblemKind::Forbidden);
    let own = format!("http://{}", harness.tcp);
    let request = harness.raw_tcp("POST", "/v1/sync").header("origin", own);
    assert_eq!(request.send().await.unwrap().status(), 202);
}

#[tokio::test]
async fn an_address_that_others_can_reach_is_refused() {
    for address in ["0.0.0.0:0", "192.0.2.1:7117", "[::]:0"] {
        let bind = Bind { socket: None, tcp: Some(address.parse().unwrap()) };
        assert!(
            matches!(Listeners::bind(&bind).await, Err(Error::NotLoopback { .. })),
            "{address}"
        );
    }
}
