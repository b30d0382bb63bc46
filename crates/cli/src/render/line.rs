//! An event as one line.

use super::one_line;
use trueup_api::domain::event::{CONTROLLER, Event};

/// `12  2026-11-22T10:00:00Z  alice/web  status_changed  The container runs.  by alice`.
pub(crate) fn event_line(event: &Event) -> String {
    let what = &event.what;
    let mut line = format!(
        "{:<6} {:<20} {:<24} {:<16} {}: {}",
        event.id.0,
        // Whole seconds: what is finer is in the JSON.
        format!("{:.0}", what.time),
        event.workspace.to_string(),
        what.kind.as_str(),
        what.reason,
        what.message,
    );
    if what.actor != CONTROLLER {
        line.push_str(" (by ");
        line.push_str(&what.actor);
        line.push(')');
    }
    one_line(&line)
}
