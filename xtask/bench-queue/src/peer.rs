//! The other side: `kube`'s scheduler, and its controller as its documentation shows it.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::stream::{self, Stream, StreamExt};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{self, Store};
use kube::runtime::scheduler::{ScheduleRequest, scheduler};
use kube::runtime::watcher::{self, Event};
use tokio::time::Instant;

use crate::objects::{self, Object};
use crate::scheduler::Stamps;

/// Takes all keys in from a stream and then out of the scheduler, until each distinct one has
/// come. It reads all its input before it hands anything out, and forgets what it holds when the
/// input ends; hence the stream that does not.
pub async fn schedule(keys: Vec<u64>, distinct: usize, stamps: Stamps) -> Result<Duration> {
    match stamps {
        Stamps::Beforehand => {
            let request = |message| ScheduleRequest { message, run_at: Instant::now() };
            let requests: Vec<_> = keys.into_iter().map(request).collect();
            serve(stream::iter(requests), distinct).await
        }
        Stamps::Once => {
            let run_at = Instant::now();
            let request = |message| ScheduleRequest { message, run_at };
            let requests: Vec<_> = keys.into_iter().map(request).collect();
            serve(stream::iter(requests), distinct).await
        }
        Stamps::AsTheyCome => {
            let request = |message| ScheduleRequest { message, run_at: Instant::now() };
            serve(stream::iter(keys).map(request), distinct).await
        }
    }
}

/// A controller over `touched` objects whose passes `work` on the object that was looked up for
/// them. Tells of each pass whether it succeeded.
pub fn controller<W, F>(
    touched: impl Stream<Item = watcher::Result<Object>> + Send + 'static,
    store: Store<Object>,
    concurrency: u16,
    work: W,
) -> impl Stream<Item = bool> + Send
where
    W: Fn(Arc<Object>) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let reconcile = move |object: Arc<Object>, _| {
        let pass = work(object);
        async move {
            pass.await;
            Ok::<_, Infallible>(Action::await_change())
        }
    };
    Controller::for_stream(touched, store)
        .with_config(Config::default().concurrency(concurrency))
        .run(reconcile, |_, _, _| Action::await_change(), Arc::new(()))
        .map(|outcome| outcome.is_ok())
}

/// How long the controller takes for a backlog that stands before its first pass.
///
/// The backlog is the initial list of a watch, which is how it comes about in a program: nothing
/// is reconciled before the list is complete, but all of it is taken in by then. So the clock
/// starts at the event that completes it.
pub async fn drain(backlog: usize, concurrency: u16) -> Result<Duration> {
    let complete = Arc::new(OnceLock::new());
    let mark = Arc::clone(&complete);
    let list = (0..backlog).map(|number| Event::InitApply(objects::object(number)));
    let events = stream::iter([Event::Init])
        .chain(stream::iter(list))
        .chain(stream::iter([Event::InitDone]))
        .inspect(move |event| {
            if matches!(event, Event::InitDone) {
                mark.get_or_init(Instant::now);
            }
        });
    let (store, writer) = reflector::store();
    let touched = objects::touches(writer, events.map(Ok));
    let outcomes = controller(touched, store, concurrency, objects::nothing);
    let done = objects::finish(outcomes, backlog).await?;
    let started = complete.get().context("the list was never complete")?;
    ensure!(done > *started, "passes ran before the backlog stood");
    Ok(done - *started)
}

async fn serve(
    requests: impl Stream<Item = ScheduleRequest<u64>> + Unpin,
    distinct: usize,
) -> Result<Duration> {
    let source = requests.chain(stream::pending());
    let started = Instant::now();
    let mut scheduled = scheduler(source);
    for _ in 0..distinct {
        scheduled.next().await.context("the scheduler has ended")?;
    }
    Ok(started.elapsed())
}
