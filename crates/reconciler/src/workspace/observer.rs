//! The observer: which workspaces may have changed, from an engine's events and from its lists.
//!
//! # Flow
//! A reader task asks for the engine's time, subscribes to the events from a little before it, and lists
//! everything; the overlap covers what happens between asking and being subscribed. From then on
//! every event marks its workspace, and in every resync interval there is a list, as events can be lost
//! without a trace. Something unreadable leads to a list; an end or a long silence lead to a new
//! session, which begins a little before the newest event that was seen.
//!
//! # Guarantees
//! - The reader never waits for whoever consumes the stream: both meet in the `mailbox`, which merges
//!   changes of one workspace. (An engine whose events are not read becomes slow for everybody.)
//!   Events are read while a list is under way, too.
//! - Each session comes to a list, or to a loss: whatever the engine does, a consumer hears of it
//!   within the interval, the call's deadline and a pause of two seconds.
//! - Every call of the engine has a deadline here, whatever the engine's implementation does about it;
//!   one that passes ends the session as lost.
//! - The stream owns the reader: dropping it ends the task and the subscription. A reader that dies is
//!   reported as `Lost` and replaced.
//! - No wall clock is read and nothing is random: on a paused clock and one thread a run is the same
//!   each time.
//!
//! # Bounds
//! One list as the engine gave it and one under way; 1,024 events that are remembered; one change for
//! each of 65,536 workspaces. A container's id and an action are at most 256 bytes each; whatever is
//! longer counts as unreadable.
//!
//! # Caveats
//! A list may be stale right after a death, and an event may be told twice or late: look before
//! acting.

mod lists;
mod mailbox;
mod session;
mod state;

use futures::{Stream, stream};
use mailbox::Mailbox;
use session::read;
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::sleep};
use trueup_domain::{
    error::{EngineError, ErrorClass, Reason},
    port::{Engine, WatchEvent},
};

/// The wait before a reader that died is replaced.
const AFTER_DEATH: Duration = Duration::from_secs(2);

/// The shortest interval between two lists that can be asked for.
const SHORTEST_RESYNC: Duration = Duration::from_millis(1);

/// How an engine is observed.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Within what time everything is known, whatever the events say; a millisecond at least. So lists
    /// follow each other a little faster. Default: 30 s.
    pub resync: Duration,
    /// After how much silence the events are subscribed to anew. Default: 2 min.
    pub silence: Duration,
    /// How long the time, the beginning of the events and a list may each take before the engine counts
    /// as lost. Default: 15 s, which is more than an adapter should allow itself, so that its words
    /// for the failure are told and not ours.
    pub call_deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            resync: Duration::from_secs(30),
            silence: Duration::from_mins(2),
            call_deadline: Duration::from_secs(15),
        }
    }
}

/// Tells for as long as it is polled which workspaces may have changed.
///
/// The stream never ends and never fails: it subscribes anew by itself and says so. It must be polled
/// within a tokio runtime, where the reader starts with the first poll.
pub fn watch(
    engine: Arc<dyn Engine>,
    options: Options,
) -> impl Stream<Item = WatchEvent> + Send + use<> {
    let options = Options { resync: options.resync.max(SHORTEST_RESYNC), ..options };
    let observer = Observer { engine, options, mailbox: Arc::default() };
    stream::unfold((observer, None::<Reader>), |(observer, reader)| async move {
        let mut reader = reader.unwrap_or_else(|| observer.start_reader(Duration::ZERO));
        let event = tokio::select! {
            biased;
            event = observer.mailbox.next() => event,
            error = reader.death() => {
                reader = observer.start_reader(AFTER_DEATH);
                WatchEvent::Lost(error)
            }
        };
        Some((event, (observer, Some(reader))))
    })
}

/// What readers need, one after the other.
struct Observer {
    engine: Arc<dyn Engine>,
    options: Options,
    mailbox: Arc<Mailbox>,
}

impl Observer {
    fn start_reader(&self, delay: Duration) -> Reader {
        let (engine, mailbox) = (Arc::clone(&self.engine), Arc::clone(&self.mailbox));
        let options = self.options;
        Reader(tokio::spawn(async move {
            sleep(delay).await;
            read(engine.as_ref(), &options, &mailbox).await;
        }))
    }
}

/// The task that reads; aborted with its owner.
struct Reader(JoinHandle<()>);

impl Reader {
    async fn death(&mut self) -> EngineError {
        let cause = match (&mut self.0).await {
            Ok(()) => "it returned".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::error!(cause, "the reader of the engine's events died");
        EngineError {
            operation: "watch events",
            class: ErrorClass::Retryable,
            reason: Reason::EngineFault,
            message: format!("the reader of the engine's events died: {cause}"),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}
