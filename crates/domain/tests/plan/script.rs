//! The little language of the scenarios, played over the model world.
//!
//! A line that begins with `>` is a command, one with `#` is a comment; all else is what came of the
//! commands and is written anew. Passes follow each command until there is nothing more to do at
//! that time, and are not told after `given`; `advance` lets time go by, from one thing that happens to the next.

use crate::{
    build::{self, short},
    world::{Command, Fault, Network, Pass, World},
};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;
use trueup_domain::{
    condition::Condition,
    container::ContainerState,
    id::NetworkId,
    observed::ProjectFolder,
    quantity::Memory,
    spec::{DesiredState, Spec},
    workspace::{Deletion, Workspace},
};

/// The wait before a pass that failed is tried again: the queue's, without its growth.
const RETRY: SignedDuration = SignedDuration::from_secs(1);
/// More passes at one time than any script needs.
const BOUND: usize = 20;

/// Plays a script and gives it back with what came of it.
pub(crate) fn play(script: &str) -> String {
    let mut stage = Stage::new();
    let mut text = String::new();
    let mut after_output = false;
    for line in script.lines() {
        let is_comment = line.starts_with('#');
        let command = line.strip_prefix("> ");
        if !is_comment && command.is_none() {
            continue;
        }
        if after_output {
            text.push('\n');
        }
        writeln!(text, "{line}").unwrap();
        after_output = false;
        if let Some(command) = command {
            let given = command.strip_prefix("given ");
            let output = stage.perform(given.unwrap_or(command));
            if given.is_none() {
                text.push_str(&output);
                after_output = true;
            }
        }
    }
    text
}

struct Stage {
    world: World,
    /// What `declare` begins with: the world has no workspace before it.
    seed: Workspace,
    retry_at: Option<Timestamp>,
    wake_at: Option<Timestamp>,
}

impl Stage {
    fn new() -> Self {
        let seed = build::workspace(build::spec(&serde_json::json!({})));
        let mut world = World::new(seed.clone());
        world.workspace = None;
        Self { world, seed, retry_at: None, wake_at: None }
    }

    fn perform(&mut self, command: &str) -> String {
        let words: Vec<_> = command.split_whitespace().collect();
        let output = if let ["advance", period] = words[..] {
            self.advance(duration(period))
        } else {
            self.change(command, &words);
            self.run()
        };
        if output.is_empty() { "  (nothing)\n".to_owned() } else { output }
    }

    fn change(&mut self, command: &str, words: &[&str]) {
        match words {
            ["declare", ..] => self.declare(command.trim_start_matches("declare")),
            ["start" | "resume"] => self.set(DesiredState::Running),
            ["stop"] => self.set(DesiredState::Stopped),
            ["pause"] => self.set(DesiredState::Paused),
            ["archive"] => self.set(DesiredState::Archived),
            ["delete", rest @ ..] => {
                let volumes = rest == ["--volumes"];
                let (requested_at, actor) = (self.world.now, "alice".to_owned());
                let workspace = self.workspace();
                workspace.deletion = Some(Deletion { requested_at, actor, volumes });
                workspace.generation = workspace.generation.next();
            }
            ["docker", rest @ ..] => self.docker(rest),
            ["command", "lives", "on"] => self.world.command.lives = None,
            ["command", "lives", period, "exit", code] => {
                let (lives, exit_code) = (Some(duration(period)), code.parse().unwrap());
                self.world.command = Command { lives, exit_code, ..self.world.command };
            }
            ["health", word] => self.world.command.healthy = *word == "good",
            ["registry", word] => self.world.registry_answers = *word == "up",
            ["engine", word] => self.world.reachable = *word == "up",
            ["project", "forbidden"] => {
                let why = "/srv/projects/payments leads to /etc".to_owned();
                self.world.project = ProjectFolder::Forbidden(why);
            }
            ["call", number, outcome] => {
                let fault = match *outcome {
                    "fails" => Fault::Fails,
                    "unheard" => Fault::DoneUnheard,
                    "crashes" => Fault::Crash,
                    other => panic!("no outcome `{other}`"),
                };
                let before: usize = number.parse::<usize>().unwrap() - 1;
                self.world.faults = vec![None; before];
                self.world.faults.push(Some(fault));
            }
            ["sync"] => {}
            _ => panic!("no command `{command}`"),
        }
    }

    fn workspace(&mut self) -> &mut Workspace {
        self.world.workspace.as_mut().unwrap()
    }

