//! What a status says about usage, and what it never does about it.

use crate::build::{Case, start};
use serde_json::json;
use trueup_domain::{
    condition::{Condition, ConditionType, Truth},
    container::ContainerState,
    event::EventType,
    news,
    plan::{Plan, plan},
    status::Status,
    usage::{Measured, Pressure, Resource, Source},
};

fn pressed(resources: &[Resource]) -> Measured {
    let pressure = |resource: &Resource| Pressure { resource: *resource, threshold: 90 };
    let pressures = resources.iter().map(pressure).collect();
    Measured { source: Source::ControlGroup, pressures }
}

fn plan_with(case: &Case, measured: impl Into<Option<Measured>>) -> Plan {
    plan(&case.desired().with_measured(measured.into()), &case.observation, case.now)
}

fn running() -> Case {
    Case::new(&json!({})).with(ContainerState::Running)
}

fn condition(status: &Status, kind: ConditionType) -> Option<(Truth, &str, &str)> {
    let found: &Condition = status.conditions.get(kind)?;
    Some((found.status, &found.reason, &found.message))
}

#[test]
fn a_workspace_beyond_its_thresholds_is_degraded_and_left_alone() {
    let told = plan_with(&running(), pressed(&[Resource::Memory, Resource::Pids]));
    assert_eq!(told.actions, []);
    assert_eq!(
        condition(&told.status, ConditionType::Degraded),
        Some((
            Truth::True,
            "MemoryHigh",
            "memory at 90% or more of its limit, processes at 90% or more of its limit"
        ))
    );
    assert_eq!(condition(&told.status, ConditionType::Ready).unwrap().0, Truth::True);
    assert_eq!(condition(&told.status, ConditionType::Synced).unwrap().0, Truth::True);
}

#[test]
fn crossing_a_threshold_and_leaving_it_are_told_once_each() {
    let mut case = running();
    let well = plan_with(&case, pressed(&[])).status;
    let high = plan_with(&case, pressed(&[Resource::Cpu])).status;
    let told = |old, new| {
        let events = news::events(old, new, start()).into_iter();
        events.map(|event| (event.kind, event.reason)).collect::<Vec<_>>()
    };
    assert_eq!(told(&well, &high), [(EventType::MetricsUpdate, "CpuHigh".to_owned())]);
    assert_eq!(told(&high, &well), [(EventType::Recovery, "CpuHigh".to_owned())]);

    case.workspace.status = high.clone();
    let again = plan_with(&case, pressed(&[Resource::Cpu])).status;
    assert_eq!(told(&high, &again), []);
}

#[test]
fn what_was_said_stays_while_nothing_is_known_and_goes_with_the_process() {
    let mut case = running();
    case.workspace.status = plan_with(&case, pressed(&[Resource::Cpu])).status;
    let degraded = |plan: &Plan| condition(&plan.status, ConditionType::Degraded).unwrap().0;
    assert_eq!(degraded(&plan_with(&case, None)), Truth::True);
    assert_eq!(degraded(&plan_with(&case, pressed(&[]))), Truth::False);

    let mut stopped = Case::new(&json!({"state": "stopped"})).with(ContainerState::Exited);
    stopped.workspace.status.conditions = case.workspace.status.conditions.clone();
    assert_eq!(degraded(&plan_with(&stopped, None)), Truth::False);
}

#[test]
fn where_figures_come_from_is_told_unless_it_goes_without_saying() {
    let mut case = running();
    let from = |source| Measured { source, pressures: Vec::new() };
    let say = |case: &Case, source| {
        let status = plan_with(case, from(source)).status;
        condition(&status, ConditionType::Measured)
            .map(|(truth, reason, message)| (truth, reason.to_owned(), message.to_owned()))
    };
    let why = || "the engine is far away".to_owned();
    let told = |truth, reason: &str, message| Some((truth, reason.to_owned(), message));
    assert_eq!(say(&case, Source::ControlGroup), None);
    let stats = Source::EngineStats { why: why() };
    assert_eq!(say(&case, stats.clone()), told(Truth::True, "EngineStats", why()));
    let none = Source::None { why: why() };
    assert_eq!(say(&case, none), told(Truth::False, "Unreadable", why()));

    // What was said otherwise before is taken back.
    case.workspace.status = plan_with(&case, from(stats)).status;
    let back = say(&case, Source::ControlGroup);
    assert_eq!(back, told(Truth::True, "ControlGroup", String::new()));
    assert_eq!(condition(&plan_with(&running(), None).status, ConditionType::Measured), None);
}
