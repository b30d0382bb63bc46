//! R4: stale, lost, doubled and reordered reports never destroy or double a workspace.
//!
//! The feed and the passes together: whatever the feed wakes is passed over at once, and what the
//! store then says is fed in again, as in the running controller.

use crate::support::{Stage, assert_converged, containers, id, spec, strict};
use futures::{FutureExt, StreamExt, stream::BoxStream};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;
use std::collections::VecDeque;
use trueup_domain::{
    container::{ContainerState, ContainerSummary},
    id::{ContainerId, WorkspaceId},
    pass::Cause,
    port::{Change, Changes, EngineChange, WatchEvent},
};
use trueup_reconciler::{
    runtime::{Next, Trigger},
    workspace::{Feed, Input},
};

/// The feed beside the stage.
struct Wired {
    stage: Stage,
    feed: Feed,
    changes: BoxStream<'static, Change>,
}

impl Wired {
    fn new(stage: Stage) -> Self {
        let changes = stage.store.subscribe();
        let all = stage.store.with(|rows| rows.workspaces.values().cloned().collect());
        let mut wired = Self { stage, feed: Feed::default(), changes };
        wired.feed(Input::Loaded(all));
        wired
    }

    fn hear(&mut self, event: WatchEvent) {
        self.feed(Input::Watched(event));
    }

    /// A report that something happened to a container.
    fn report(&mut self, workspace: WorkspaceId, container: &ContainerId, action: &str) {
        self.hear(WatchEvent::Changed(EngineChange {
            workspace,
            container: container.clone(),
            action: action.to_owned(),
        }));
    }

    fn listed(&mut self, rows: Vec<ContainerSummary>) {
        self.hear(WatchEvent::Listed(rows));
    }

    /// Feeds an input and passes over whatever it wakes, and whatever that wakes.
    fn feed(&mut self, input: Input) {
        let mut woken: VecDeque<(WorkspaceId, Trigger<Cause>)> = VecDeque::new();
        let caused = |(id, cause, _)| (id, Trigger::Caller(cause));
        woken.extend(self.feed.wakes(input).into_iter().map(caused));
        for _ in 0..50 {
            let Some((id, trigger)) = woken.pop_front() else { return };
            let passed = self.stage.pass(id, trigger);
            // Later wake-ups are for timers, which stand still here.
            if passed.result.ok().and_then(Next::wake_up).is_some_and(|delay| delay.is_zero()) {
                woken.push_back((id, Trigger::WakeUp));
            }
            while let Some(Some(change)) = self.changes.next().now_or_never() {
                let input = match change {
                    Change::Workspace { old, new, .. } => {
                        Input::Stored { id: new.as_ref().or(old.as_ref()).unwrap().id, new }
                    }
                    Change::Missed(_) => Input::Loaded(
                        self.stage.store.with(|rows| rows.workspaces.values().cloned().collect()),
                    ),
                };
                woken.extend(self.feed.wakes(input).into_iter().map(caused));
            }
        }
        panic!("one input wakes passes for ever");
    }
}

fn settled() -> (Wired, WorkspaceId, ContainerId) {
    let (stage, id) = Stage::settled(strict("running"));
    let container = containers(&stage, id)[0].id.clone();
    (Wired::new(stage), id, container)
}

fn assert_untouched(wired: &Wired, done: usize) {
    assert_eq!(wired.stage.engine.actions().split_off(done), [""; 0]);
}

#[test]
fn r4_reports_of_what_never_happened_change_nothing() {
    let (mut wired, id, container) = settled();
    let (done, wrote) = (wired.stage.engine.actions().len(), wired.stage.store.writes());
    let gone = ContainerId::new("long-gone");
    for action in ["die", "destroy", "stop", "start", "die", "oom", "health_status: unhealthy"] {
        wired.report(id, &container, action);
        wired.report(id, &gone, action);
    }
    assert_untouched(&wired, done);
    assert_eq!(wired.stage.store.writes(), wrote);
}

#[test]
fn r4_a_list_that_is_empty_stale_or_doubled_changes_nothing() {
    let (mut wired, _, _) = settled();
    let done = wired.stage.engine.actions().len();
    let rows = wired.stage.engine.rows(None);
    let exited = ContainerSummary { state: ContainerState::Exited, ..rows[0].clone() };
    let renamed = ContainerSummary { name: "mine".to_owned(), ..rows[0].clone() };
    let other = ContainerSummary { id: ContainerId::new("other"), ..rows[0].clone() };
    let moved = ContainerSummary { networks: ["other".to_owned()].into(), ..rows[0].clone() };
    let doubled = vec![rows[0].clone(), rows[0].clone()];
    for rows in [vec![], vec![exited], vec![renamed], vec![other], vec![moved], doubled] {
        wired.listed(rows);
    }
    assert_untouched(&wired, done);
}

