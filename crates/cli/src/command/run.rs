//! `trueup run`: the controller itself, in the foreground, until it is told to end.

use crate::error::Error;
use clap::Args;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};
use trueup_controller::Settings;

/// The arguments of `trueup run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The configuration, a TOML file. Not given: /etc/trueup/trueup.toml if there is one, the
    /// environment (`TRUEUP_ENGINE__HOST` for `engine.host`) and the defaults.
    #[arg(long, env = "TRUEUP_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// One key of the configuration, such as `engine.resync=10s`; stronger than file and
    /// environment. Can be given again for other keys.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(crate) set: Vec<(String, String)>,
}

/// Runs the controller until SIGINT or SIGTERM; a second one ends it at once.
pub(crate) async fn run(arguments: &Run) -> Result<(), Error> {
    let settings = Settings::load(arguments.config.as_deref(), &arguments.set)?;
    let mut interrupts = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let mut terminations = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut asked = async || {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
        }
    };
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let controller = trueup_controller::run(settings, async {
        // An error means that the sender is gone, and with it this whole function.
        let _ = told.await;
    });
    let impatience = async {
        asked().await;
        let _ = tell.send(());
        asked().await;
    };
    tokio::select! {
        result = controller => Ok(result?),
        () = impatience => Ok(()),
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as `engine.resync=10s`".to_owned()),
    }
}
