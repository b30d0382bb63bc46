//! Everything that can end a command, and the exit code that tells a script which it was.

use std::{io, path::PathBuf, time::Duration};
use trueup_api::{
    ProblemKind,
    domain::{
        manifest::ManifestErrors,
        name::{Name, Owner, WorkspaceKey},
        quantity::Period,
    },
};

pub(crate) const FAILURE: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const BAD_INPUT: u8 = 3;
pub(crate) const NOT_FOUND: u8 = 4;
pub(crate) const CONFLICT: u8 = 5;
pub(crate) const UNREACHABLE: u8 = 6;
pub(crate) const TIMED_OUT: u8 = 7;
/// 128 and the number of the signal, as a shell has it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Whoever read our output wants no more; no failure at all.
    #[error("the output was closed")]
    OutputClosed,
    #[error("cannot write the output")]
    Output(#[source] io::Error),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[error("cannot write {what} as text")]
    Encode {
        what: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} has no *.yaml, *.yml or *.json", path.display())]
    EmptyFolder { path: PathBuf },
    #[error("{} is given twice on the command line", path.display())]
    GivenTwice { path: PathBuf },
    #[error("{} does not look like a manifest", path.display())]
    NoManifest { path: PathBuf },
    /// Shown with the lines that are wrong.
    #[error("the manifests are not valid")]
    Manifests(ManifestErrors),
    #[error(transparent)]
    Api(#[from] trueup_api::Error),
    #[error("no workspace {}", wanted.join(", "))]
    NotFound { wanted: Vec<String> },
    #[error("`{name}` could be any of {}; write OWNER/NAME or give --owner", list(owners, name))]
    Ambiguous { name: Name, owners: Vec<Owner> },
    #[error("{count} of them could not be deleted")]
    NotDeleted { count: usize },
    #[error("{key} will not get there: {why}")]
    Hopeless { key: WorkspaceKey, why: String },
    #[error("after {} still not {goal}:{}", Period::from(*waited), lines(pending))]
    TimedOut { waited: Duration, goal: String, pending: Vec<String> },
    /// The user's own wish, and so no failure to complain of.
    #[error("no longer waiting; the controller goes on with it")]
    Interrupted,
    #[error(transparent)]
    Controller(#[from] trueup_controller::Error),
    #[error("cannot use the terminal")]
    Terminal(#[source] io::Error),
    #[error("not well: {}", ailing.join(", "))]
    Ailing { ailing: Vec<String> },
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
}

impl Error {
    /// The exit code, as `--help` lists them.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Output(_)
            | Self::Runtime(_)
            | Self::Encode { .. }
            | Self::Hopeless { .. }
            | Self::Terminal(_)
            | Self::Ailing { .. }
            | Self::NotDeleted { .. }
            | Self::Signals(_) => FAILURE,
            Self::Controller(error) => {
                if error.is_configuration() {
                    BAD_INPUT
                } else {
                    FAILURE
                }
            }
            Self::Ambiguous { .. } | Self::GivenTwice { .. } => USAGE,
            Self::Read { .. }
            | Self::EmptyFolder { .. }
            | Self::NoManifest { .. }
            | Self::Manifests(_) => BAD_INPUT,
            Self::NotFound { .. } => NOT_FOUND,
            Self::TimedOut { .. } => TIMED_OUT,
            Self::Interrupted => INTERRUPTED,
            Self::Api(error) => code_of(error),
        }
    }
}

fn code_of(error: &trueup_api::Error) -> u8 {
    use trueup_api::Error as Api;
    match error {
        Api::Unreachable { .. }
        | Api::Denied { .. }
        | Api::Deadline { .. }
        | Api::Broken { .. } => UNREACHABLE,
        Api::Refused(problem) => match problem.kind {
            ProblemKind::BadManifest | ProblemKind::TooLarge => BAD_INPUT,
            ProblemKind::NotFound => NOT_FOUND,
            ProblemKind::Conflict | ProblemKind::Deleting => CONFLICT,
            _ => FAILURE,
        },
        _ => FAILURE,
    }
}

/// One behind the words before it, several below them.
fn lines(texts: &[String]) -> String {
    match texts {
        [one] => format!(" {one}"),
        _ => texts.iter().flat_map(|text| ["\n  ", text]).collect(),
    }
}

fn list(owners: &[Owner], name: &Name) -> String {
    let keys: Vec<_> = owners.iter().map(|owner| format!("{owner}/{name}")).collect();
    keys.join(", ")
}
