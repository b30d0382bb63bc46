//! The client: one method per route, over a unix socket or loopback HTTP.
//!
//! Every request has a deadline. Nothing is retried: whoever asks knows whether asking again is
//! right. Proxies of the environment are not used: the controller is on this host.

mod usage;

pub use usage::{UsageRange, UsageStream};

use crate::{
    Address, Error, Problem, ProblemKind,
    wire::{
        AdoptRequest, Adopted, Applied, ApplyRequest, ApplyResponse, DeleteOrphansRequest,
        DeleteOrphansResponse, EventPage, Health, OrphanReport, PassList, StateRequest,
        SyncResponse, Verb, VersionInfo, WorkspaceList, WorkspaceView,
    },
};
use reqwest::{Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use std::{error::Error as _, io, os::unix::fs::MetadataExt, path::Path, time::Duration};
use trueup_domain::{
    id::{EventId, ResourceVersion},
    manifest::Manifest,
    name::{Name, Owner, WorkspaceKey},
};

const CONNECT: Duration = Duration::from_secs(5);
/// Somewhat longer than the server's own, so that its words arrive.
const DEADLINE: Duration = Duration::from_secs(35);
const SWEEP_DEADLINE: Duration = Duration::from_secs(185);

/// A client of one controller. Cheap to clone; connections are shared and kept.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    address: Address,
}

/// Which workspaces to list; what is empty selects nothing out.
#[derive(Debug, Clone, Default)]
pub struct WorkspaceFilter {
    /// Only those of this owner.
    pub owner: Option<Owner>,
    /// Only those with all of these labels.
    pub labels: Vec<(String, String)>,
}

impl WorkspaceFilter {
    fn query(&self) -> Vec<(&'static str, String)> {
        let labels = self.labels.iter().map(|(key, value)| ("label", format!("{key}={value}")));
        let owner = self.owner.iter().map(|owner| ("owner", owner.to_string()));
        labels.chain(owner).collect()
    }
}

/// Whose events to read.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only those of this owner's workspaces.
    pub owner: Option<Owner>,
    /// Only those of workspaces called so.
    pub name: Option<Name>,
}

impl From<&WorkspaceKey> for EventFilter {
    fn from(key: &WorkspaceKey) -> Self {
        Self { owner: Some(key.owner.clone()), name: Some(key.name.clone()) }
    }
}

