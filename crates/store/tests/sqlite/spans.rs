//! The spans of store writes, as a trace shows them.

use crate::{
    contract::{apply, at, changed, record, spec, stored},
    open,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};
use tracing::{
    Instrument, Subscriber,
    field::{Field, Visit},
    info_span,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt},
    registry::LookupSpan,
};
use trueup_domain::port::{PassLog, Workspaces};

/// What was seen of a span.
#[derive(Debug, Clone, Default)]
struct Seen {
    name: &'static str,
    parent: Option<&'static str>,
    fields: BTreeMap<&'static str, String>,
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

/// Keeps what it sees of all spans, by their ids.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<BTreeMap<u64, Seen>>>);

impl Recorder {
    fn only(&self, name: &str) -> Seen {
        let spans = self.0.lock().unwrap();
        let found: Vec<_> = spans.values().filter(|span| span.name == name).cloned().collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let parent = span.parent().map(|parent| parent.name());
        let mut seen = Seen { name: span.name(), parent, ..Seen::default() };
        attributes.record(&mut seen);
        self.0.lock().unwrap().insert(id.into_u64(), seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(self.0.lock().unwrap().get_mut(&id.into_u64()).unwrap());
    }
}

#[tokio::test]
async fn a_store_write_is_a_client_span_below_its_callers() {
    let spans = Recorder::default();
    // Span ids are given out again once a span is closed, so that the outer ones are held open.
    let _here =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));
    let (store, _folder) = open().await;
    let (request, pass) = (info_span!("request"), info_span!("pass"));
    let web = changed(&store, apply(1, "web", spec("debian:12"))).instrument(request.clone()).await;
    let written = spans.only("store.write");
    stored(store.record(record(&web)).instrument(pass.clone()).await.unwrap());
    let recorded = spans.only("store.record");
    assert_eq!((written.parent, recorded.parent), (Some("request"), Some("pass")));
    for (span, operation) in [(written, "write"), (recorded, "record")] {
        assert_eq!(span.fields["otel.kind"], "client");
        assert_eq!(span.fields["db.system.name"], "sqlite");
        assert_eq!(span.fields["db.operation.name"], operation);
        assert!(!span.fields.contains_key("otel.status_code"));
    }
}

#[tokio::test]
async fn only_a_failure_of_the_storage_makes_a_span_an_error() {
    let spans = Recorder::default();
    let _here =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));
    let (store, _folder) = open().await;
    let refused = crate::contract::delete("nobody", false);
    assert!(store.write(vec![refused], "alice", at(0)).await.is_err());
    assert!(!spans.only("store.write").fields.contains_key("otel.status_code"));
    spans.0.lock().unwrap().clear();
    store.close(crate::PATIENCE).await.unwrap();
    assert!(store.write(Vec::new(), "alice", at(0)).await.is_err());
    assert_eq!(spans.only("store.write").fields["otel.status_code"], "ERROR");
}
