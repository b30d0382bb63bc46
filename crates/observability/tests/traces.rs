//! Spans on their way to a real OTLP/HTTP receiver.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{DEADLINE, Lines, settings_with};
use tracing::dispatcher::{self, DefaultGuard};
use tracing::{Level, debug_span, error, info_span, trace_span};
use trueup_observability::{Guard, Settings, build, current_trace_id, current_traceparent, link};
use trueup_tests::otlp_receiver::{OtlpReceiver, ReceivedLink, ReceivedSpan, ReceivedStatus};

/// The crates that open spans have such targets.
const TARGET: &str = "trueup_reconciler::pass";

/// For this thread only, so that the tests of this file do not meet.
fn install(settings: &Settings) -> (Guard, DefaultGuard) {
    let (dispatch, guard) = build(settings, Lines::default()).unwrap();
    (guard, dispatcher::set_default(&dispatch))
}

fn named<'a>(spans: &'a [ReceivedSpan], name: &str) -> &'a ReceivedSpan {
    spans.iter().find(|span| span.name == name).expect(name)
}

#[tokio::test]
async fn a_span_tree_arrives_with_its_parents_and_attributes() {
    let receiver = OtlpReceiver::start().unwrap();
    let (guard, _default) = install(&settings_with(receiver.endpoint()));

    let trace_id = {
        let pass = info_span!(
            target: TARGET, "reconcile",
            trueup.workspace.id = "w-1", trueup.generation = 3_i64, trueup.outcome = tracing::field::Empty,
        )
        .entered();
        {
            let call = debug_span!(
                target: TARGET, "engine.call", otel.name = "engine.inspect", otel.kind = "client",
                server.address = "/var/run/docker.sock",
            );
            let _call = call.entered();
            let _inner = debug_span!(target: TARGET, "engine.decode").entered();
        }
        debug_span!(target: TARGET, "store.record", db.operation.name = "INSERT").in_scope(|| {});
        pass.record("trueup.outcome", "settled");
        current_trace_id().unwrap()
    };
    guard.shutdown(DEADLINE).await.unwrap();

    let spans = receiver.spans();
    assert_eq!(spans.len(), 4, "{spans:?}");
    let pass = named(&spans, "reconcile");
    let inspect = named(&spans, "engine.inspect");
    assert_eq!(pass.parent_span_id, None);
    assert_eq!(inspect.parent_span_id.as_deref(), Some(pass.span_id.as_str()));
    let decode = named(&spans, "engine.decode");
    assert_eq!(decode.parent_span_id.as_deref(), Some(inspect.span_id.as_str()));
    let record = named(&spans, "store.record");
    assert_eq!(record.parent_span_id.as_deref(), Some(pass.span_id.as_str()));
    assert!(spans.iter().all(|span| span.trace_id == trace_id), "{spans:?}");

    assert_eq!(pass.attributes["trueup.workspace.id"], json!("w-1"));
    assert_eq!(pass.attributes["trueup.generation"], json!(3));
    assert_eq!(pass.attributes["trueup.outcome"], json!("settled"));
    assert_eq!(inspect.attributes["server.address"], json!("/var/run/docker.sock"));
    assert_eq!(record.attributes["db.operation.name"], json!("INSERT"));
    assert_eq!(pass.status, ReceivedStatus::Unset);
}

#[tokio::test]
async fn spans_arrive_without_waiting_for_the_end_of_the_process() {
    let receiver = OtlpReceiver::start().unwrap();
    let (guard, _default) = install(&settings_with(receiver.endpoint()));
    info_span!(target: TARGET, "reconcile").in_scope(|| {});
    receiver.wait_for(|spans| spans.len() == 1, DEADLINE).await.unwrap();
    guard.shutdown(DEADLINE).await.unwrap();
}

