//! What must hold within and between the values of a spec, beyond what their types refuse.
//!
//! Every broken rule is reported, not only the first. Deliberately absent: whether `isolation:
//! strict` can publish ports, which depends on the networks that the controller is given.

use super::{
    fault::{Advice, Fault},
    node::Node,
    path::Path,
};
use crate::{
    quantity::{Memory, Period},
    spec::{Health, Recovery, Resources, Spec},
};
use std::{collections::HashMap, hash::Hash, ops::RangeInclusive, time::Duration};

/// The bounds of what a manifest may ask for.
pub mod limit {
    use crate::quantity::Memory;
    use std::{ops::RangeInclusive, time::Duration};

    /// The engine refuses less; nobody's host has more.
    pub const MEMORY: RangeInclusive<Memory> = Memory::from_mib(6)..=Memory::from_mib(64 << 20);
    /// An init, the command and the engine's own start of a health check need a few; the kernel
    /// counts no further than the upper bound.
    pub const PIDS: RangeInclusive<u32> = 16..=4_194_304;
    /// A check starts a process in the container: ten a second is more than enough.
    pub const HEALTH_INTERVAL: RangeInclusive<Duration> = between(100, HOUR);
    /// No check is over sooner; longer than an hour is not a check.
    pub const HEALTH_TIMEOUT: RangeInclusive<Duration> = between(100, HOUR);
    /// Zero means none.
    pub const HEALTH_START_PERIOD: RangeInclusive<Duration> = between(0, HOUR);
    /// One failure is the least that can be counted.
    pub const HEALTH_RETRIES: RangeInclusive<u32> = 1..=100;
    /// A shorter wait would be a busy loop.
    pub const BACKOFF: RangeInclusive<Duration> = between(100, 24 * HOUR);
    /// Longer than a day is never.
    pub const STABLE_AFTER: RangeInclusive<Duration> = between(100, 24 * HOUR);

    const HOUR: u64 = 3_600_000;

    const fn between(least: u64, most: u64) -> RangeInclusive<Duration> {
        Duration::from_millis(least)..=Duration::from_millis(most)
    }
}

/// A rule that does not hold, and for which value.
pub(super) struct Broken {
    path: Path,
    what: String,
    help: Help,
}

enum Help {
    Words(String),
    /// The same value stands there already.
    Before(Path),
}

impl Broken {
    /// The fault, with the places that the tree knows.
    pub(super) fn fault(self, tree: &Node) -> Fault {
        let advice = match self.help {
            Help::Words(words) => Advice::Words(words),
            Help::Before(path) => Advice::Before { mark: tree.find(&path), path },
        };
        Fault::at(tree.find(&self.path), self.what, Some(advice)).about(self.path)
    }
}

/// Every rule that the spec breaks.
pub(super) fn check(spec: &Spec) -> Vec<Broken> {
    let path = Path::root().field("spec");
    let mut broken = Vec::new();
    if let Some(command) = &spec.command {
        broken.extend(check_command(&path.field("command"), command));
    }
    for (name, value) in &spec.env {
        if value.contains('\0') {
            let path = path.field("env").field(name.as_str());
            let what = "the value of a variable cannot hold a NUL".to_owned();
            broken.push(Broken { path, what, help: Help::Words("remove it".to_owned()) });
        }
    }
    broken.extend(check_volumes(&path, spec));
    broken.extend(check_ports(&path.field("ports"), spec));
    broken.extend(check_resources(&path.field("resources"), &spec.resources));
    if let Some(health) = &spec.health {
        broken.extend(check_health(&path.field("health"), health));
    }
    broken.extend(check_recovery(&path.field("recovery"), &spec.recovery));
    broken
}

fn check_command(path: &Path, command: &[String]) -> Option<Broken> {
    let (path, what, help) = match command {
        [] => (
            path.clone(),
            "the command is empty",
            "write the program and its arguments, `[sleep, infinity]`, or leave the field out",
        ),
        [program, ..] if program.is_empty() => {
            (path.item(0), "the program has no name", "write its name or its path")
        }
        words => {
            let bad = words.iter().position(|word| word.contains('\0'))?;
            (path.item(bad), "a command cannot hold a NUL", "remove it")
        }
    };
    Some(Broken { path, what: what.to_owned(), help: Help::Words(help.to_owned()) })
}

fn check_volumes(path: &Path, spec: &Spec) -> Vec<Broken> {
    let mut names = Once::new("the volume name");
    let mut targets = Once::new("the target");
    if let Some(project) = &spec.project {
        let path = path.field("project").field("target");
        targets.see(path, project.target.as_str().trim_end_matches('/'));
    }
    for (index, volume) in spec.volumes.iter().enumerate() {
        let path = path.field("volumes").item(index);
        names.see(path.field("name"), volume.name.as_str());
        targets.see(path.field("target"), volume.target.as_str().trim_end_matches('/'));
    }
    names.broken.into_iter().chain(targets.broken).collect()
}

