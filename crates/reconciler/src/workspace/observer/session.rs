//! One session with an engine after the other, each from the subscription to its end.
//!
//! Invariant: a session that ends without a loss has listed everything, also when its events ended at
//! once; so an engine whose events never last is still looked at. Deliberately absent: what is
//! remembered between sessions and what follows from it, which is the `state`'s.

use super::{Options, lists::Lists, mailbox::Mailbox, state::State};
use futures::{StreamExt, stream::BoxStream};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use trueup_domain::{
    error::{EngineError, ErrorClass, Reason},
    port::{Engine, EngineEvent, Unreadable},
};

type Events = BoxStream<'static, Result<EngineEvent, Unreadable>>;

/// Sessions for ever.
pub(super) async fn read(engine: &dyn Engine, options: &Options, mailbox: &Mailbox) {
    let mut state = State::new(options.resync);
    loop {
        match session(engine, options, mailbox, &mut state).await {
            Ok(why) => tracing::debug!(why, "the events are subscribed to anew"),
            Err(error) if state.is_lost_news(Instant::now()) => {
                tracing::warn!(%error, "the engine cannot be watched");
                mailbox.lose(error);
            }
            Err(_) => {}
        }
        sleep(state.pause(Instant::now())).await;
    }
}

/// Until the events end, with the reason; or until the engine does not do what it is asked.
async fn session(
    engine: &dyn Engine,
    options: &Options,
    mailbox: &Mailbox,
    state: &mut State,
) -> Result<&'static str, EngineError> {
    let mut events = subscribe(engine, options, state).await?;
    let mut lists = Lists::new(engine, options);
    let mut has_listed = false;
    let mut heard = Instant::now();
    let why = loop {
        // From the last event on, not from the last turn of this loop.
        let silence = heard + options.silence;
        tokio::select! {
            // In the same order each time, so that a run can be repeated. A list is ready once in
            // a while and holds up no event.
            biased;
            rows = lists.next() => {
                mailbox.list(rows?);
                state.listed(Instant::now());
                has_listed = true;
            }
            event = timeout_at(silence, events.next()) => match event {
                Err(_) => break "they were silent for too long",
                Ok(None) => break "they ended",
                Ok(Some(event)) => {
                    heard = Instant::now();
                    if let Ok(change) = event.and_then(|event| state.take(event)) {
                        if let Some(change) = change {
                            mailbox.change(change);
                        }
                    } else if lists.hurry() {
                        tracing::warn!("an event cannot be read; everything is listed instead");
                    }
                }
            },
        }
    };
    drop(events);
    if !has_listed {
        mailbox.list(lists.next().await?);
        state.listed(Instant::now());
    }
    Ok(why)
}

async fn subscribe(
    engine: &dyn Engine,
    options: &Options,
    state: &mut State,
) -> Result<Events, EngineError> {
    let deadline = options.call_deadline;
    let now = within(deadline, "read the engine's clock", engine.time()).await?;
    within(deadline, "watch events", engine.events(state.since(now))).await
}

/// A call that is given up at its deadline, whoever carries it out.
pub(super) async fn within<T>(
    deadline: Duration,
    operation: &'static str,
    call: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    timeout(deadline, call).await.unwrap_or_else(|_| {
        Err(EngineError {
            operation,
            class: ErrorClass::Unknown,
            reason: Reason::DeadlineExceeded,
            message: format!("no answer within {deadline:?}"),
        })
    })
}
