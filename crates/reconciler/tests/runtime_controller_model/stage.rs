//! Performs a script with a real controller, and notes what happens.

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, join, pending};
use futures::{FutureExt, Stream, StreamExt, stream};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use trueup_reconciler::runtime::{
    Add, Controller, ErrorPolicy, Handle, Next, Outcome, Owner, PassResult, Priority, RateLimit,
    Request,
};

use super::course::{Acted, Came, Course, Event, Log, Told};
use super::script::{AGING, Act, End, KEYS, OWNERS, Script, Settings, TIMEOUT, WARNING, What};

/// Longer than anything takes or waits.
const REST: Duration = Duration::from_mins(1);

type Passed = Outcome<usize, u32, ErrorPolicy>;

/// What the passes and the acts share.
struct Stage {
    script: Script,
    handle: Handle<usize, u32>,
    log: Log,
    causes: AtomicU32,
    passes: [AtomicUsize; KEYS],
}

pub(crate) fn perform(script: &Script) -> Course {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    runtime.block_on(play(script.clone()))
}

async fn play(script: Script) -> Course {
    let began = Instant::now();
    let controller = controller(&script.settings);
    let handle = controller.handle();
    let stage = Arc::new(Stage {
        script,
        handle: handle.clone(),
        log: Log::default(),
        causes: AtomicU32::new(0),
        passes: Default::default(),
    });
    let watched = Arc::clone(&stage);
    let controller = controller.watches(watch(&stage, began), move |(key, priority)| {
        [Add { key, cause: watched.note_cause(key, priority), priority }]
    });
    let shutdown = Arc::clone(&stage);
    let controller = match stage.script.settings.shutdown {
        None => controller,
        Some((at, drain)) => controller.drain_timeout(drain).graceful_shutdown_on(async move {
            sleep_until(began + at).await;
            shutdown.log.note(Event::Shutdown { started: shutdown.handle.stats().gets });
        }),
    };
    let outcomes = controller.run(reconcile, |_, policy, _| *policy, Arc::clone(&stage));
    let (ended, ()) = join(watch_outcomes(&stage, outcomes), stage.act_all(began)).await;
    Course {
        began,
        notes: stage.log.take(),
        ended,
        stats: handle.stats(),
        snapshot: handle.snapshot(),
    }
}

fn controller(settings: &Settings) -> Controller<usize, u32> {
    let controller = Controller::new("model", fastrand::Rng::with_seed(settings.seed))
        .concurrency(settings.concurrency)
        .concurrency_per_owner(settings.concurrency_per_owner)
        .cause_limit(settings.causes)
        .aging(AGING)
        .timeout(TIMEOUT)
        .timeout_warning(WARNING)
        .policies(settings.policies());
    let controller = match settings.rate {
        Some((interval, burst)) => controller.rate_limit(RateLimit::every(interval, burst)),
        None => controller,
    };
    if settings.has_owners {
        controller.fair_between(|key| Owner::new(key % OWNERS))
    } else {
        controller
    }
}

/// What the watched stream names, and when.
fn watch(stage: &Stage, began: Instant) -> impl Stream<Item = (usize, Priority)> + Send + use<> {
    let named = stage.script.acts.clone().into_iter().filter_map(|act| match act.what {
        What::Watched(priority) => Some((act.at, (act.key, priority))),
        _ => None,
    });
    stream::iter(named).then(move |(at, named)| async move {
        sleep_until(began + at).await;
        named
    })
}

/// Notes the outcomes until the stream ends, which is returned, or nothing comes any more.
async fn watch_outcomes(
    stage: &Stage,
    mut outcomes: impl Stream<Item = Passed> + Unpin,
) -> Option<Instant> {
    while let Ok(outcome) = timeout(REST, outcomes.next()).await {
        let Some(outcome) = outcome else { return Some(Instant::now()) };
        stage.note_outcome(outcome);
    }
    assert!(stage.script.settings.shutdown.is_none(), "the drain does not end");
    None
}