    fn declare(&mut self, yaml: &str) {
        let mut spec: Spec = serde_yaml::from_str(yaml).unwrap();
        match &mut self.world.workspace {
            None => {
                spec.state.get_or_insert(DesiredState::Running);
                self.world.workspace = Some(Workspace { spec, ..self.seed.clone() });
            }
            Some(workspace) => {
                spec.state = spec.state.or(workspace.spec.state);
                workspace.spec = spec;
                workspace.generation = workspace.generation.next();
            }
        }
    }

    fn set(&mut self, state: DesiredState) {
        let workspace = self.workspace();
        workspace.spec.state = Some(state);
        workspace.generation = workspace.generation.next();
    }

    fn docker(&mut self, words: &[&str]) {
        if let ["network", "prune"] = words {
            let is_held = self.world.container.as_ref().is_some_and(|c| c.state.has_process());
            self.world.networks.retain(|_, network| is_held || network.shared);
            return;
        }
        if let ["network", "create", name] = words {
            let id = NetworkId::new("theirs");
            self.world.networks.insert((*name).to_owned(), Network { id, shared: true });
            return;
        }
        let container = self.world.container.as_mut().unwrap();
        match words {
            ["kill"] => self.world.kill(137),
            ["stop"] => self.world.kill(143),
            ["rm"] => self.world.container = None,
            ["pause"] => container.state = ContainerState::Paused,
            ["unpause"] => container.state = ContainerState::Running,
            ["rename", name] => (*name).clone_into(&mut container.config.name),
            ["update", "--memory", mib] => {
                container.config.resources.memory = Memory::from_mib(mib.parse().unwrap());
            }
            other => panic!("no docker command {other:?}"),
        }
    }

    /// Passes until there is nothing more to do at this time.
    fn run(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..BOUND {
            self.world.tick();
            if self.world.workspace.is_none() {
                return text;
            }
            let began = self.world.now;
            let Some(pass) = self.world.pass() else {
                writeln!(text, "  {} the controller dies in a pass", clock(began)).unwrap();
                self.retry_at = Some(self.world.now + RETRY);
                return text;
            };
            text.push_str(&tell(&pass, self.world.workspace.as_ref()));
            self.wake_at = pass.last.wake_at;
            self.retry_at = (pass.failed || !self.world.reachable).then(|| self.world.now + RETRY);
            if self.retry_at.is_some() || !pass.calls_again(self.world.now) {
                return text;
            }
        }
        panic!("no rest after {BOUND} passes:\n{text}");
    }

    fn advance(&mut self, period: SignedDuration) -> String {
        let until = self.world.now + period;
        let mut text = String::new();
        loop {
            let change = self.world.next_change();
            let next = [self.wake_at, self.retry_at, change].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.world.now = next.max(self.world.now);
            text.push_str(&self.run());
        }
        self.world.now = until.max(self.world.now);
        text
    }
}

fn duration(text: &str) -> SignedDuration {
    text.parse().unwrap()
}

/// What one pass did and changed; nothing when it changed nothing.
fn tell(pass: &Pass, after: Option<&Workspace>) -> String {
    let (old, new) = (&pass.before.status, &pass.last.status);
    if pass.attempts.is_empty() && after.is_some() && new.says_the_same(old) {
        return String::new();
    }
    let mut text = format!("  {} {}\n", clock(pass.at), brief(&pass.first.why));
    let mut line = |kind: &str, what: &str| {
        writeln!(text, "    {kind:<5} {}", brief(what)).unwrap();
    };
    for (index, attempt) in pass.attempts.iter().enumerate() {
        let is_last = index + 1 == pass.attempts.len();
        line(if pass.failed && is_last { "fails" } else { "does" }, attempt);
    }
    let is_kept = after.is_some();
    if !is_kept {
        line("ends", "the workspace is forgotten");
    } else if (old.phase, old.status) != (new.phase, new.status) {
        line("is", &format!("{} ({})", new.phase, new.status));
    }
    for condition in new.conditions.iter().filter(|_| is_kept) {
        let before = old.conditions.get(condition.kind);
        if before.is_none_or(|before| says(before) != says(condition)) {
            line("says", &says(condition));
        }
    }
    for event in &pass.events {
        line("tells", &format!("{} {}: {}", event.kind, event.reason, event.message));
    }
    if let Some(wake_at) = pass.last.wake_at.filter(|at| *at > pass.at) {
        line("wakes", &format!("at {}", clock(wake_at)));
    }
    text
}

fn says(condition: &Condition) -> String {
    format!("{:?} is {:?}: {}", condition.kind, condition.status, condition.reason)
}

/// The time of day of a script that begins at nine.
fn clock(time: Timestamp) -> String {
    brief(&time.to_string())
}

/// Without the day and the long names.
fn brief(text: &str) -> String {
    short(text).replace("2026-03-02T", "").replace('Z', "")
}
