//! The server: the routes over the domain's ports, and the listeners that carry them.
//!
//! It decides nothing: a write goes to the store, a sync to the controller, and what they answer
//! goes back. Every request has a deadline, every body and every set of connections a bound.
//!
//! [`router`] makes the routes of a [`State`]; [`Listeners`] are bound first, so that a bad address
//! fails before anything runs; [`serve`] answers until it is told to end.

mod adoption;
mod answer;
mod apply;
mod change;
mod connection;
mod events;
mod extract;
mod guard;
mod health;
mod listen;
mod orphans;
mod recent;
mod router;
mod serve;
mod socket;
mod state;
mod usage;
mod view;

pub use connection::{Connection, Peer};
pub use listen::{Bind, Listeners};
pub use router::router;
pub use serve::serve;
pub use state::{Admission, EngineStatus, Live, LiveUsage, Metrics, State};
