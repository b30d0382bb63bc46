//! Reading and awaiting events.

use crate::harness::{Harness, key, wait_until};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::time::{Instant, timeout};
use trueup_api::{EventFilter, domain::id::EventId, wire::EventPage};

const LONG: Duration = Duration::from_secs(30);

fn of(owner: Option<&str>, name: Option<&str>) -> EventFilter {
    EventFilter {
        owner: owner.map(|owner| owner.parse().unwrap()),
        name: name.map(|name| name.parse().unwrap()),
    }
}

fn reasons(page: &EventPage) -> Vec<&str> {
    page.items.iter().map(|event| event.what.reason.as_str()).collect()
}

#[tokio::test]
async fn events_come_in_order_from_where_one_left_off() {
    let harness = Harness::start().await;
    for reason in ["one", "two", "three"] {
        harness.fake.happen("alice/web", reason);
    }
    let all = of(None, None);
    let page = harness.client.events(&all, EventId(0), Duration::ZERO).await.unwrap();
    assert_eq!(reasons(&page), ["one", "two", "three"]);
    assert_eq!(page.next, EventId(3));
    let page = harness.client.events(&all, EventId(2), Duration::ZERO).await.unwrap();
    assert_eq!(reasons(&page), ["three"]);
    let page = harness.client.events(&all, EventId(3), Duration::ZERO).await.unwrap();
    assert_eq!((reasons(&page).len(), page.next), (0, EventId(3)));
}

#[tokio::test]
async fn a_filter_by_owner_or_name_alone_reads_on_past_the_others() {
    let harness = Harness::start().await;
    for number in 0..2500 {
        let key = if number % 1200 == 1199 { "bob/web" } else { "alice/web" };
        harness.fake.append(key, "trueup", &number.to_string());
    }
    let bob = of(Some("bob"), None);
    let first = harness.client.events(&bob, EventId(0), Duration::ZERO).await.unwrap();
    assert_eq!(reasons(&first), ["1199"]);
    let second = harness.client.events(&bob, first.next, Duration::ZERO).await.unwrap();
    assert_eq!(reasons(&second), ["2399"]);
    let none = of(Some("bob"), Some("db"));
    assert!(
        harness.client.events(&none, EventId(0), Duration::ZERO).await.unwrap().items.is_empty()
    );
}

#[tokio::test]
async fn a_long_poll_answers_as_soon_as_something_happens() {
    let harness = Harness::start().await;
    let client = harness.client.clone();
    let poll = tokio::spawn(async move {
        client.events(&EventFilter::from(&key("alice/web")), EventId(0), LONG).await
    });
    // The poll has read the log and found nothing, and so is waiting.
    wait_until(|| harness.fake.reads.load(Ordering::SeqCst) == 1).await;
    let started = Instant::now();
    harness.fake.happen("bob/web", "not wanted");
    harness.fake.happen("alice/web", "wanted");
    let page = timeout(LONG, poll).await.unwrap().unwrap().unwrap();
    assert_eq!(reasons(&page), ["wanted"]);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_long_poll_without_news_comes_back_empty() {
    let harness = Harness::start().await;
    let wait = Duration::from_secs(1);
    let started = Instant::now();
    let page = harness.client.events(&of(None, None), EventId(0), wait).await.unwrap();
    assert!(page.items.is_empty());
    assert!(started.elapsed() >= wait);
}

#[tokio::test]
async fn a_long_poll_is_answered_when_the_server_ends() {
    let harness = Harness::start().await;
    let client = harness.client.clone();
    let poll = tokio::spawn(async move { client.events(&of(None, None), EventId(0), LONG).await });
    wait_until(|| harness.fake.reads.load(Ordering::SeqCst) == 1).await;
    harness.shutdown.cancel();
    let page = timeout(Duration::from_secs(5), poll).await.unwrap().unwrap().unwrap();
    assert!(page.items.is_empty());
    timeout(Duration::from_secs(5), harness.server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn the_newest_events_are_found_however_far_back_they_are() {
    let harness = Harness::start().await;
    for number in 0..20_000 {
        let rare = [5, 6, 7, 12_000, 19_999].contains(&number);
        let key = if rare { "bob/web" } else { "alice/web" };
        harness.fake.append(key, "trueup", &number.to_string());
    }
    let newest = async |filter, count| harness.client.newest_events(&filter, count).await.unwrap();
    let bob = of(Some("bob"), Some("web"));
    assert_eq!(reasons(&newest(bob.clone(), 1).await), ["19999"]);
    assert_eq!(reasons(&newest(bob.clone(), 3).await), ["7", "12000", "19999"]);
    assert_eq!(reasons(&newest(bob, 1000).await), ["5", "6", "7", "12000", "19999"]);
    let page = newest(of(Some("alice"), None), 2).await;
    assert_eq!(reasons(&page), ["19997", "19998"]);
    assert_eq!(page.next, EventId(20_000));
    assert!(newest(of(Some("carol"), None), 2).await.items.is_empty());
}
