//! Our side: the queue alone, and the controller.

use std::iter;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Result, ensure};
use fastrand::Rng;
use futures::future::poll_fn;
use futures::stream::{self, Stream, StreamExt};
use kube::runtime::reflector::Store;
use kube::runtime::watcher;
use tokio::time::Instant;
use trueup_reconciler::runtime::{
    Add, Controller, ErrorPolicy, Limits, Next, Outcome, Priority, Queue, Request,
};

use crate::objects::{Key, Object};
use crate::scheduler::Stamps;

/// How many operations share a look at the clock, as in the controller.
const BATCH: usize = 64;

/// A pass found no object of its name.
#[derive(Debug)]
struct Missing;

/// Takes all keys in from a stream and then out of the queue, until each distinct one has come.
pub async fn schedule(keys: Vec<u64>, distinct: usize, stamps: Stamps) -> Result<Duration> {
    let mut source = stream::iter(keys).chain(stream::pending());
    let started = Instant::now();
    let mut queue = queue(usize::MAX);
    poll_fn(|cx| {
        take_in(&mut queue, Pin::new(&mut source), stamps, cx);
        Poll::Ready(())
    })
    .await;
    let served = hand_out(&mut queue);
    let taken = started.elapsed();
    ensure!(served == distinct, "{served} keys came out instead of {distinct}");
    Ok(taken)
}

/// Takes so many keys out of a queue. Putting them in does not count.
pub fn pop(keys: usize) -> Result<Duration> {
    let mut queue = queue(16);
    for key in 0..keys as u64 {
        queue.add(Add { key, cause: (), priority: Priority::Event }, Instant::now());
    }
    let started = Instant::now();
    let served = drain(&mut queue);
    let taken = started.elapsed();
    ensure!(served == keys, "{served} keys came out instead of {keys}");
    Ok(taken)
}

/// A controller over `touched` objects whose passes look the object up and `work` on it. Tells of
/// each pass whether it succeeded.
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
    let controller = builder(concurrency)
        .watches(touched, |object| object.ok().map(|object| (Key::from_obj(&object), ())));
    run(controller, store, work)
}

/// The same, with the keys of all these objects in line before the controller is polled.
pub fn controller_behind<W, F>(
    backlog: impl IntoIterator<Item = Key>,
    store: Store<Object>,
    concurrency: u16,
    work: W,
) -> impl Stream<Item = bool> + Send
where
    W: Fn(Arc<Object>) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let controller = builder(concurrency);
    let handle = controller.handle();
    for key in backlog {
        handle.enqueue(key, (), Priority::Event);
    }
    run(controller, store, work)
}

fn builder(concurrency: u16) -> Controller<Key, ()> {
    Controller::new("bench", Rng::with_seed(1)).concurrency(concurrency.into())
}

fn run<W, F>(
    controller: Controller<Key, ()>,
    store: Store<Object>,
    work: W,
) -> impl Stream<Item = bool> + Send
where
    W: Fn(Arc<Object>) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let reconcile = move |request: Request<Key, ()>, store: Arc<Store<Object>>| {
        let pass = store.get(&request.key).map(&work);
        async move {
            pass.ok_or(Missing)?.await;
            Ok(Next::await_change())
        }
    };
    controller
        .run(reconcile, |_, _, _| ErrorPolicy::Terminal, Arc::new(store))
        .map(|outcome: Outcome<Key, (), Missing>| outcome.result.is_ok())
}

fn queue(concurrency: usize) -> Queue<u64, ()> {
    let limits = Limits { concurrency, ..Limits::default() };
    Queue::new(limits, Default::default(), Rng::with_seed(1))
}

/// Adds whatever the source has.
fn take_in<S>(
    queue: &mut Queue<u64, ()>,
    mut source: Pin<&mut S>,
    stamps: Stamps,
    cx: &mut Context<'_>,
) where
    S: Stream<Item = u64>,
{
    let mut now = Instant::now();
    loop {
        for _ in 0..BATCH {
            let Poll::Ready(Some(key)) = source.as_mut().poll_next(cx) else { return };
            queue.add(Add { key, cause: (), priority: Priority::Event }, now);
        }
        if let Stamps::AsTheyCome = stamps {
            now = Instant::now();
        }
    }
}

/// Starts what is in line, and tells how much that was.
fn hand_out(queue: &mut Queue<u64, ()>) -> usize {
    let mut served = 0;
    loop {
        let now = Instant::now();
        let starts = iter::from_fn(|| queue.start(now)).take(BATCH).count();
        if starts == 0 {
            return served;
        }
        served += starts;
    }
}

/// Starts and finishes what is in line, and tells how many that were.
fn drain(queue: &mut Queue<u64, ()>) -> usize {
    let mut served = 0;
    loop {
        let now = Instant::now();
        for _ in 0..BATCH {
            let Some(start) = queue.start(now) else { return served };
            queue.finish(start.ticket, Ok(Next::await_change()), now);
            served += 1;
        }
    }
}
