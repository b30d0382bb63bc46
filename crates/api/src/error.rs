//! What goes wrong between the two ends of the API, or where one of them is set up.

use crate::{Address, Problem};
use std::{net::SocketAddr, path::PathBuf};

/// A failure of the client or of the server's set-up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client")]
    Setup(#[source] reqwest::Error),
    /// Nobody answers at the address.
    #[error("cannot reach trueup at {address}: is `trueup run` running?")]
    Unreachable {
        /// Where it was looked for.
        address: Address,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// Whoever asks may not open the socket.
    #[error("cannot reach trueup at {}: you may not open it{access}", path.display())]
    Denied {
        /// The socket.
        path: PathBuf,
        /// Who may, such as ` (mode 0600, its owner is root)`; empty when that cannot be seen.
        access: String,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// The answer did not come in time; what was asked may or may not have been done.
    #[error("trueup at {address} did not answer in time")]
    Deadline {
        /// Who was asked.
        address: Address,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// The exchange broke off; what was asked may or may not have been done.
    #[error("the exchange with trueup at {address} broke off")]
    Broken {
        /// Who was asked.
        address: Address,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// The controller refused.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// What answered is no trueup, or one that speaks another version.
    #[error("{}", unreadable(address, *status, source))]
    Unreadable {
        /// Who was asked.
        address: Address,
        /// The HTTP status of the answer.
        status: u16,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Another controller listens on the socket.
    #[error("another trueup already listens on {}", path.display())]
    SocketInUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is no socket is where the socket should be.
    #[error("{} exists and is no socket; remove it or choose another path", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The socket could not be made.
    #[error("cannot listen on {}: {operation} failed", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The step that failed.
        operation: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The TCP address is reachable from other machines.
    #[error("{address} is not a loopback address; the API has no authentication, so use 127.0.0.1")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The TCP listener could not be made.
    #[error("cannot listen on {address}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

fn unreadable(address: &Address, status: u16, source: &serde_json::Error) -> String {
    if source.is_data() {
        format!("trueup at {address} gave an answer that cannot be read (status {status})")
    } else {
        format!(
            "what answers at {address} (status {status}, no JSON): that does not look like trueup"
        )
    }
}

impl Error {
    /// The controller's refusal, if it is one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }
}
