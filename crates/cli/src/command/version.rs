//! `trueup version`: of this client, and of the controller if it can be reached.

use crate::{context::Context, error::Error};
use clap::{Args, ValueEnum};
use serde::Serialize;
use trueup_api::wire::VersionInfo;

/// The arguments of `trueup version`.
#[derive(Debug, Args)]
pub(crate) struct Version {
    /// How to show it. `json` gives `{client: {version}, server: {...} or null}`.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// How versions are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(Serialize)]
struct Both<'a> {
    client: Client,
    server: Option<&'a VersionInfo>,
}

#[derive(Serialize)]
struct Client {
    version: &'static str,
}

/// Shows the client's version in any case; fails after that when there is no controller.
pub(crate) async fn run(arguments: &Version, context: &mut Context<'_>) -> Result<(), Error> {
    let answer = context.client.version().await;
    let client = env!("CARGO_PKG_VERSION");
    let server = answer.as_ref().ok();
    match arguments.output {
        Format::Json => {
            context.output.json(&Both { client: Client { version: client }, server })?;
        }
        Format::Text => {
            context.output.line(&format!("client {client}"))?;
            if let Some(server) = server {
                let text = format!("server {} (instance {})", server.version, server.instance_id);
                context.output.line(&text)?;
            }
        }
    }
    answer.map(drop).map_err(Error::from)
}
