//! The watch: which workspaces may have changed, from events and from lists.
//!
//! # Flow
//! A reader task asks for the engine's time, opens the events from a little before it, and lists
//! everything; the overlap covers what happens between opening and being subscribed. From then on
//! every event marks its workspace, and every resync interval there is a list, as events can be lost
//! without a trace. An end, an unreadable stream or a long silence lead to a new session, which
//! begins a little before the newest event that was seen.
//!
//! # Guarantees
//! The reader never waits for whoever consumes the stream: both meet in the `mailbox`, which merges
//! changes of one workspace. (An engine whose events are not read becomes slow for everybody.) The
//! stream owns the reader: dropping it ends the task and the subscription. A reader that dies is
//! reported as `Lost` and replaced.
//!
//! # Caveats
//! A list may be stale right after a death, and an event may be told twice or late: look before
//! acting. Events of health checks hold their commands, so that no event is ever logged as it came.

mod lines;
mod mailbox;
mod state;

use crate::{engine::Inner, list::with_filters, operation::Operation};
use bollard::errors::Error as Refusal;
use futures::{StreamExt, future::BoxFuture, stream, stream::BoxStream};
use jiff::Timestamp;
use lines::Lines;
use mailbox::Mailbox;
use serde::Deserialize;
use state::{Event, State};
use std::{sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout_at},
};
use trueup_domain::{
    container::ContainerSummary,
    error::{EngineError, ErrorClass, Reason},
    id::InstanceId,
    label,
    port::WatchEvent,
};

/// The wait before a reader that died is replaced.
const AFTER_DEATH: Duration = Duration::from_secs(2);

/// The stream of the port; the reader starts with the first poll.
pub(crate) fn watch(inner: Arc<Inner>) -> BoxStream<'static, WatchEvent> {
    let mailbox = Arc::new(Mailbox::default());
    let begin = (inner, mailbox, None::<Reader>);
    stream::unfold(begin, |(inner, mailbox, reader)| async move {
        let mut reader = reader.unwrap_or_else(|| Reader::spawn(&inner, &mailbox, Duration::ZERO));
        let event = tokio::select! {
            event = mailbox.next() => event,
            error = reader.death() => {
                reader = Reader::spawn(&inner, &mailbox, AFTER_DEATH);
                WatchEvent::Lost(error)
            }
        };
        Some((event, (inner, mailbox, Some(reader))))
    })
    .boxed()
}

/// The task that reads; aborted with its owner.
struct Reader(JoinHandle<()>);

impl Reader {
    fn spawn(inner: &Arc<Inner>, mailbox: &Arc<Mailbox>, delay: Duration) -> Self {
        let (inner, mailbox) = (Arc::clone(inner), Arc::clone(mailbox));
        Self(tokio::spawn(async move {
            sleep(delay).await;
            read(&inner, &mailbox).await;
        }))
    }

    async fn death(&mut self) -> EngineError {
        let cause = match (&mut self.0).await {
            Ok(()) => "it returned".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::error!(cause, "the reader of the engine's events died");
        failure(format!("the reader of the engine's events died: {cause}"))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One session after the other, for ever.
async fn read(inner: &Inner, mailbox: &Mailbox) {
    let mut state = State::new(inner.options.resync);
    loop {
        match session(inner, mailbox, &mut state).await {
            End::Closed(why) => tracing::debug!(why, "the event stream is opened anew"),
            End::Failed(error) if state.is_lost_news(Instant::now()) => {
                tracing::warn!(%error, "the engine cannot be watched");
                mailbox.lose(error);
            }
            End::Failed(_) => {}
        }
        sleep(state.pause(Instant::now())).await;
    }
}

/// Why a session ended.
enum End {
    /// The stream did; the engine may be well.
    Closed(&'static str),
    /// The engine does not do what it is asked.
    Failed(EngineError),
}

async fn session(inner: &Inner, mailbox: &Mailbox, state: &mut State) -> End {
    // The engine may have been replaced by another version.
    inner.caller.transport.forget_version();
    let mut lines = match subscribe(inner, state).await {
        Ok(lines) => lines,
        Err(error) => return End::Failed(error),
    };
    state.subscribed(Instant::now());
    let mut listing: Option<Listing<'_>> = Some(Box::pin(inner.list(None)));
    let resync = inner.options.resync;
    let mut resync = interval_at(Instant::now() + resync, resync);
    resync.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        // From the last line on, not from the last turn of this loop.
        let silence = heard + inner.options.event_silence;
        tokio::select! {
            line = timeout_at(silence, lines.next()) => match line {
                Err(_) => return End::Closed("it was silent for too long"),
                Ok(None) => return End::Closed("it ended"),
                Ok(Some(line)) => {
                    heard = Instant::now();
                    if take(&line, mailbox, state).is_err() {
                        // Without its words: they may hold a command.
                        tracing::warn!("an event cannot be read; everything is listed instead");
                        listing.get_or_insert_with(|| Box::pin(inner.list(None)));
                    }
                }
            },
            rows = finish(&mut listing) => match rows {
                Ok(rows) => {
                    state.listed();
                    mailbox.list(rows);
                }
                Err(error) => return End::Failed(error),
            },
            _ = resync.tick() => {
                listing.get_or_insert_with(|| Box::pin(inner.list(None)));
            }
        }
    }
}

fn take(line: &[u8], mailbox: &Mailbox, state: &mut State) -> Result<(), serde_json::Error> {
    let event = serde_json::from_slice::<Event>(line)?;
    if let Some(change) = state.take(event) {
        mailbox.change(change);
    }
    Ok(())
}

type Listing<'a> = BoxFuture<'a, Result<Vec<ContainerSummary>, EngineError>>;

/// Waits for the list that is under way, or for ever if there is none.
async fn finish(listing: &mut Option<Listing<'_>>) -> Result<Vec<ContainerSummary>, EngineError> {
    let Some(under_way) = listing else { return std::future::pending().await };
    let rows = under_way.await;
    *listing = None;
    rows
}

async fn subscribe(inner: &Inner, state: &State) -> Result<Lines, EngineError> {
    let open = async {
        let now = engine_time(inner).await?;
        let path = path(&inner.options.instance_id, state.since(now));
        inner.caller.transport.stream(&path).await
    };
    inner.caller.call(Operation::Subscribe, "", open).await.map(Lines::new)
}

/// What the engine's clock says, in nanoseconds: its events are stamped by that one, not by ours.
async fn engine_time(inner: &Inner) -> Result<i64, Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Info {
        system_time: Timestamp,
    }
    let info: Info = inner.caller.transport.get("/info").await?;
    Ok(i64::try_from(info.system_time.as_nanosecond()).unwrap_or(i64::MAX))
}

fn path(instance: &InstanceId, since: i64) -> String {
    const SECOND: i64 = 1_000_000_000;
    let (seconds, nanos) = (since.div_euclid(SECOND), since.rem_euclid(SECOND));
    let ours = format!("{}={instance}", label::INSTANCE_ID);
    with_filters(
        &format!("/events?since={seconds}.{nanos:09}"),
        &[("type", vec!["container".to_owned()]), ("label", vec![ours])],
    )
}

fn failure(message: String) -> EngineError {
    EngineError {
        operation: Operation::Subscribe.words(),
        class: ErrorClass::Retryable,
        reason: Reason::EngineFault,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_asked_for_from_a_nanosecond_on() {
        let path = path(&InstanceId::new("one"), 1_700_000_000_000_000_042);
        assert!(path.starts_with("/events?since=1700000000.000000042&filters="), "{path}");
    }
}
