//! Finds the Docker Engine that tests are to use.
//!
//! `DOCKER_HOST` wins; without it the usual sockets are tried in order. Nothing falls back
//! silently: an endpoint that is named but does not answer is an error that says what to do.
//! Deliberately absent: TLS and ssh endpoints, Docker contexts, and starting an engine (`dockerd`).

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bollard::{API_DEFAULT_VERSION, Docker};

/// Where an engine listens, in the form of `DOCKER_HOST`: `unix:///path` or `tcp://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

const HOST_VARIABLE: &str = "DOCKER_HOST";
const PING_DEADLINE: Duration = Duration::from_secs(5);
const CALL_SECONDS: u64 = 60;

/// The engine's endpoint, after it answered a ping.
///
/// # Errors
/// If there is none or it does not answer; the text says what to install or set.
pub async fn find() -> Result<Endpoint> {
    let named = std::env::var(HOST_VARIABLE).ok();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let endpoint = choose(named.as_deref(), &usual_sockets(runtime))?;
    endpoint.ping().await.with_context(|| {
        format!(
            "the engine at {endpoint} does not answer; start it (`systemctl start docker`), \
             check that you may use its socket, or point {HOST_VARIABLE} at another one"
        )
    })?;
    Ok(endpoint)
}

/// A client for the engine that [`find`] found.
pub async fn connect() -> Result<Docker> {
    find().await?.client()
}

impl Endpoint {
    /// Accepts `unix:///path` and `tcp://host:port`.
    pub fn parse(text: &str) -> Result<Self> {
        let known = ["unix://", "tcp://"].iter().any(|scheme| {
            text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && rest != "/")
        });
        if !known {
            bail!("{HOST_VARIABLE} is `{text}`; tests can use unix:///path and tcp://host:port");
        }
        Ok(Self(text.to_owned()))
    }

    /// The text for `DOCKER_HOST`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A client; it connects with its first call, and every call has a deadline of a minute.
    pub fn client(&self) -> Result<Docker> {
        let client = if self.0.starts_with("unix://") {
            Docker::connect_with_unix(&self.0, CALL_SECONDS, API_DEFAULT_VERSION)
        } else {
            Docker::connect_with_http(&self.0, CALL_SECONDS, API_DEFAULT_VERSION)
        };
        client.with_context(|| format!("cannot make a client for {self}"))
    }

    /// Whether the engine answers, within five seconds.
    pub async fn ping(&self) -> Result<()> {
        let client = self.client()?;
        tokio::time::timeout(PING_DEADLINE, client.ping())
            .await
            .with_context(|| format!("no answer within {PING_DEADLINE:?}"))??;
        Ok(())
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn choose(named: Option<&str>, sockets: &[PathBuf]) -> Result<Endpoint> {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return Endpoint::parse(named);
    }
    match sockets.iter().find(|socket| socket.exists()) {
        Some(socket) => Endpoint::parse(&format!("unix://{}", socket.display())),
        None => bail!(
            "no Docker Engine found: {HOST_VARIABLE} is not set and there is no socket at {}; \
             install one (Debian: `apt-get install docker.io`) or set {HOST_VARIABLE}",
            sockets.iter().map(|s| s.display().to_string()).collect::<Vec<_>>().join(" or ")
        ),
    }
}

fn usual_sockets(runtime: Option<PathBuf>) -> Vec<PathBuf> {
    let rootless = runtime.map(|folder| folder.join("docker.sock"));
    std::iter::once(PathBuf::from("/var/run/docker.sock")).chain(rootless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_wins_over_a_socket() {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = choose(Some("tcp://localhost:2375"), &[folder.path().into()]).unwrap();
        assert_eq!(endpoint.as_str(), "tcp://localhost:2375");
    }

    #[test]
    fn without_the_variable_the_first_socket_that_exists_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let sockets = [folder.path().join("missing"), folder.path().to_path_buf()];
        for unset in [None, Some("")] {
            let endpoint = choose(unset, &sockets).unwrap();
            assert_eq!(endpoint.as_str(), format!("unix://{}", folder.path().display()));
        }
    }

    #[test]
    fn without_any_engine_the_message_says_what_to_install() {
        let error = choose(None, &["/nowhere/docker.sock".into()]).unwrap_err().to_string();
        assert!(error.contains("/nowhere/docker.sock"), "{error}");
        assert!(error.contains("apt-get install docker.io"), "{error}");
        assert!(error.contains("DOCKER_HOST"), "{error}");
    }

    #[test]
    fn schemes_that_the_tests_cannot_use_are_refused() {
        for bad in ["ssh://host", "/var/run/docker.sock", "unix://", "tcp://"] {
            assert!(choose(Some(bad), &[]).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn an_engine_that_does_not_answer_is_an_error() {
        let endpoint = Endpoint::parse("unix:///nowhere/docker.sock").unwrap();
        assert!(endpoint.ping().await.is_err());
    }
}