#[test]
fn a_network_that_was_taken_away_is_missed_by_the_next_list_though_no_report_tells_of_it() {
    let (mut wired, id, container) = settled();
    wired.stage.time.advance(SignedDuration::from_mins(5));
    wired.stage.engine.machine(|machine| machine.at(&container).unwrap().attached.clear());
    let rows = wired.stage.engine.rows(None);
    wired.listed(rows);
    wired.stage.settle(id);
    let now = containers(&wired.stage, id).remove(0);
    assert_ne!(now.id, container);
    assert_eq!(now.attached, [now.config.network.network().to_owned()].into());
    let (done, rows) = (wired.stage.engine.actions().len(), wired.stage.engine.rows(None));
    wired.listed(rows);
    assert_untouched(&wired, done);
}

#[test]
fn r4_a_death_is_mended_once_though_its_report_comes_three_times_and_the_list_denies_it() {
    let (mut wired, id, container) = settled();
    let done = wired.stage.engine.actions().len();
    wired.stage.engine.kill(&container);
    for _ in 0..3 {
        wired.report(id, &container, "die");
        let stale = wired.stage.engine.rows(None);
        wired.listed(stale);
    }
    let actions = wired.stage.engine.actions().split_off(done);
    assert_eq!(actions, [format!("start container {container}")]);
}

#[test]
fn r4_a_removal_whose_report_was_lost_is_found_by_the_next_list() {
    let (mut wired, id, _) = settled();
    wired.stage.engine.machine(|machine| machine.containers.clear());
    let rows = wired.stage.engine.rows(None);
    wired.listed(rows);
    assert_converged(&wired.stage, id);
}

#[test]
fn r4_reports_about_a_workspace_that_is_gone_bring_nothing_back() {
    let (mut wired, id, container) = settled();
    wired.stage.store.delete(id, false);
    wired.stage.settle(id);
    let done = wired.stage.engine.actions().len();
    // The feed has not heard of the end yet.
    wired.report(id, &container, "die");
    wired.listed(vec![]);
    assert_untouched(&wired, done);
    assert!(wired.stage.store.row(id).is_none());
}

/// What happens in the world, and what is heard of it.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Kill,
    Remove,
    Rename,
    Report(&'static str),
    ReportOfAnother,
    ListTruly,
    ListEmpty,
    ListOld,
    Stop,
    Run,
    Restart,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop::sample::select(vec![
        Turn::Kill,
        Turn::Remove,
        Turn::Rename,
        Turn::Report("die"),
        Turn::Report("start"),
        Turn::Report("destroy"),
        Turn::ReportOfAnother,
        Turn::ListTruly,
        Turn::ListEmpty,
        Turn::ListOld,
        Turn::Stop,
        Turn::Run,
        Turn::Restart,
    ]);
    prop::collection::vec(turn, 1..40)
}

/// Plays one turn; `old` is a list from some time before.
fn play(mut wired: Wired, id: WorkspaceId, turn: Turn, old: &mut Vec<ContainerSummary>) -> Wired {
    let container = containers(&wired.stage, id).first().map(|container| container.id.clone());
    let at = |wired: &Wired, change: fn(&mut trueup_domain::container::Container)| {
        let Some(container) = &container else { return };
        wired.stage.engine.machine(|machine| change(machine.at(container).unwrap()));
    };
    let turn_to = |wired: &Wired, state: &str| {
        wired.stage.store.change(id, |row| row.spec.state = strict(state).state);
    };
    match turn {
        Turn::Kill => container.iter().for_each(|container| wired.stage.engine.kill(container)),
        Turn::Remove => wired.stage.engine.machine(|machine| machine.containers.clear()),
        Turn::Rename => at(&wired, |container| "mine".clone_into(&mut container.config.name)),
        Turn::Report(action) => {
            wired.report(id, &container.unwrap_or_else(|| ContainerId::new("gone")), action);
        }
        Turn::ReportOfAnother => {
            wired.report(crate::support::id(9), &ContainerId::new("other"), "die");
        }
        Turn::ListTruly => {
            wired.stage.engine.with(|engine| engine.stale_rows.clear());
            let rows = wired.stage.engine.rows(None);
            old.clone_from(&rows);
            wired.listed(rows);
        }
        Turn::ListEmpty => wired.listed(vec![]),
        Turn::ListOld => wired.listed(old.clone()),
        Turn::Stop => turn_to(&wired, "stopped"),
        Turn::Run => turn_to(&wired, "running"),
        Turn::Restart => wired = Wired::new(wired.stage.restart()),
    }
    wired
}

proptest! {
    #[test]
    fn r4_whatever_is_heard_or_not_there_is_never_a_second_container_and_never_one_removed(
        turns in turns(),
    ) {
        let all = json!({"volumes": [{"name": "home", "target": "/home/dev"}]});
        let (stage, one) = Stage::settled(spec(&all));
        let mut wired = Wired::new(stage);
        let mut old = wired.stage.engine.rows(None);
        for turn in turns {
            wired = play(wired, one, turn, &mut old);
            prop_assert!(containers(&wired.stage, one).len() < 2);
        }
        let actions = wired.stage.engine.actions();
        let removes = |action: &String| action.starts_with("remove");
        prop_assert!(!actions.iter().any(removes), "{actions:?}");
        wired.stage.settle(id(1));
        assert_converged(&wired.stage, one);
    }
}