impl Stage {
    async fn act_all(&self, began: Instant) {
        for act in &self.script.acts {
            sleep_until(began + act.at).await;
            self.act(*act);
        }
    }

    fn act(&self, Act { key, what, .. }: Act) {
        let ran = self.runs(key);
        let now = Instant::now();
        let add = |priority, delay: Option<Duration>| {
            let cause = self.causes.fetch_add(1, Ordering::Relaxed);
            let answer = Some(match delay {
                None => self.handle.enqueue(key, cause, priority),
                Some(delay) => self.handle.enqueue_after(key, cause, priority, delay),
            });
            Acted::Added { cause, priority, due: now + delay.unwrap_or_default(), answer }
        };
        let act = match what {
            What::Watched(_) => return,
            What::Add(priority) => add(priority, None),
            What::AddAfter(priority, delay) => add(priority, Some(delay)),
            What::Cancel => Acted::Cancelled { answer: self.handle.cancel(&key) },
            What::Reset => {
                self.handle.reset_backoff(&key);
                Acted::Reset
            }
        };
        self.log.note(Event::Acted { key, ran, act });
    }

    /// A new cause that a stream names.
    fn note_cause(&self, key: usize, priority: Priority) -> u32 {
        let cause = self.causes.fetch_add(1, Ordering::Relaxed);
        let act = Acted::Added { cause, priority, due: Instant::now(), answer: None };
        self.log.note(Event::Acted { key, ran: self.runs(key), act });
        cause
    }

    fn runs(&self, key: usize) -> bool {
        self.handle.state(&key).is_some_and(|state| state.running)
    }

    fn note_outcome(&self, outcome: Passed) {
        let end = match outcome.result {
            PassResult::Ok(next) => Some(next.wake_up().map_or(End::Await, End::Requeue)),
            PassResult::Failed(_, policy) => Some(End::Fail(policy)),
            PassResult::Panicked(message) if message == "at once" => Some(End::PanicAtOnce),
            PassResult::Panicked(_) => Some(End::Panic),
            PassResult::TimedOut => Some(End::Hang),
            PassResult::Cancelled => None,
        };
        let told = Told {
            causes: outcome.causes.to_vec(),
            omitted: outcome.omitted,
            attempt: outcome.attempt,
        };
        let came = Came {
            end,
            told,
            next_retry: outcome.next_retry,
            waited: outcome.queue_duration,
            worked: outcome.work_duration,
            stats: self.handle.stats(),
        };
        self.log.note(Event::Came { key: outcome.key, outcome: came });
    }
}

/// Notes the end of a pass, however it comes.
struct Running(Arc<Stage>, usize);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.log.note(Event::Dropped { key: self.1 });
    }
}

/// Does what the script says. Not async, so that it can panic before there is a future.
fn reconcile(
    request: Request<usize, u32>,
    stage: Arc<Stage>,
) -> BoxFuture<'static, Result<Next, ErrorPolicy>> {
    let key = request.key;
    let nth = stage.passes[key].fetch_add(1, Ordering::Relaxed);
    let behaviour = stage.script.behaviour(key, nth);
    let told = Told {
        causes: request.causes.to_vec(),
        omitted: request.omitted,
        attempt: request.attempt,
    };
    stage.log.note(Event::Started { key, told });
    let running = Running(stage, key);
    if behaviour.end == End::PanicAtOnce {
        fall("at once");
    }
    async move {
        let _running = running;
        if !behaviour.takes.is_zero() {
            sleep(behaviour.takes).await;
        }
        match behaviour.end {
            End::Await => Ok(Next::await_change()),
            End::Requeue(delay) => Ok(Next::requeue_after(delay)),
            End::Fail(policy) => Err(policy),
            End::PanicAtOnce | End::Panic => fall("in the middle"),
            End::Hang => pending().await,
            End::UntilCancelled => {
                request.cancelled().await;
                Ok(Next::await_change())
            }
        }
    }
    .boxed()
}

/// A panic that is not written to the log, where there would be thousands of them.
fn fall(message: &'static str) -> ! {
    panic::resume_unwind(Box::new(message))
}
