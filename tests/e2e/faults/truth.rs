//! Whether a stored status is what the engine says, and how long that took over many workspaces.

use super::world::World;
use std::time::Duration;
use trueup_api::domain::condition::{ConditionType, Truth};
use trueup_api::domain::status::{Phase, WorkspaceStatus};
use trueup_api::wire::WorkspaceView;

/// In what a stored status differs from the engine; `None`: it tells the truth, and says that it does.
pub(super) fn lie(view: &WorkspaceView, world: &World) -> Option<String> {
    let status = &view.workspace.status;
    let synced = status.conditions.get(ConditionType::Synced).map(|synced| synced.status);
    if status.phase == Phase::Unknown || synced == Some(Truth::Unknown) {
        return Some("it is not known".to_owned());
    }
    let workspace = view.workspace.id.to_string();
    let Some(told) = &status.container else {
        let seen = world.of(&workspace).next()?;
        return Some(format!(
            "no container is told, the engine has {} ({})",
            seen.name, seen.state
        ));
    };
    let Some(seen) = world.of(&workspace).find(|seen| seen.id == told.id.to_string()) else {
        return Some(format!("the engine has no {}", told.id));
    };
    if seen.state != told.state.as_str() {
        return Some(format!("{} is told, the engine says {}", told.state.as_str(), seen.state));
    }
    if seen.started_at != told.started_at {
        return Some(format!("start {:?} is told, not {:?}", told.started_at, seen.started_at));
    }
    if seen.exit_code.is_some() && seen.exit_code != told.exit_code {
        return Some(format!("exit {:?} is told, not {:?}", told.exit_code, seen.exit_code));
    }
    let is_active = status.status == WorkspaceStatus::Active;
    (is_active != (seen.state == "running"))
        .then(|| format!("{} is told while the container is {}", status.status, seen.state))
}

/// How long it took until one workspace's status was true.
pub(super) struct Took {
    pub(super) name: String,
    pub(super) time: Duration,
    /// What was told instead until then, if anything was looked at before.
    pub(super) instead: Option<String>,
}

/// One line about how long the truth took, with what the slowest one told instead.
pub(super) fn report(fault: &str, all: &[Took], rest: Duration) -> String {
    let mut all: Vec<&Took> = all.iter().collect();
    all.sort_by_key(|took| took.time);
    // The nearest rank: of a hundred or fewer, the 99th percentile is the largest.
    let at = |percent: usize| {
        let rank = (all.len() * percent).div_ceil(100).max(1);
        all.get(rank - 1).map_or(0.0, |took| took.time.as_secs_f64())
    };
    let slowest =
        all.last().and_then(|took| Some(format!("{}: {}", took.name, took.instead.as_ref()?)));
    format!(
        "fault {fault}: truth after median {:.2} s, p99 {:.2} s over {} workspaces; all at rest after \
         {:.1} s (slowest {})",
        at(50),
        at(99),
        all.len(),
        rest.as_secs_f64(),
        slowest.as_deref().unwrap_or("true at the first look"),
    )
}

#[test]
fn the_report_takes_the_nearest_rank_and_tells_what_was_said_instead() {
    let took = |seconds| Took {
        name: "w".to_owned(),
        time: Duration::from_secs(seconds),
        instead: Some(format!("lie {seconds}")),
    };
    let all: Vec<_> = (1..=200).rev().map(took).collect();
    let line = report("x", &all, Duration::from_mins(5));
    assert!(line.contains("median 100.00 s, p99 198.00 s over 200 workspaces"), "{line}");
    assert!(line.contains("slowest w: lie 200"), "{line}");
    let line = report("x", &all[..1], Duration::from_mins(5));
    assert!(line.contains("median 200.00 s, p99 200.00 s over 1 workspaces"), "{line}");
}
