//! Every pass is a trace, received by a real OTLP receiver.

use crate::scene::Scene;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::time::Duration;
use trueup_tests::otlp_receiver::{OtlpReceiver, ReceivedSpan};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_a_trace_with_its_engine_calls_and_its_store_write() -> Result<()> {
    let receiver = OtlpReceiver::start()?;
    let endpoint = receiver.endpoint();
    let mut scene = Scene::set(&[("telemetry.otlp_endpoint", &endpoint)]).await?;
    scene.apply(&[("w", json!({}))]).await?;
    let view = scene.until_ready("w").await;
    let id = view.workspace.id.to_string();
    let is_first = |span: &ReceivedSpan| {
        span.name == "reconcile"
            && span.attributes.get("trueup.workspace.id") == Some(&json!(id))
            && text(span, "trueup.causes").contains("spec_change")
    };
    let spans = receiver.wait_for(|spans| spans.iter().any(is_first), PATIENCE).await?;
    let pass = spans.iter().find(|span| is_first(span)).context("the pass")?;
    ensure!(pass.parent_span_id.is_none(), "a pass is the root of its trace");
    ensure!(pass.attributes.get("trueup.generation") == Some(&json!(1)), "{:?}", pass.attributes);
    ensure!(text(pass, "trueup.workspace.name") == "w" && text(pass, "trueup.owner") == "tester");
    ensure!(text(pass, "trueup.outcome") == "ok");

    let trace: Vec<_> = spans.iter().filter(|span| span.trace_id == pass.trace_id).collect();
    let children: Vec<_> = trace
        .iter()
        .filter(|span| span.parent_span_id.as_ref() == Some(&pass.span_id))
        .map(|span| span.name.as_str())
        .collect();
    for call in ["engine.inspect", "engine.create", "engine.start", "store.record"] {
        ensure!(children.contains(&call), "no span {call} among {children:?}");
    }
    let record = trace.iter().find(|span| span.name == "store.record").context("the write")?;
    ensure!(text(record, "db.system.name") == "sqlite", "{:?}", record.attributes);

    // The event log names the trace, so that one finds the other.
    let events = scene.controller.trueup(["events", "tester/w", "-o", "json"])?;
    let events = String::from_utf8(events.stdout)?;
    ensure!(events.contains(&pass.trace_id), "no event names the trace {}", pass.trace_id);
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_costs_nothing_but_the_spans() -> Result<()> {
    let receiver = OtlpReceiver::start()?;
    let endpoint = receiver.endpoint();
    drop(receiver);
    let mut scene = Scene::set(&[("telemetry.otlp_endpoint", &endpoint)]).await?;
    scene.apply(&[("w", json!({}))]).await?;
    scene.until_ready("w").await;
    scene.strike().await
}

fn text<'a>(span: &'a ReceivedSpan, key: &str) -> &'a str {
    span.attributes.get(key).and_then(|value| value.as_str()).unwrap_or_default()
}
