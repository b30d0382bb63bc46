//! The one subscriber of the process: log lines and spans side by side.
//!
//! Building is apart from installing, so that a test can have a subscriber of its
//! own. Each half has its own filter.

use std::io::{self, IsTerminal};

use opentelemetry::trace::TracerProvider;
use tracing::Dispatch;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::{Error, Guard, Settings, export, logs};

/// Installs logs, and traces if configured, for the whole process.
///
/// Call it once, early, and keep the guard until the end of `main`.
pub fn init(settings: &Settings) -> Result<Guard, Error> {
    let (writer, terminal) = if settings.log_to_stderr {
        (BoxMakeWriter::new(io::stderr), io::stderr().is_terminal())
    } else {
        (BoxMakeWriter::new(io::stdout), io::stdout().is_terminal())
    };
    // An empty value counts as unset: https://no-color.org
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (dispatch, guard) = assemble(settings, writer, colour)?;
    dispatch.try_init().map_err(Error::Install)?;
    Ok(guard)
}

/// Builds what [`init`] installs, writing log lines without colour to `writer`.
pub fn build<W>(settings: &Settings, writer: W) -> Result<(Dispatch, Guard), Error>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    assemble(settings, writer, false)
}

fn assemble<W>(settings: &Settings, writer: W, colour: bool) -> Result<(Dispatch, Guard), Error>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // The fallible part without threads comes first.
    let lines = logs::layer(settings, writer, colour)?;
    let provider = export::provider(settings)?;
    let spans = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("trueup"))
            // Facts about the code, not about the workspace: they would double
            // the size of a span.
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(export::filter())
    });
    let subscriber = Registry::default().with(spans).with(lines);
    Ok((Dispatch::new(subscriber), Guard::new(provider)))
}
