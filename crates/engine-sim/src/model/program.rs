//! How the process of a container fares, looked up when it is started.

use std::{collections::BTreeMap, time::Duration};

/// How a process fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// Whether and how it ends by itself.
    pub ending: Ending,
    /// Whether it hears a TERM and goes on.
    pub ignores_term: bool,
    /// What its health check finds, if the container has one.
    pub verdicts: Verdicts,
}

/// Whether and how a process ends by itself; times count from its start and stand still while it is
/// paused or the end falls into a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It does not.
    Never,
    /// It exits.
    Exits {
        /// The exit code.
        code: i64,
        /// After so long.
        after: Duration,
    },
    /// It is killed for want of memory.
    OutOfMemory {
        /// After so long.
        after: Duration,
    },
    /// The command does not exist: without an init the start is refused, behind an init it ends at
    /// once with 127.
    CannotRun,
}

/// What health checks find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdicts {
    /// It is healthy from the first check on.
    Healthy,
    /// It is healthy first, and turns unhealthy so long after its start.
    UnhealthyAfter(Duration),
    /// It never becomes healthy.
    Never,
}

impl Program {
    /// Runs until it is told to end, and is healthy.
    pub const fn forever() -> Self {
        Self { ending: Ending::Never, ignores_term: false, verdicts: Verdicts::Healthy }
    }

    /// Exits by itself.
    pub const fn exits(code: i64, after: Duration) -> Self {
        Self { ending: Ending::Exits { code, after }, ..Self::forever() }
    }

    /// Takes more memory than it may.
    pub const fn out_of_memory(after: Duration) -> Self {
        Self { ending: Ending::OutOfMemory { after }, ..Self::forever() }
    }

    /// Goes on when it is asked to end.
    pub const fn ignores_term() -> Self {
        Self { ignores_term: true, ..Self::forever() }
    }

    /// Turns unhealthy.
    pub const fn unhealthy(after: Duration) -> Self {
        Self { verdicts: Verdicts::UnhealthyAfter(after), ..Self::forever() }
    }

    /// Has a command that does not exist.
    pub const fn cannot_run() -> Self {
        Self { ending: Ending::CannotRun, ..Self::forever() }
    }
}

/// Which program a container runs: the one for its command, else the one for its image, else
/// [`Program::forever`]. Changing the table changes only what is started from then on.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    commands: BTreeMap<String, Program>,
    images: BTreeMap<String, Program>,
    names: BTreeMap<String, Program>,
}

impl Programs {
    /// For containers with this command, its words joined by spaces.
    pub fn for_command(&mut self, command: &str, program: Program) {
        self.commands.insert(command.to_owned(), program);
    }

    /// For containers of this image, as their configuration names it.
    pub fn for_image(&mut self, image: &str, program: Program) {
        self.images.insert(image.to_owned(), program);
    }

    /// For the container with this name; comes before all others.
    pub fn for_name(&mut self, container: &str, program: Program) {
        self.names.insert(container.to_owned(), program);
    }

    /// Makes every container run [`Program::forever`] again.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn find(&self, name: &str, command: Option<&[String]>, image: &str) -> Program {
        let named = self.names.get(name);
        let commanded = || self.commands.get(&command?.join(" "));
        let program = named.or_else(commanded).or_else(|| self.images.get(image));
        program.copied().unwrap_or_else(Program::forever)
    }
}
