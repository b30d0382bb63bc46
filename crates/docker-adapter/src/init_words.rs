//! Why docker-init could not run a command, in its own words.
//!
//! With an init as PID 1 the engine's start succeeds whatever the command is; the init then fails to
//! run it, says why on the container's standard error, and ends with 126 or 127. The engine keeps
//! that as the container's log, and nowhere else.

use crate::{call::Caller, operation::Operation};
use bollard::query_parameters::LogsOptionsBuilder;
use futures::TryStreamExt;
use trueup_domain::container::{Container, ContainerState};

/// How docker-init begins a line about a failure of its own: `[FATAL tini (7)] exec …`.
const MARK: &str = "[FATAL tini";
/// The codes that a shell and docker-init use for "cannot be run" and "not found".
const CODES: [i64; 2] = [126, 127];
/// How many lines of the log are read.
const LINES: &str = "5";

/// Puts the init's words into `container.error`, where it ended for want of a command that runs.
///
/// A log that cannot be read (another log driver, say) costs the words and nothing else.
pub(crate) async fn add(caller: &Caller, container: Container) -> Container {
    let is_suspect = container.state == ContainerState::Exited
        && container.config.init
        && container.error.is_none()
        && container.exit_code.is_some_and(|code| CODES.contains(&code));
    if !is_suspect {
        return container;
    }
    let options = LogsOptionsBuilder::default().stderr(true).tail(LINES).build();
    let name = container.id.as_str();
    let read =
        caller.docker().logs(name, Some(options)).try_fold(Vec::new(), async |mut log, chunk| {
            log.extend_from_slice(&chunk.into_bytes());
            Ok(log)
        });
    let log = caller.call(Operation::Logs, name, read).await.unwrap_or_default();
    Container { error: words(&String::from_utf8_lossy(&log)), ..container }
}

/// The last complaint of docker-init in a log, without its mark.
fn words(log: &str) -> Option<String> {
    let complaint = log.lines().rev().find(|line| line.starts_with(MARK))?;
    let (_, words) = complaint.split_once("] ")?;
    Some(words.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_init_s_words_are_taken_and_a_program_s_own_are_not() {
        let log = "hello\n[FATAL tini (7)] exec /nope failed: No such file or directory\n";
        assert_eq!(words(log).as_deref(), Some("exec /nope failed: No such file or directory"));
        assert_eq!(words("sh: nope: not found\n"), None);
        assert_eq!(words(""), None);
    }
}
