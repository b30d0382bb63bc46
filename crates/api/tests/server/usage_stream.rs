//! The stream of figures.

use crate::{
    harness::{Harness, key, refused, wait_until},
    usage::usage,
};
use std::{future::Future, time::Duration};
use tokio::time::timeout;
use trueup_api::{
    ProblemKind,
    domain::{id::WorkspaceId, usage::Usage},
    wire::WorkspaceUsage,
};

/// The server's bound of open streams.
const STREAMS: usize = 64;

async fn soon<T>(wait: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), wait).await.unwrap()
}

impl Harness {
    async fn id(&self, name: &str) -> WorkspaceId {
        self.client.get(&key(name)).await.unwrap().workspace.id
    }

    /// Has the sampler say that it has read this many processes.
    fn sampled(&self, id: WorkspaceId, pids: u64) {
        self.fake.figures.send((id, Usage { pids, ..usage() })).unwrap();
    }
}

fn said(usage: Option<WorkspaceUsage>) -> (String, Option<u64>) {
    let usage = usage.unwrap();
    (usage.workspace.to_string(), usage.metrics.pids)
}

#[tokio::test]
async fn each_new_figure_comes_as_an_event_with_its_workspace() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let web = harness.id("alice/web").await;
    let mut stream = harness.client.usage_stream(None).await.unwrap();
    harness.sampled(web, 1);
    // One that was declared after the stream began.
    harness.declare("bob/db").await;
    harness.sampled(harness.id("bob/db").await, 2);
    harness.sampled(WorkspaceId::new(uuid::Uuid::from_u128(999)), 3);
    harness.sampled(web, 4);
    let first = soon(stream.next()).await.unwrap().unwrap();
    assert_eq!(first.workspace_id, web);
    assert_eq!((first.metrics.cpu_percent, first.metrics.error_count), (Some(12.5), None));
    assert_eq!(said(soon(stream.next()).await.unwrap()), ("bob/db".to_owned(), Some(2)));
    assert_eq!(said(soon(stream.next()).await.unwrap()), ("alice/web".to_owned(), Some(4)));
}

#[tokio::test]
async fn a_stream_is_of_the_media_type_that_browsers_know() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let web = harness.id("alice/web").await;
    let mut response = harness.raw("GET", "/v1/usage/stream").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    harness.sampled(web, 1);
    let text = soon(response.chunk()).await.unwrap().unwrap();
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.starts_with("event: usage\ndata: {\"workspaceId\":"), "{text}");
    assert!(text.ends_with("}\n\n"), "{text}");
}

#[tokio::test]
async fn a_stream_is_narrowed_by_owner_and_name() {
    let harness = Harness::start().await;
    for name in ["alice/db", "alice/web", "bob/web"] {
        harness.declare(name).await;
    }
    let mut stream = harness.client.usage_stream(Some(&key("alice/web"))).await.unwrap();
    for (name, pids) in [("alice/db", 1), ("bob/web", 2), ("alice/web", 3)] {
        harness.sampled(harness.id(name).await, pids);
    }
    assert_eq!(said(soon(stream.next()).await.unwrap()), ("alice/web".to_owned(), Some(3)));
}

#[tokio::test]
async fn a_stream_ends_cleanly_with_the_server() {
    let harness = Harness::start().await;
    let mut stream = harness.client.usage_stream(None).await.unwrap();
    harness.shutdown.cancel();
    assert!(soon(stream.next()).await.unwrap().is_none());
    timeout(Duration::from_secs(3), harness.server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn so_many_streams_are_open_at_once_and_one_more_is_told_to_come_again() {
    let harness = Harness::start().await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        streams.push(harness.client.usage_stream(None).await.unwrap());
    }
    let refused = refused(harness.client.usage_stream(None).await);
    assert_eq!(refused.kind, ProblemKind::Unavailable);
    assert!(harness.client.health().await.unwrap().ok, "other requests have their places still");
    streams.pop();
    // The server notices that the reader is gone by the end of its connection.
    wait_until(|| harness.fake.figures.receiver_count() < STREAMS).await;
    harness.client.usage_stream(None).await.unwrap();
}

#[tokio::test]
async fn a_slow_reader_misses_figures_and_holds_up_nobody() {
    const FIGURES: u64 = 10_000;
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let web = harness.id("alice/web").await;
    let mut slow = harness.client.usage_stream(None).await.unwrap();
    let mut quick = harness.client.usage_stream(None).await.unwrap();
    let mut seen = 0;
    for number in 1..=FIGURES {
        // Far more than sockets and buffers hold, of which the slow one reads nothing.
        harness.sampled(web, number);
        if number % 32 == 0 {
            while seen < number {
                seen = said(soon(quick.next()).await.unwrap()).1.unwrap();
            }
        }
    }
    harness.sampled(web, u64::MAX);
    let (mut got, mut last) = (0, 0);
    while last != u64::MAX {
        let pids = said(soon(slow.next()).await.unwrap()).1.unwrap();
        assert!(pids > last, "in order");
        (got, last) = (got + 1, pids);
    }
    assert!(got < FIGURES, "the slow one was spared nothing: {got}");
}
