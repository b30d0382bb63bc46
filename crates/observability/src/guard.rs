//! The end of tracing: flush, stop, let go.
//!
//! Invariant: ending takes at most its deadline, even if the collector, the name
//! resolution or the exporter hangs. What is still at work then is left behind
//! on its own threads, which do not keep the process alive.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::sync::oneshot;

use crate::Error;

/// Keeps tracing alive; ends it when dropped. Spans that end later are discarded.
#[derive(Debug)]
#[must_use = "dropping the guard ends tracing"]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

impl Guard {
    /// The longest that dropping a guard takes.
    pub const DROP_DEADLINE: Duration = Duration::from_secs(5);

    pub(crate) fn new(provider: Option<SdkTracerProvider>) -> Self {
        Self { provider }
    }

    /// Sends what is queued and stops the export thread, within `deadline`.
    ///
    /// Needs a Tokio runtime with time, whose threads it does not block.
    pub async fn shutdown(mut self, deadline: Duration) -> Result<(), Error> {
        let Some(provider) = self.provider.take() else {
            return Ok(());
        };
        let (ended, end) = oneshot::channel();
        stop(provider, deadline, move |result| drop(ended.send(result)))?;
        match tokio::time::timeout(deadline, end).await {
            Ok(Ok(result)) => {
                result.map_err(|source| Error::Flush { deadline, source: Some(source) })
            }
            Ok(Err(_)) | Err(_) => Err(Error::Flush { deadline, source: None }),
        }
    }
}

impl Drop for Guard {
    /// Blocks the calling thread, at most for [`Self::DROP_DEADLINE`]. It needs
    /// no runtime, so it may be the last thing that `main` does.
    fn drop(&mut self) {
        let Some(provider) = self.provider.take() else {
            return;
        };
        let (ended, end) = mpsc::channel();
        let stopping = stop(provider, Self::DROP_DEADLINE, move |result| drop(ended.send(result)));
        if let Err(error) = stopping {
            tracing::warn!(error = &error as &dyn std::error::Error, "the last spans are lost");
            return;
        }
        if !matches!(end.recv_timeout(Self::DROP_DEADLINE), Ok(Ok(()))) {
            tracing::warn!(deadline = ?Self::DROP_DEADLINE, "the last spans may be lost");
        }
    }
}

/// Ends the provider on a thread of its own and reports there. A pooled blocking
/// thread will not do: a Tokio runtime waits for those, without a deadline.
fn stop(
    provider: SdkTracerProvider,
    deadline: Duration,
    report: impl FnOnce(OTelSdkResult) + Send + 'static,
) -> Result<(), Error> {
    thread::Builder::new()
        .name("trueup-flush".into())
        .spawn(move || report(provider.shutdown_with_timeout(deadline)))
        .map(drop)
        .map_err(Error::FlushThread)
}
