//! A spec as lines of a page.
//!
//! The values of environment variables are left out: people paste such pages into tickets.

use super::page::Lines;
use trueup_api::domain::spec::{Health, Recovery, Spec};

/// Writes what was declared, defaults included.
pub(super) fn write(spec: &Spec, text: &mut Lines) {
    text.under("State", word(&spec.desired_state()));
    text.under("Image", format!("{} (pull {:?})", spec.image, spec.image_pull_policy));
    text.under_if("Command", spec.command.as_ref().map(|command| command.join(" ")));
    text.under_if("Working dir", spec.working_dir.as_ref());
    text.under_if("User", spec.user.as_ref());
    let names: Vec<_> = spec.env.keys().map(ToString::to_string).collect();
    if !names.is_empty() {
        text.under("Env", names.join(", "));
    }
    text.under_if(
        "Project",
        spec.project.as_ref().map(|project| {
            let mode = if project.read_only { " (read-only)" } else { "" };
            format!("{} at {}{mode}", project.path, project.target)
        }),
    );
    for volume in &spec.volumes {
        text.under("Volume", format!("{} at {}", volume.name, volume.target));
    }
    for port in &spec.ports {
        let host = port.host.map_or_else(|| "any".to_owned(), |host| host.to_string());
        let protocol = port.protocol.as_str();
        text.under("Port", format!("{}/{protocol} on host port {host}", port.container));
    }
    let limits = &spec.resources;
    text.under(
        "Resources",
        format!("{} cpus, {} memory, {} pids", limits.cpus, limits.memory, limits.pids),
    );
    text.under_if("Health", spec.health.as_ref().map(health));
    text.under("Isolation", word(&spec.isolation));
    text.under("Recovery", recovery(&spec.recovery));
    text.under("On drift", word(&spec.on_drift));
}

fn health(health: &Health) -> String {
    format!(
        "`{}` every {}, within {}, {} failures, {} at first",
        health.command.join(" "),
        health.interval,
        health.timeout,
        health.retries,
        health.start_period
    )
}

fn recovery(recovery: &Recovery) -> String {
    let end = match recovery.give_up_after {
        0 => "never gives up".to_owned(),
        ends => format!("gives up after {ends}"),
    };
    format!(
        "{}, {} to {} apart, stable after {}, {end}",
        word(&recovery.policy),
        recovery.backoff_base,
        recovery.backoff_max,
        recovery.stable_after
    )
}

/// The name of a variant as text begins it: `Running` as `running`.
fn word(variant: &impl std::fmt::Debug) -> String {
    let name = format!("{variant:?}");
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
