//! What every client command works with.

use crate::{arguments::Global, error::Error, output::Output};
use trueup_api::{Client, domain::name::Owner};

/// A client, a way out, and whose workspaces are meant.
pub(crate) struct Context<'a> {
    pub(crate) client: Client,
    pub(crate) output: &'a mut Output,
    /// Narrows every selection.
    pub(crate) owner: Option<Owner>,
}

impl<'a> Context<'a> {
    /// Sets the client up; nothing is connected yet.
    pub(crate) fn new(global: Global, output: &'a mut Output) -> Result<Self, Error> {
        let client = Client::new(global.host.unwrap_or_default())?;
        Ok(Self { client, output, owner: global.owner })
    }
}