#[tokio::test]
async fn the_collector_is_told_who_sends_and_gets_the_configured_headers() {
    let receiver = OtlpReceiver::start().unwrap();
    let mut settings = settings_with(receiver.endpoint());
    let otlp = settings.otlp.as_mut().unwrap();
    otlp.headers.insert("x-api-key".into(), "hush".into());
    let (guard, _default) = install(&settings);
    info_span!(target: TARGET, "reconcile").in_scope(|| {});
    guard.shutdown(DEADLINE).await.unwrap();

    let resource = &receiver.spans()[0].resource;
    assert_eq!(resource["service.name"], json!("trueup"));
    assert_eq!(resource["service.version"], json!("1.2.3"));
    assert_eq!(resource["service.instance.id"], json!("here"));
    assert_eq!(receiver.header("x-api-key").as_deref(), Some("hush"));
    assert_eq!(receiver.header("content-type").as_deref(), Some("application/x-protobuf"));
    assert!(!format!("{settings:?}").contains("hush"));
}

#[tokio::test]
async fn a_pass_links_to_the_spans_that_caused_it() {
    let receiver = OtlpReceiver::start().unwrap();
    let (guard, _default) = install(&settings_with(receiver.endpoint()));

    let cause = || info_span!(target: TARGET, "cause").in_scope(current_traceparent).unwrap();
    let (first, second) = (cause(), cause());
    let pass = info_span!(target: TARGET, "reconcile");
    link(&pass, &first).unwrap();
    // A cause that arrives while the pass runs is linked to the running span.
    pass.in_scope(|| link(&pass, &second)).unwrap();
    let error = link(&pass, "00-not-a-traceparent").unwrap_err();
    assert_eq!(error.to_string(), r#""00-not-a-traceparent" is not a W3C traceparent"#);
    drop(pass);
    guard.shutdown(DEADLINE).await.unwrap();

    let spans = receiver.spans();
    let causes: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "cause")
        .map(|span| ReceivedLink { trace_id: span.trace_id.clone(), span_id: span.span_id.clone() })
        .collect();
    assert_eq!(causes.len(), 2);
    assert_ne!(causes[0].trace_id, causes[1].trace_id);
    let pass = named(&spans, "reconcile");
    assert_eq!(pass.links, causes);
    assert_eq!(pass.parent_span_id, None, "a link is no parent");
    assert_eq!(first, format!("00-{}-{}-01", causes[0].trace_id, causes[0].span_id));
}

#[tokio::test]
async fn an_error_in_a_span_marks_it_as_failed() {
    let receiver = OtlpReceiver::start().unwrap();
    let (guard, _default) = install(&settings_with(receiver.endpoint()));
    info_span!(target: TARGET, "by-event").in_scope(|| error!(target: TARGET, "it broke"));
    info_span!(target: TARGET, "by-field", otel.status_code = "ERROR").in_scope(|| {});
    guard.shutdown(DEADLINE).await.unwrap();

    let spans = receiver.spans();
    for name in ["by-event", "by-field"] {
        let status = &named(&spans, name).status;
        assert!(matches!(status, ReceivedStatus::Error(_)), "{name}: {status:?}");
    }
}

#[tokio::test]
async fn the_log_filter_does_not_thin_out_traces() {
    let receiver = OtlpReceiver::start().unwrap();
    let settings = Settings { log_filter: "off".into(), ..settings_with(receiver.endpoint()) };
    let (guard, _default) = install(&settings);
    debug_span!(target: TARGET, "engine.inspect").in_scope(|| {});
    guard.shutdown(DEADLINE).await.unwrap();
    named(&receiver.spans(), "engine.inspect");
}

