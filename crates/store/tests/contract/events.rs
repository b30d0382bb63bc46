//! The event log.

use super::*;
use jiff::SignedDuration;
use trueup_domain::{id::EventId, port::ErrorCount};

pub(crate) async fn events_can_be_read_from_any_place(store: &impl Store) {
    assert_eq!(store.newest_event().await.unwrap(), EventId(0));
    for number in 1..=5 {
        changed(store, apply(number, &format!("w-{number}"), spec("debian:12"))).await;
    }
    let all = all_events(store).await;
    let ids: Vec<_> = all.iter().map(|event| event.id.0).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    for after in 0..=6 {
        let query = EventQuery { after: EventId(after), ..EventQuery::default() };
        let rest: Vec<_> = all.iter().filter(|event| event.id.0 > after).cloned().collect();
        assert_eq!(store.events(&query).await.unwrap(), rest);
        let query = EventQuery { limit: 2, ..query };
        assert_eq!(store.events(&query).await.unwrap(), rest[..rest.len().min(2)]);
    }
    let never = EventQuery { after: EventId(u64::MAX), ..EventQuery::default() };
    assert_eq!(store.events(&never).await.unwrap(), []);
    assert_eq!(store.newest_event().await.unwrap(), EventId(5));
}

pub(crate) async fn events_can_be_read_by_identity_and_by_name(store: &impl Store) {
    changed(store, apply(1, "web", spec("debian:12"))).await;
    changed(store, apply(9, "other", spec("debian:12"))).await;
    let first = changed(store, delete("web", false)).await;
    store.record(PassRecord { remove: true, ..record(&first) }).await.unwrap();
    changed(store, apply(2, "web", spec("debian:12"))).await;

    let ids = async |workspace, key, after| {
        let query = EventQuery { after: EventId(after), workspace, key, limit: 0 };
        let events = store.events(&query).await.unwrap();
        events.iter().map(|event| event.id.0).collect::<Vec<_>>()
    };
    assert_eq!(ids(Some(id(1)), None, 0).await, [1, 3, 4]);
    assert_eq!(ids(Some(id(2)), None, 0).await, [5]);
    assert_eq!(ids(None, Some(key("web")), 0).await, [1, 3, 4, 5]);
    assert_eq!(ids(None, Some(key("web")), 3).await, [4, 5]);
    assert_eq!(ids(Some(id(1)), Some(key("web")), 1).await, [3, 4]);
    assert_eq!(ids(Some(id(9)), Some(key("web")), 0).await, [0_u64; 0]);
}

pub(crate) async fn an_answer_has_a_thousand_events_at_most(store: &impl Store) {
    let web = changed(store, apply(1, "web", spec("debian:12"))).await;
    let events = vec![status_event("again"); 1200];
    stored(store.record(PassRecord { events, ..record(&web) }).await.unwrap());
    for limit in [0, 1000, 1001, u32::MAX] {
        let query = EventQuery { limit, ..EventQuery::default() };
        assert_eq!(store.events(&query).await.unwrap().len(), 1000, "limit {limit}");
    }
    let rest = EventQuery { after: EventId(1000), ..EventQuery::default() };
    assert_eq!(store.events(&rest).await.unwrap().len(), 201);
}

pub(crate) async fn every_word_of_an_event_comes_back(store: &impl Store) {
    use EventType::*;
    use WorkspaceStatus::*;
    let web = changed(store, apply(1, "web", spec("debian:12"))).await;
    let types =
        [StatusChanged, ContainerUpdate, Error, Recovery, MetricsUpdate, SyncStart, SyncComplete];
    let statuses = [None, Some(Active), Some(Inactive), Some(Archived)];
    let events: Vec<_> = types
        .into_iter()
        .zip(statuses.into_iter().cycle())
        .map(|(kind, status)| NewEvent {
            kind,
            message: "it's \"quoted\"; \u{1f433}\n".to_owned(),
            old_status: status,
            new_status: status,
            trace_id: None,
            ..status_event("why")
        })
        .collect();
    stored(store.record(PassRecord { events: events.clone(), ..record(&web) }).await.unwrap());
    let read: Vec<_> = all_events(store).await.into_iter().skip(1).map(|e| e.what).collect();
    assert_eq!(read, events);
}

pub(crate) async fn errors_are_counted_by_identity_and_the_last_of_them_is_told(
    store: &impl Store,
) {
    let error = |second| NewEvent {
        kind: EventType::Error,
        time: Timestamp::from_second(1_790_000_000).unwrap() + second,
        ..status_event("why")
    };
    let web = changed(store, apply(1, "web", spec("debian:12"))).await;
    let quiet = changed(store, apply(2, "quiet", spec("debian:12"))).await;
    // Of two times within one second the whole one would be the greater as text.
    let (whole, half) = (SignedDuration::from_secs(5), SignedDuration::from_millis(5500));
    let events = vec![error(whole), status_event("between"), error(half)];
    stored(store.record(PassRecord { events, ..record(&web) }).await.unwrap());
    stored(
        store
            .record(PassRecord { events: vec![status_event("fine")], ..record(&quiet) })
            .await
            .unwrap(),
    );

    let errors = ErrorCount { count: 2, last: Some(error(half).time) };
    assert_eq!(store.errors(id(1)).await.unwrap(), errors);
    assert_eq!(store.errors(id(2)).await.unwrap(), ErrorCount::default());
    assert_eq!(store.errors(id(3)).await.unwrap(), ErrorCount::default());
    assert_eq!(store.all_errors().await.unwrap(), [(id(1), errors)].into());
}
