//! `trueup doctor`: whether everything that a controller needs is there, and where figures come from.

use crate::{context::Context, error::Error};
use clap::{Args, ValueEnum};
use serde::Serialize;
use trueup_api::{
    WorkspaceFilter,
    wire::{SourceKind, UsageSource},
};

/// The arguments of `trueup doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// How to show it. `json` gives `{findings: [{name, state, message}, ...]}`.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// How findings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One line each.
    Text,
    /// For programs.
    Json,
}

#[derive(Serialize)]
struct Findings<'a> {
    findings: &'a [Finding],
}

#[derive(Serialize)]
struct Finding {
    name: String,
    state: State,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// It works, and could be better.
    Note,
    /// It does not work.
    Bad,
}

/// Shows what is found. Fails after that when something is bad, and at once when there is no controller.
pub(crate) async fn run(arguments: &Doctor, context: &mut Context<'_>) -> Result<(), Error> {
    let findings = look(context).await?;
    match arguments.output {
        Format::Json => context.output.json(&Findings { findings: &findings })?,
        Format::Text => findings.iter().try_for_each(|Finding { name, state, message }| {
            let state = format!("{state:?}").to_lowercase();
            let line = format!("{name:<8} {state:<5} {message}");
            context.output.line(crate::output::inert(&line).trim_end())
        })?,
    }
    let bad = findings.iter().filter(|finding| finding.state == State::Bad);
    let ailing: Vec<_> = bad.map(|finding| finding.name.clone()).collect();
    if ailing.is_empty() { Ok(()) } else { Err(Error::Ailing { ailing }) }
}

async fn look(context: &Context<'_>) -> Result<Vec<Finding>, Error> {
    let client = &context.client;
    let version = client.version().await?;
    let mut findings = vec![Finding {
        name: "server".to_owned(),
        state: State::Ok,
        message: format!(
            "{} (instance {}) at {}",
            version.version,
            version.instance_id,
            client.address()
        ),
    }];
    let checks = client.readiness().await?.checks;
    findings.extend(checks.into_iter().map(|check| Finding {
        name: check.name,
        state: if check.ok { State::Ok } else { State::Bad },
        message: check.message,
    }));
    // By group the answer is short however many workspaces there are.
    findings.push(match client.usage_by(&WorkspaceFilter::default(), "owner").await {
        Ok(groups) => measured(&groups.source),
        Err(error) => {
            let (name, state) = ("usage".to_owned(), State::Bad);
            Finding { name, state, message: error.to_string() }
        }
    });
    Ok(findings)
}

fn measured(source: &UsageSource) -> Finding {
    let state = match source.kind {
        SourceKind::ControlGroup => State::Ok,
        SourceKind::EngineStats | SourceKind::None => State::Note,
    };
    let message = format!("figures come from {source}");
    Finding { name: "usage".to_owned(), state, message }
}
