//! What can be wrong with the options; a failing engine is an `EngineError` of the port instead.

/// Why no [`DockerEngine`](crate::DockerEngine) can be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address has a scheme that is not spoken here.
    #[error(
        "cannot use `{host}` as the engine's address; write unix:///path/to/docker.sock or \
         tcp://host:port (TLS and ssh are not supported)"
    )]
    Host {
        /// The address as it was given.
        host: String,
    },
    /// The client refuses the address.
    #[error("cannot make a client for the engine at {host}")]
    Client {
        /// The address as it was given.
        host: String,
        /// What the client says.
        #[source]
        source: bollard::errors::Error,
    },
}
