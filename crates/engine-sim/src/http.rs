//! The same engine on a socket, as the Docker Engine's own interface, version 1.41.
//!
//! For whoever wants to run a real client against it: the adapter for real engines, or a whole
//! controller. Every request travels as one over the port does, with latency and faults; the clock is
//! the real one then, and nothing is deterministic any more.
//!
//! Invariant: an engine out of reach, and a call whose connection breaks, are told by an answer that
//! ends in its middle, as the socket itself stays open. Deliberately absent: logs beyond the words of a
//! failed init, exec, builds, and whatever trueup never asks for.

mod answer;
mod body;
mod container;
mod event;
mod filter;
mod image;
mod inspect;
mod network;
mod system;
mod volume;

use crate::SimEngine;
use axum::Router;
use tokio::net::UnixListener;

impl SimEngine {
    /// Answers on the socket until it is dropped or the socket fails.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn serve(&self, listener: UnixListener) -> std::io::Result<()> {
        let routes = routes();
        let all = routes.clone().nest("/v1.41", routes).with_state(self.clone());
        axum::serve(listener, all).await
    }
}

fn routes() -> Router<SimEngine> {
    Router::new()
        .merge(system::routes())
        .merge(event::routes())
        .merge(container::routes())
        .merge(image::routes())
        .merge(network::routes())
        .merge(volume::routes())
}
