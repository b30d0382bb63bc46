//! Why the controller could not start, or had to end.

use std::path::PathBuf;

/// What ends the controller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be read, or names a key that does not exist.
    #[error("the configuration cannot be used")]
    Settings {
        /// Which key or file, and why.
        #[source]
        source: Box<config::ConfigError>,
    },
    /// A value of the configuration breaks a rule.
    #[error("the configuration's `{key}` {why}")]
    Setting {
        /// The key.
        key: &'static str,
        /// The rule.
        why: String,
    },
    /// A variable of the environment looks like a key and is none.
    #[error("the environment has {name}, which means nothing; write {meant}, with two underscores")]
    Variable {
        /// As it is.
        name: String,
        /// As it was probably meant.
        meant: String,
    },
    /// Logging or tracing could not be set up.
    #[error("logging and tracing cannot be set up")]
    Observability(#[from] trueup_observability::Error),
    /// The folder of the store could not be made.
    #[error("the folder {} for the store cannot be made", path.display())]
    StoreFolder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The store could not be opened or closed.
    #[error("the store cannot be used")]
    Store(#[from] trueup_store::Error),
    /// The engine's address is no use. An engine that is merely down is no error.
    #[error("the engine's address cannot be used")]
    Engine(#[from] trueup_docker_adapter::Error),
    /// The API could not be served.
    #[error("the API cannot be served")]
    Api(#[from] trueup_api::Error),
    /// A task that must live ended.
    #[error("the {task} ended unexpectedly{}", panic.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Ended {
        /// Which.
        task: &'static str,
        /// What it panicked with, if it did.
        panic: Option<String>,
    },
}

impl Error {
    /// Whether the configuration is to blame, so that starting again cannot help.
    pub const fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Settings { .. }
                | Self::Setting { .. }
                | Self::Variable { .. }
                | Self::Engine(_)
                | Self::Observability(_)
        )
    }
}
