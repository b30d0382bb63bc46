//! Containers that do not answer, through the feed and the queue: they are left alone, and hold up
//! nobody.

use crate::support::id;
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::json;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    time::{Instant, interval, sleep},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use trueup_domain::{
    condition::{Condition, ConditionType, Truth},
    container::ContainerSummary,
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, Generation, ResourceVersion, WorkspaceId},
    pass::Cause,
    port::{EngineChange, WatchEvent},
    status::{Phase, Status},
    workspace::Workspace,
};
use trueup_reconciler::{
    runtime::{Backoff, Controller, ErrorPolicy, Next, Request},
    workspace::{Feed, Input},
};

const DEADLINE: Duration = Duration::from_secs(5);
const HEALTHY: u128 = 9;

/// A workspace whose engine answered, or not.
fn workspace(id: WorkspaceId, answered: bool) -> Workspace {
    let (phase, truth, reason) = if answered {
        (Phase::Running, Truth::True, "AsDeclared".to_owned())
    } else {
        (Phase::Unknown, Truth::Unknown, Reason::DeadlineExceeded.to_string())
    };
    let mut status = Status { phase, observed_generation: Generation(1), ..Status::default() };
    status.conditions.set(Condition {
        kind: ConditionType::Synced,
        status: truth,
        reason,
        message: String::new(),
        last_transition_time: Timestamp::UNIX_EPOCH,
        observed_generation: Generation(1),
    });
    Workspace {
        id,
        metadata: serde_json::from_value(json!({"name": "w"})).unwrap(),
        spec: serde_json::from_value(json!({"image": "debian:12"})).unwrap(),
        generation: Generation(1),
        resource_version: ResourceVersion(1),
        created_at: Timestamp::UNIX_EPOCH,
        adopted: None,
        deletion: None,
        status,
    }
}

/// What passes share: whether the containers answer, and when each was looked at.
struct World {
    hangs: AtomicBool,
    looks: Mutex<Vec<(WorkspaceId, Instant)>>,
    inputs: UnboundedSender<Input>,
}

impl World {
    fn looks_at(&self, id: WorkspaceId) -> Vec<Instant> {
        let looks = self.looks.lock().unwrap();
        looks.iter().filter(|(of, _)| *of == id).map(|(_, at)| *at).collect()
    }

    fn watched(&self, event: WatchEvent) {
        let _ = self.inputs.send(Input::Watched(event));
    }

    fn happens(&self, workspace: WorkspaceId) {
        let container = ContainerId::new("c");
        let action = "die".to_owned();
        self.watched(WatchEvent::Changed(EngineChange { workspace, container, action }));
    }
}

async fn reconcile(
    request: Request<WorkspaceId, Cause>,
    world: Arc<World>,
) -> Result<Next, &'static str> {
    let key = request.key;
    world.looks.lock().unwrap().push((key, Instant::now()));
    let hangs = key != id(HEALTHY) && world.hangs.load(Ordering::SeqCst);
    if hangs {
        sleep(DEADLINE).await;
    }
    let new = Some(Arc::new(workspace(key, !hangs)));
    let _ = world.inputs.send(Input::Stored { id: key, new });
    if hangs { Err("no answer in time") } else { Ok(Next::await_change()) }
}

/// Two places for passes, two containers that do not answer, and one that does.
fn begin() -> Arc<World> {
    let (inputs, received) = unbounded_channel();
    let hangs = AtomicBool::new(true);
    let world = Arc::new(World { hangs, looks: Mutex::default(), inputs });
    let all = [1, 2, HEALTHY].map(|number| Arc::new(workspace(id(number), true)));
    world.inputs.send(Input::Loaded(all.into())).unwrap();
    let mut feed = Feed::default();
    let outcomes = Controller::new("quarantine", fastrand::Rng::with_seed(1))
        .watches(UnboundedReceiverStream::new(received), move |input| feed.wakes(input))
        .concurrency(2)
        .backoff(Backoff::exponential(Duration::from_secs(1), Duration::from_mins(5)))
        .run(reconcile, |_, _, _| ErrorPolicy::Unknown, Arc::clone(&world));
    tokio::spawn(outcomes.for_each(|_| std::future::ready(())));
    world
}

/// A list that says what is stored: there are no containers.
fn listed() -> WatchEvent {
    WatchEvent::Listed(Vec::<ContainerSummary>::new())
}

#[tokio::test(start_paused = true)]
async fn containers_that_do_not_answer_are_left_alone_however_much_happens_to_them() {
    let world = begin();
    let (mut ticks, mut waits) = (interval(Duration::from_millis(100)), Vec::new());
    for tick in 0..6000_u32 {
        ticks.tick().await;
        for number in [1, 2] {
            world.happens(id(number));
        }
        if tick % 300 == 299 {
            world.watched(listed());
        }
        if tick % 10 == 5 {
            let (before, begin) = (world.looks_at(id(HEALTHY)).len(), Instant::now());
            world.happens(id(HEALTHY));
            sleep(Duration::from_millis(1)).await;
            let looks = world.looks_at(id(HEALTHY));
            waits.push(looks.get(before).map(|at| at.duration_since(begin)));
        }
    }
    // In ten minutes: one for each of 20 lists, and the retries of the queue.
    for number in [1, 2] {
        let looks = world.looks_at(id(number)).len();
        assert!((20..40).contains(&looks), "{looks} looks at {number}");
    }
    let late = waits.iter().filter(|wait| wait.is_none()).count();
    assert!(late < waits.len() / 3, "{late} of {} had to wait for a place", waits.len());
}

#[tokio::test(start_paused = true)]
async fn a_container_that_answers_again_is_looked_at_with_the_event_that_tells_of_it() {
    let world = begin();
    sleep(Duration::from_mins(20)).await;
    let before = world.looks_at(id(1)).len();
    assert!(before < 20, "{before} looks: the queue's retries, ever rarer");
    world.hangs.store(false, Ordering::SeqCst);
    let begin = Instant::now();
    world.happens(id(1));
    sleep(Duration::from_millis(10)).await;
    let looks = world.looks_at(id(1));
    assert_eq!(looks.len(), before + 1);
    assert!(looks[before].duration_since(begin) < Duration::from_millis(5));
    // From then on as ever.
    world.happens(id(1));
    sleep(Duration::from_millis(10)).await;
    assert_eq!(world.looks_at(id(1)).len(), before + 2);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_answers_again_in_silence_is_found_by_the_retry() {
    let world = begin();
    sleep(Duration::from_mins(20)).await;
    world.hangs.store(false, Ordering::SeqCst);
    let before = world.looks_at(id(1)).len();
    sleep(Duration::from_mins(6)).await;
    assert_eq!(world.looks_at(id(1)).len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_was_lost_is_no_reason_to_wait_for_the_retry() {
    let world = begin();
    sleep(Duration::from_mins(20)).await;
    world.hangs.store(false, Ordering::SeqCst);
    let before = world.looks_at(id(1)).len();
    world.watched(WatchEvent::Lost(EngineError {
        operation: "watch events",
        class: ErrorClass::Retryable,
        reason: Reason::EngineUnreachable,
        message: "gone".to_owned(),
    }));
    world.watched(listed());
    sleep(Duration::from_millis(10)).await;
    assert_eq!(world.looks_at(id(1)).len(), before + 1);
}
