//! The controller: configuration in, a running `trueup` out.
//!
//! The only place where the crates meet. It wires them, supervises their tasks and ends them in
//! order; it decides nothing about workspaces.

pub mod clock;
mod error;
mod live;
mod metrics;
mod projects;
mod reconciler;
mod report;
mod run;
pub mod settings;
#[cfg(test)]
mod stage;
mod traces;
mod usage;

pub use error::Error;
pub use projects::HostProjects;
pub use run::run;
pub use settings::Settings;
