//! How log lines are filtered and written.
//!
//! Invariant: a line that cannot be written is lost without a panic: a closed
//! pipe must not end the controller.

use tracing::Subscriber;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, fmt};

use crate::{Error, LogFormat, Settings};

/// The layer that writes log lines to `writer`.
pub(crate) fn layer<S, W>(
    settings: &Settings,
    writer: W,
    colour: bool,
) -> Result<Box<dyn Layer<S> + Send + Sync>, Error>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = filter(&settings.log_filter)?;
    let lines = fmt::layer().with_writer(writer).with_ansi(colour).log_internal_errors(false);
    Ok(match settings.log_format {
        LogFormat::Human => lines.with_filter(filter).boxed(),
        // The list of spans contains the current one.
        LogFormat::Json => lines.json().with_current_span(false).with_filter(filter).boxed(),
    })
}

/// Parsed alone first, so that an error speaks of what the user wrote. Of two
/// directives with the same target the later one counts.
fn filter(text: &str) -> Result<EnvFilter, Error> {
    let text = if text.trim().is_empty() { "info" } else { text };
    let parse = |directives: &str| {
        EnvFilter::builder()
            .parse(directives)
            .map_err(|source| Error::LogFilter { filter: text.to_owned(), source })
    };
    parse(text)?;
    parse(&format!("opentelemetry=off,{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_named_and_shown_a_valid_one() {
        let error = filter("info,trueup=loud").expect_err("`loud` is no level");
        let message = error.to_string();
        assert!(message.contains("info,trueup=loud"), "{message}");
        assert!(message.contains("info,trueup=debug"), "{message}");
    }

    #[test]
    fn the_exporters_own_messages_are_off_unless_asked_for() {
        assert_eq!(filter("").unwrap().to_string(), "opentelemetry=off,info");
        assert_eq!(filter("debug").unwrap().to_string(), "opentelemetry=off,debug");
        assert_eq!(filter("opentelemetry=warn").unwrap().to_string(), "opentelemetry=warn");
    }
}