fn check_ports(path: &Path, spec: &Spec) -> Vec<Broken> {
    let mut inside = Once::new("the container port");
    let mut outside = Once::new("the host port");
    for (index, port) in spec.ports.iter().enumerate() {
        let path = path.item(index);
        let protocol = port.protocol.as_str();
        inside.see(path.field("container"), format!("{}/{protocol}", port.container));
        if let Some(host) = port.host {
            outside.see(path.field("host"), format!("{host}/{protocol}"));
        }
    }
    inside.broken.into_iter().chain(outside.broken).collect()
}

fn check_resources(path: &Path, resources: &Resources) -> Vec<Broken> {
    let mut broken = Vec::new();
    let memory = path.field("memory");
    // A bare number is bytes, which hardly anybody means.
    if resources.memory < Memory::from_bytes(1 << 20) {
        let bytes = resources.memory.bytes();
        let what =
            format!("{bytes} bytes of memory are too few; the least is {}", limit::MEMORY.start());
        let help = match bytes {
            0 => {
                "write for example `512MiB`; a workspace without a limit is not possible".to_owned()
            }
            _ => format!("a number without a unit is bytes; write `{bytes}MiB` if that was meant"),
        };
        broken.push(Broken { path: memory, what, help: Help::Words(help) });
    } else {
        broken.extend(check_range(memory, &resources.memory, &limit::MEMORY));
    }
    broken.extend(check_range(path.field("pids"), &resources.pids, &limit::PIDS));
    broken
}

fn check_health(path: &Path, health: &Health) -> Vec<Broken> {
    let period = |name, period: Period, range| check_period(path.field(name), period, range);
    [
        check_command(&path.field("command"), &health.command),
        period("interval", health.interval, &limit::HEALTH_INTERVAL),
        period("timeout", health.timeout, &limit::HEALTH_TIMEOUT),
        period("startPeriod", health.start_period, &limit::HEALTH_START_PERIOD),
        check_range(path.field("retries"), &health.retries, &limit::HEALTH_RETRIES),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn check_recovery(path: &Path, recovery: &Recovery) -> Vec<Broken> {
    let Recovery { backoff_base: base, backoff_max: max, stable_after, .. } = *recovery;
    let backwards = || {
        (max.duration() < base.duration()).then(|| Broken {
            path: path.field("backoffMax"),
            what: format!("the longest wait, `{max}`, is shorter than the first, `{base}`"),
            help: Help::Words("set `backoffMax` to at least `backoffBase`".to_owned()),
        })
    };
    check_period(path.field("backoffBase"), base, &limit::BACKOFF)
        .or_else(|| check_period(path.field("backoffMax"), max, &limit::BACKOFF))
        .or_else(backwards)
        .into_iter()
        .chain(check_period(path.field("stableAfter"), stable_after, &limit::STABLE_AFTER))
        .collect()
}

fn check_period(path: Path, period: Period, range: &RangeInclusive<Duration>) -> Option<Broken> {
    let (least, most) = (Period::from(*range.start()), Period::from(*range.end()));
    (!range.contains(&period.duration())).then(|| out_of_range(path, &period, &least, &most))
}

fn check_range<T: PartialOrd + ToString>(
    path: Path,
    value: &T,
    range: &RangeInclusive<T>,
) -> Option<Broken> {
    (!range.contains(value)).then(|| out_of_range(path, value, range.start(), range.end()))
}

fn out_of_range(
    path: Path,
    value: &dyn ToString,
    least: &dyn ToString,
    most: &dyn ToString,
) -> Broken {
    let what = format!("`{}` is out of range", value.to_string());
    let help = format!("write a value from {} to {}", least.to_string(), most.to_string());
    Broken { path, what, help: Help::Words(help) }
}

/// Values of which each may stand only once.
struct Once<T> {
    noun: &'static str,
    seen: HashMap<T, Path>,
    broken: Vec<Broken>,
}

impl<T: Hash + Eq + ToString> Once<T> {
    fn new(noun: &'static str) -> Self {
        Self { noun, seen: HashMap::new(), broken: Vec::new() }
    }

    fn see(&mut self, path: Path, value: T) {
        if let Some(first) = self.seen.get(&value) {
            let what = format!("{} `{}` is used twice", self.noun, value.to_string());
            self.broken.push(Broken { path, what, help: Help::Before(first.clone()) });
        } else {
            self.seen.insert(value, path);
        }
    }
}
