//! The course of a run: what users, people and the engine do, and when, drawn from a seed.
//!
//! Plain data, so that it can be printed, and shortened when it ends badly: a step that is left out
//! changes nothing about the others.

use fastrand::Rng;
use serde_json::{Value, json};
use std::time::Duration;
use trueup_domain::spec::{DesiredState, Spec};
use trueup_engine_sim::{EngineAct, Odds};

/// A whole course.
#[derive(Debug, Clone)]
pub struct Course {
    /// What everything else follows from.
    pub seed: u64,
    /// How many names there are for workspaces.
    pub workspaces: usize,
    /// What happens, in its order.
    pub steps: Vec<Step>,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its number in the whole course.
    pub number: usize,
    /// When, from the beginning.
    pub at: Duration,
    /// What.
    pub deed: Deed,
}

/// What happens.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what they are")]
pub enum Deed {
    Declare {
        workspace: usize,
        spec: Box<Spec>,
    },
    SetState {
        workspace: usize,
        state: DesiredState,
        renew: bool,
    },
    Delete {
        workspace: usize,
        volumes: bool,
    },
    Sync {
        workspace: usize,
    },
    /// Somebody goes behind our back.
    Meddle {
        workspace: usize,
        act: Meddling,
    },
    Engine(EngineAct),
    /// From now on so much goes wrong by itself.
    Odds(Box<Odds>),
    /// So many of a thousand store calls fail.
    StoreFails(u32),
    /// The controller dies after so many further calls, or after half a minute.
    Crash {
        calls: u64,
    },
}

/// What somebody does to a workspace's container by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what they are")]
pub enum Meddling {
    Stop,
    Kill,
    KillOnHost,
    Exit,
    OutOfMemory,
    Start,
    Remove,
    Pause,
    Unpause,
    Rename,
    Limits,
    Disconnect,
    Connect,
    Copy(Guise),
    TakeName,
    RemoveNetwork,
    RemoveImage,
    HoldPort,
}

/// The name that a copy of a workspace's container goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guise {
    /// One of its own.
    Other,
    /// The container's, which was renamed.
    Renamed,
    /// The container's, which was removed.
    Removed,
    /// The one that a container has while its successor comes up.
    Previous,
}

const MEDDLINGS: [Meddling; 18] = [
    Meddling::Stop,
    Meddling::Kill,
    Meddling::KillOnHost,
    Meddling::Exit,
    Meddling::OutOfMemory,
    Meddling::Start,
    Meddling::Remove,
    Meddling::Pause,
    Meddling::Unpause,
    Meddling::Rename,
    Meddling::Limits,
    Meddling::Disconnect,
    Meddling::Connect,
    Meddling::Copy(Guise::Other),
    Meddling::TakeName,
    Meddling::RemoveNetwork,
    Meddling::RemoveImage,
    Meddling::HoldPort,
];

/// The images, what they do, and how often they are asked for.
pub(crate) const IMAGES: [(&str, u32); 8] = [
    ("good:1", 40),
    ("good:2", 24),
    ("brief:1", 7),
    ("done:1", 5),
    ("sick:1", 7),
    ("deaf:1", 8),
    ("hungry:1", 4),
    ("broken:1", 5),
];

impl Course {
    /// The course that follows from a seed.
    pub fn draw(seed: u64, workspaces: usize, length: Duration) -> Self {
        let (rng, guises) = (Rng::with_seed(seed), Rng::with_seed(!seed));
        let mut draw = Draw { rng, guises, workspaces };
        if seed % 8 == 7 {
            return draw.whisper(seed, length);
        }
        let mut steps: Vec<(Duration, Deed)> = (0..workspaces)
            .map(|workspace| (draw.within(Duration::from_secs(5)), draw.declaration(workspace)))
            .collect();
        let count = draw.rng.u64(..length.as_secs() / 6 + 2);
        for _ in 0..count {
            steps.push((draw.within(length), draw.deed()));
        }
        Self::of(seed, workspaces, steps)
    }

    fn of(seed: u64, workspaces: usize, mut steps: Vec<(Duration, Deed)>) -> Self {
        steps.sort_by_key(|(at, _)| *at);
        let number = |(number, (at, deed))| Step { number, at, deed };
        Self { seed, workspaces, steps: steps.into_iter().enumerate().map(number).collect() }
    }

    /// Whether all that goes wrong is what the engine tells: events, lists, and its clock. Nobody does
    /// anything, so that nothing may be done to what runs.
    pub fn is_whisper(&self) -> bool {
        self.seed % 8 == 7
    }

    /// The same with only these steps.
    #[must_use]
    pub fn only(&self, numbers: &[usize]) -> Self {
        let is_kept = |step: &&Step| numbers.contains(&step.number);
        Self { steps: self.steps.iter().filter(is_kept).cloned().collect(), ..*self }
    }

    /// The numbers of its steps.
    pub fn numbers(&self) -> Vec<usize> {
        self.steps.iter().map(|step| step.number).collect()
    }
}

struct Draw {
    rng: Rng,
    /// Apart from the rest, so that seeds from before there were guises play what they played.
    guises: Rng,
    workspaces: usize,
}

