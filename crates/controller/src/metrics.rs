//! What is counted and measured, in one registry, and the text that a collector of metrics is given.
//!
//! The registry is made where everything is wired and handed to whoever has something to register; there
//! is no global one. Nothing is registered once it is here.

use prometheus_client::{encoding::text::encode, registry::Registry};
use std::fmt;
use trueup_api::server;

/// A registry that is complete.
pub(crate) struct Metrics(pub(crate) Registry);

impl server::Metrics for Metrics {
    fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0)?;
        Ok(text)
    }
}
