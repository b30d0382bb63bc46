//! What belongs to nothing, and what is missing, as rows.

use super::{finish, plain_table, row};
use crate::age::age;
use jiff::Timestamp;
use trueup_api::domain::orphan::{Missing, Orphan};

const GAP: u16 = 2;

/// The orphans as a table.
pub(crate) fn table(orphans: &[Orphan], now: Timestamp, colour: bool) -> String {
    let mut table = plain_table(colour);
    table.set_header(row(["KIND", "NAME", "OF", "AGE", "USED", "WHY", "FATE"]));
    for Orphan { object, reason, fate } in orphans {
        let of = match (&object.owner, &object.workspace_name) {
            (Some(owner), Some(name)) => format!("{owner}/{name}"),
            _ => "-".to_owned(),
        };
        let age = object.created_at.map_or_else(|| "-".to_owned(), |made| age(made, now));
        let used = if object.in_use { "yes" } else { "no" };
        let (why, fate) = (reason.to_string(), fate.to_string());
        table.add_row(row([object.kind.as_str(), &object.name, &of, &age, used, &why, &fate]));
    }
    finish(table, GAP)
}

/// What workspaces should have and the engine does not, as a table.
pub(crate) fn missing(missing: &[Missing], colour: bool) -> String {
    let mut table = plain_table(colour);
    table.set_header(row(["KIND", "NAME", "OF", "PHASE"]));
    for Missing { workspace, phase, kind, name, .. } in missing {
        table.add_row(row([kind.as_str(), name, &workspace.to_string(), &phase.to_string()]));
    }
    finish(table, GAP)
}