impl Draw {
    fn within(&mut self, length: Duration) -> Duration {
        let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.rng.u64(..millis.max(1)))
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(..100) < percent
    }

    fn deed(&mut self) -> Deed {
        let workspace = self.rng.usize(..self.workspaces);
        match self.rng.u32(..100) {
            0..16 => self.declaration(workspace),
            16..26 => {
                let state = self.state();
                Deed::SetState { workspace, state, renew: self.chance(30) }
            }
            26..32 => Deed::Delete { workspace, volumes: self.chance(40) },
            32..36 => Deed::Sync { workspace },
            36..68 => {
                let act = match MEDDLINGS[self.rng.usize(..MEDDLINGS.len())] {
                    Meddling::Copy(_) => Meddling::Copy(self.guise()),
                    act => act,
                };
                Deed::Meddle { workspace, act }
            }
            68..76 => Deed::Engine(self.engine_act()),
            76..84 => Deed::Odds(Box::new(self.odds())),
            84..87 => Deed::StoreFails([0, 50, 200][self.rng.usize(..3)]),
            _ => Deed::Crash { calls: self.rng.u64(..60) },
        }
    }

    fn guise(&mut self) -> Guise {
        match self.guises.u32(..10) {
            0..4 => Guise::Other,
            4..6 => Guise::Renamed,
            6..8 => Guise::Removed,
            _ => Guise::Previous,
        }
    }

    /// A course in which only what is told goes wrong.
    fn whisper(&mut self, seed: u64, length: Duration) -> Course {
        let plain =
            json!({"image": "good:1", "volumes": [{"name": "home", "target": "/home/dev"}]});
        let plain = |workspace| match serde_json::from_value(plain.clone()) {
            Ok(spec) => Deed::Declare { workspace, spec: Box::new(spec) },
            Err(_) => Deed::Sync { workspace },
        };
        let mut steps: Vec<_> = (0..self.workspaces)
            .map(|workspace| (self.within(Duration::from_secs(5)), plain(workspace)))
            .collect();
        for _ in 0..self.rng.u64(..length.as_secs() / 6 + 2) {
            let deed = match self.rng.u32(..4) {
                0 => Deed::Odds(Box::new(told_wrong())),
                1 => Deed::Sync { workspace: self.rng.usize(..self.workspaces) },
                _ => match self.engine_act() {
                    EngineAct::Restart { length, .. } => {
                        Deed::Engine(EngineAct::Restart { length, live_restore: true })
                    }
                    act => Deed::Engine(act),
                },
            };
            steps.push((self.within(length), deed));
        }
        Course::of(seed, self.workspaces, steps)
    }

    fn engine_act(&mut self) -> EngineAct {
        let seconds = |rng: &mut Rng, most| Duration::from_secs(rng.u64(1..most));
        match self.rng.u32(..6) {
            0 => EngineAct::Away { length: seconds(&mut self.rng, 90) },
            1 | 2 => {
                let live_restore = self.chance(50);
                EngineAct::Restart { length: seconds(&mut self.rng, 30), live_restore }
            }
            3 => {
                let by = jiff::SignedDuration::from_secs(self.rng.i64(-120..120));
                EngineAct::JumpClock { by }
            }
            4 => EngineAct::CutStreams,
            _ => EngineAct::Noise { events: self.rng.u32(..400) },
        }
    }

    fn odds(&mut self) -> Odds {
        if self.chance(40) { Odds::default() } else { Odds::rough() }
    }

    fn state(&mut self) -> DesiredState {
        match self.rng.u32(..100) {
            0..60 => DesiredState::Running,
            60..75 => DesiredState::Stopped,
            75..88 => DesiredState::Paused,
            _ => DesiredState::Archived,
        }
    }

    fn declaration(&mut self, workspace: usize) -> Deed {
        let state = if self.chance(70) { DesiredState::Running } else { self.state() };
        let isolation = ["basic", "standard", "strict"][self.rng.usize(..3)];
        let on_drift = ["recreate", "recreate", "recreate", "recreate", "report", "ignore"]
            [self.rng.usize(..6)];
        let policy = ["always", "always", "always", "onFailure", "never"][self.rng.usize(..5)];
        let mut fields = json!({
            "state": state, "image": self.image(), "isolation": isolation, "onDrift": on_drift,
            "imagePullPolicy": if self.chance(20) { "Always" } else { "IfNotPresent" },
            "env": {"A": self.rng.u32(..4).to_string()},
            "resources": {"memory": format!("{}MiB", [64, 128][self.rng.usize(..2)])},
            "recovery": {
                "policy": policy, "giveUpAfter": self.rng.u32(2..5), "backoffBase": "1s",
                "backoffMax": "5s", "stableAfter": "20s",
            },
        });
        if self.chance(50) {
            fields["volumes"] = json!([{"name": "home", "target": "/home/dev"}]);
        }
        if self.chance(20) {
            fields["ports"] = json!([{"container": 80, "host": 18_000 + workspace}]);
        }
        if self.chance(25) {
            let on_failure = if self.chance(50) { "restart" } else { "report" };
            fields["health"] = health(on_failure);
        }
        // Only texts that are checked by the tests of this crate are put together here.
        match serde_json::from_value::<Spec>(fields) {
            Ok(spec) => Deed::Declare { workspace, spec: Box::new(spec) },
            Err(_) => Deed::Sync { workspace },
        }
    }

    fn image(&mut self) -> &'static str {
        let shares: u32 = IMAGES.iter().map(|(_, share)| share).sum();
        let mut left = self.rng.u32(..shares);
        for (image, share) in IMAGES {
            if left < share {
                return image;
            }
            left -= share;
        }
        IMAGES[0].0
    }
}

/// Calls do what they are to, but what is told of it is wrong.
fn told_wrong() -> Odds {
    Odds { error: 0, hang: 0, drop_before: 0, drop_after: 0, leave_dead: 0, ..Odds::rough() }
}

fn health(on_failure: &str) -> Value {
    json!({
        "command": ["true"], "interval": "2s", "timeout": "1s", "retries": 2, "startPeriod": "1s",
        "onFailure": on_failure,
    })
}