#[tokio::test]
async fn what_an_export_is_made_of_is_never_exported() {
    let receiver = OtlpReceiver::start().unwrap();
    let settings = Settings { log_filter: "trace".into(), ..settings_with(receiver.endpoint()) };
    let (guard, _default) = install(&settings);
    tracing::span!(target: "h2::client", Level::ERROR, "h2").in_scope(|| {});
    tracing::span!(target: "hyper::proto", Level::ERROR, "hyper").in_scope(|| {});
    tracing::span!(target: "hyper_util::client", Level::ERROR, "hyper_util").in_scope(|| {});
    tracing::span!(target: "reqwest::connect", Level::ERROR, "reqwest").in_scope(|| {});
    tracing::span!(target: "tonic::transport", Level::ERROR, "tonic").in_scope(|| {});
    tracing::span!(target: "opentelemetry_sdk", Level::ERROR, "opentelemetry").in_scope(|| {});
    tracing::span!(target: "sqlx::query", Level::INFO, "other").in_scope(|| {});
    guard.shutdown(DEADLINE).await.unwrap();
    let names: Vec<_> = receiver.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["other"]);
}

#[tokio::test]
async fn a_trace_that_is_not_sampled_stays_here_and_has_no_id_to_look_up() {
    let receiver = OtlpReceiver::start().unwrap();
    let mut settings = settings_with(receiver.endpoint());
    settings.otlp.as_mut().unwrap().sample_ratio = 0.0;
    let (guard, _default) = install(&settings);
    info_span!(target: TARGET, "reconcile").in_scope(|| {
        assert_eq!(current_trace_id(), None);
        let traceparent = current_traceparent().unwrap();
        assert!(traceparent.ends_with("-00"), "{traceparent}");
        // A child decides as its parent did.
        debug_span!(target: TARGET, "engine.inspect").in_scope(|| {
            assert_eq!(current_trace_id(), None);
        });
    });
    guard.shutdown(DEADLINE).await.unwrap();
    assert_eq!(receiver.requests(), 0);
}

#[tokio::test]
async fn the_current_identity_is_that_of_the_nearest_span_that_is_exported() {
    let receiver = OtlpReceiver::start().unwrap();
    let (guard, _default) = install(&settings_with(receiver.endpoint()));
    assert_eq!(current_trace_id(), None);
    assert_eq!(current_traceparent(), None);
    info_span!(target: TARGET, "reconcile").in_scope(|| {
        let id = current_trace_id().unwrap();
        assert_eq!(id.len(), 32);
        let _detail = trace_span!(target: TARGET, "detail").entered();
        assert_eq!(current_trace_id(), Some(id));
    });
    assert_eq!(current_trace_id(), None);
    guard.shutdown(DEADLINE).await.unwrap();
}

#[tokio::test]
async fn spans_that_end_after_the_guard_are_discarded_in_silence() {
    let receiver = OtlpReceiver::start().unwrap();
    let lines = Lines::default();
    let (dispatch, guard) = build(&settings_with(receiver.endpoint()), lines.clone()).unwrap();
    let _default = dispatcher::set_default(&dispatch);
    let open = info_span!(target: TARGET, "reconcile").entered();
    guard.shutdown(DEADLINE).await.unwrap();
    drop(open);
    info_span!(target: TARGET, "late").in_scope(|| {});
    assert_eq!(receiver.spans().len(), 0);
    assert_eq!(lines.text(), "");
}

#[test]
fn settings_that_cannot_work_are_refused_with_the_reason() {
    let refusal = |change: fn(&mut trueup_observability::Otlp)| {
        let mut settings = settings_with("http://localhost:4318");
        change(settings.otlp.as_mut().unwrap());
        build(&settings, Lines::default()).map(drop).unwrap_err().to_string()
    };
    assert!(refusal(|otlp| otlp.endpoint = "localhost:4318".into()).contains("has no scheme"));
    assert!(refusal(|otlp| otlp.sample_ratio = 1.5).contains("1.5 is not between"));
    assert!(refusal(|otlp| otlp.sample_ratio = f64::NAN).contains("is not between"));
    assert!(refusal(|otlp| otlp.timeout = Duration::ZERO).contains("timeout is zero"));
    let header = refusal(|otlp| drop(otlp.headers.insert("x-key".into(), "hu\nsh".into())));
    assert!(header.contains("x-key") && !header.contains("hu"), "{header}");
}