impl Client {
    /// A client for that address. Connects when it is first used.
    pub fn new(address: Address) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT)
            .user_agent(concat!("trueup/", env!("CARGO_PKG_VERSION")));
        if let Address::Unix(path) = &address {
            builder = builder.unix_socket(path.as_path());
        }
        Ok(Self { http: builder.build().map_err(Error::Setup)?, address })
    }

    /// Where the controller is.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Declares workspaces, all of them or none.
    pub async fn apply(
        &self,
        manifests: &[Manifest],
        dry_run: bool,
    ) -> Result<ApplyResponse, Error> {
        let values = manifests.iter().map(serde_json::to_value).collect::<Result<_, _>>();
        let manifests = values.map_err(|source| self.unreadable(0, source))?;
        let request = self.request(Method::POST, "/v1/workspaces");
        self.send(request.json(&ApplyRequest { manifests, dry_run })).await
    }

    /// The workspaces that the filter takes, by owner and name.
    pub async fn list(&self, filter: &WorkspaceFilter) -> Result<WorkspaceList, Error> {
        self.send(self.request(Method::GET, "/v1/workspaces").query(&filter.query())).await
    }

    /// One workspace.
    pub async fn get(&self, key: &WorkspaceKey) -> Result<WorkspaceView, Error> {
        self.send(self.request(Method::GET, &path(key, ""))).await
    }

    /// One workspace, or `None` when there is none of that name.
    pub async fn find(&self, key: &WorkspaceKey) -> Result<Option<WorkspaceView>, Error> {
        match self.get(key).await {
            Ok(view) => Ok(Some(view)),
            Err(Error::Refused(problem)) if problem.kind == ProblemKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks for the end of a workspace; with `volumes` its named volumes go too.
    pub async fn delete(&self, key: &WorkspaceKey, volumes: bool) -> Result<Applied, Error> {
        let request = self.request(Method::DELETE, &path(key, ""));
        self.send(request.query(&[("volumes", volumes)])).await
    }

    /// Changes the desired state; `seen` makes a newer version a conflict.
    pub async fn set_state(
        &self,
        key: &WorkspaceKey,
        verb: Verb,
        seen: Option<ResourceVersion>,
    ) -> Result<Applied, Error> {
        let request = self.request(Method::POST, &path(key, &format!("/{verb}")));
        self.send(request.json(&StateRequest { resource_version: seen })).await
    }

    /// Takes over a running container that somebody else made.
    pub async fn adopt(&self, request: &AdoptRequest) -> Result<Adopted, Error> {
        self.send(self.request(Method::POST, "/v1/adopt").json(request)).await
    }

    /// Has one workspace reconciled now, or all.
    pub async fn sync(&self, key: Option<&WorkspaceKey>) -> Result<SyncResponse, Error> {
        let path = key.map_or_else(|| "/v1/sync".to_owned(), |key| path(key, "/sync"));
        self.send(self.request(Method::POST, &path)).await
    }

    /// The newest passes of a workspace, newest first.
    pub async fn passes(&self, key: &WorkspaceKey, limit: u32) -> Result<PassList, Error> {
        let request = self.request(Method::GET, &path(key, "/passes"));
        self.send(request.query(&[("limit", limit)])).await
    }

    /// The newest events, oldest of them first.
    pub async fn newest_events(&self, filter: &EventFilter, last: u32) -> Result<EventPage, Error> {
        self.send(self.events_request(filter).query(&[("last", last)])).await
    }

    /// The events after one. Waits for some up to `wait`, which is cut to whole seconds and may be
    /// a minute at most; the page is empty when none came.
    pub async fn events(
        &self,
        filter: &EventFilter,
        after: EventId,
        wait: Duration,
    ) -> Result<EventPage, Error> {
        let query = [("after", after.0), ("wait", wait.as_secs()), ("limit", 1000)];
        self.send(self.events_request(filter).query(&query).timeout(wait + DEADLINE)).await
    }

    /// What is on the engine and belongs to nothing, and what workspaces are without: all of it, or what
    /// is labelled as one owner's.
    pub async fn orphans(&self, owner: Option<&Owner>) -> Result<OrphanReport, Error> {
        let query: Vec<_> = owner.map(|owner| ("owner", owner.as_str())).into_iter().collect();
        self.send(self.request(Method::GET, "/v1/orphans").query(&query)).await
    }

    /// Deletes what belongs to nothing; volumes, with the data in them, only when asked to.
    pub async fn delete_orphans(
        &self,
        owner: Option<&Owner>,
        volumes: bool,
    ) -> Result<DeleteOrphansResponse, Error> {
        let request = self.request(Method::POST, "/v1/orphans/delete").timeout(SWEEP_DEADLINE);
        let owner = owner.cloned();
        self.send(request.json(&DeleteOrphansRequest { volumes, owner })).await
    }

    /// The controller's version.
    pub async fn version(&self) -> Result<VersionInfo, Error> {
        self.send(self.request(Method::GET, "/v1/version")).await
    }

    /// Whether the controller is alive.
    pub async fn health(&self) -> Result<Health, Error> {
        self.send(self.request(Method::GET, "/healthz")).await
    }

    /// Whether the controller can do its work; an answer of "no" is no error.
    pub async fn readiness(&self) -> Result<Health, Error> {
        let response = self.exchange(self.request(Method::GET, "/readyz")).await?;
        self.read(response).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let base = match &self.address {
            // The name does not matter there, but HTTP wants one.
            Address::Unix(_) => "http://localhost",
            Address::Http(url) => url,
        };
        self.http.request(method, format!("{base}{path}")).timeout(DEADLINE)
    }

    fn events_request(&self, filter: &EventFilter) -> RequestBuilder {
        let owner = filter.owner.iter().map(|owner| ("owner", owner.as_str()));
        let name = filter.name.iter().map(|name| ("name", name.as_str()));
        let query: Vec<_> = owner.chain(name).collect();
        self.request(Method::GET, "/v1/events").query(&query)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let response = self.exchange(request).await?;
        let response = self.accepted(response).await?;
        self.read(response).await
    }

    /// The response, unless it is a refusal.
    async fn accepted(&self, response: Response) -> Result<Response, Error> {
        if response.status().is_success() {
            return Ok(response);
        }
        let problem: Problem = self.read(response).await?;
        Err(Error::Refused(Box::new(problem)))
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Response, Error> {
        request.send().await.map_err(|source| self.failed(source))
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Error> {
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(|source| self.failed(source))?;
        serde_json::from_slice(&bytes).map_err(|source| self.unreadable(status, source))
    }

    fn failed(&self, source: reqwest::Error) -> Error {
        let address = self.address.clone();
        if source.is_connect() {
            match address {
                Address::Unix(path) if is_denied(&source) => {
                    Error::Denied { access: access(&path), path, source }
                }
                address => Error::Unreachable { address, source },
            }
        } else if source.is_timeout() {
            Error::Deadline { address, source }
        } else {
            Error::Broken { address, source }
        }
    }

    fn unreadable(&self, status: u16, source: serde_json::Error) -> Error {
        Error::Unreadable { address: self.address.clone(), status, source }
    }
}

/// Whether the system refused the connection for want of a permission.
fn is_denied(error: &reqwest::Error) -> bool {
    std::iter::successors(error.source(), |&cause| cause.source())
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::PermissionDenied)
}

/// Who may open it, as the end of a sentence; nothing when a folder above it hides that.
fn access(socket: &Path) -> String {
    let Ok(metadata) = socket.metadata() else { return String::new() };
    let mode = metadata.mode() & 0o777;
    let owner = match metadata.uid() {
        0 => "root".to_owned(),
        uid => format!("the user with the id {uid}"),
    };
    format!(" (mode {mode:04o}, its owner is {owner})")
}

/// The path of a workspace; its parts are DNS labels and need no escaping.
fn path(key: &WorkspaceKey, rest: &str) -> String {
    format!("/v1/workspaces/{}/{}{rest}", key.owner, key.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[test]
    fn who_may_open_a_socket_is_told_as_far_as_it_can_be_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trueup.sock");
        assert_eq!(access(&path), "");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let text = access(&path);
        assert!(text.starts_with(" (mode 0600, its owner is "), "{text}");
    }
}
