//! Bytes to and from the engine: one HTTP client for bollard and for our own lean reads.
//!
//! Invariant: a request carries the newest API version that the engine and bollard's models share,
//! once that is known. Making a transport needs no living engine.
//!
//! The lean reads exist as bollard's typed lists fail as a whole when one row holds a word that its
//! closed enums do not know, and as they decode much that nobody here looks at. Deliberately absent:
//! a connection pool (a connection to a local socket costs less than finding out that one is dead).

use bollard::{BollardRequest, ClientVersion, Docker, errors::Error as Refusal};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, ResponseFuture, connect::HttpConnector},
    rt::TokioExecutor,
};
use hyperlocal::UnixConnector;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use crate::Error;

/// API versions 1.x that are spoken here.
const OLDEST: u16 = 41;
const NEWEST: u16 = 52;

/// bollard's own timeout covers only the answer's head and counts whole seconds; the deadlines are
/// in `call`, so this one must never come first.
const NEVER_SECONDS: u64 = 24 * 60 * 60;

/// The longest body of a lean read; a list of 10,000 containers has about 20 MB.
const LONGEST_BODY: usize = 256 << 20;

/// A way to the engine.
#[derive(Clone)]
pub(crate) struct Transport {
    /// bollard's client over this transport.
    pub(crate) docker: Docker,
    /// The address as the user wrote it, for messages.
    pub(crate) host: Arc<str>,
    send: Arc<Sender>,
    base: Arc<str>,
    /// The minor version to ask for; 0 while it is not known.
    minor: Arc<AtomicU16>,
}

type Sender = dyn Fn(BollardRequest) -> ResponseFuture + Send + Sync;

/// The bytes of an answer, in pieces as they come.
pub(crate) type Body = BoxStream<'static, Result<Bytes, Refusal>>;

impl Transport {
    /// A way to `unix:///path` or `tcp://host:port`.
    pub(crate) fn new(host: &str) -> Result<Self, Error> {
        let unusable = || Error::Host { host: host.to_owned() };
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(0);
        let (base, send): (String, Arc<Sender>) = if let Some(path) = host.strip_prefix("unix://") {
            if !path.starts_with('/') || path == "/" {
                return Err(unusable());
            }
            let client = builder.build(UnixConnector);
            let uri: Uri = hyperlocal::Uri::new(path, "/").into();
            // Without the port that hyperlocal adds: bollard's URL parser knows none for `unix`.
            let base = format!("unix://{}", uri.host().ok_or_else(unusable)?);
            (base, Arc::new(move |request| client.request(request)))
        } else if let Some(address) = host.strip_prefix("tcp://") {
            let address = address.trim_end_matches('/');
            let base = format!("http://{address}");
            if address.is_empty() || base.parse::<Uri>().is_err() {
                return Err(unusable());
            }
            let client = builder.build(HttpConnector::new());
            (base, Arc::new(move |request| client.request(request)))
        } else {
            return Err(unusable());
        };
        let minor = Arc::new(AtomicU16::new(0));
        let docker = client(&base, Arc::clone(&send), Arc::clone(&minor))
            .map_err(|source| Error::Client { host: host.to_owned(), source })?;
        Ok(Self { docker, host: host.into(), send, base: base.into(), minor })
    }

    /// Finds out which version to ask for, unless that is known.
    pub(crate) async fn negotiate(&self) -> Result<(), Refusal> {
        if self.minor.load(Ordering::Relaxed) > 0 {
            return Ok(());
        }
        let range: VersionRange = self.get("/version").await?;
        let minor = range.choose().ok_or(Refusal::APIVersionParseError {})?;
        self.minor.store(minor, Ordering::Relaxed);
        Ok(())
    }

    /// The engine may be another one by now: to be called whenever it could not be reached.
    pub(crate) fn forget_version(&self) {
        self.minor.store(0, Ordering::Relaxed);
    }

    /// Reads `path` (with its query) and takes from the answer what `T` names.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        let body =
            collect(self.open(self.request(Method::GET, path, Bytes::new())?).await?).await?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Sends `content` to `path`, for requests that need a field which bollard's models lack.
    pub(crate) async fn post<T: Serialize + Sync>(
        &self,
        path: &str,
        content: &T,
    ) -> Result<(), Refusal> {
        let content = Bytes::from(serde_json::to_vec(content)?);
        collect(self.open(self.request(Method::POST, path, content)?).await?).await?;
        Ok(())
    }

    /// Opens an answer that does not end by itself.
    pub(crate) async fn stream(&self, path: &str) -> Result<Body, Refusal> {
        self.open(self.request(Method::GET, path, Bytes::new())?).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        content: Bytes,
    ) -> Result<BollardRequest, Refusal> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(bollard::body_full(content))?;
        Ok(versioned(request, self.minor.load(Ordering::Relaxed)))
    }

    /// Waits for the head of the answer; a refusal is read to its end and becomes an error.
    async fn open(&self, request: BollardRequest) -> Result<Body, Refusal> {
        let response = (self.send)(request).await?;
        let status = response.status();
        let body = response.into_body().into_data_stream().map_err(Refusal::from).boxed();
        if status.is_success() {
            return Ok(body);
        }
        Err(refusal(status, &collect(body).await?))
    }
}

fn client(base: &str, send: Arc<Sender>, minor: Arc<AtomicU16>) -> Result<Docker, Refusal> {
    let transport = move |request: BollardRequest| {
        let answer = send(versioned(request, minor.load(Ordering::Relaxed)));
        async move { answer.await.map_err(Refusal::from) }
    };
    let newest = ClientVersion { major_version: 1, minor_version: usize::from(NEWEST) };
    Docker::connect_with_custom_transport(transport, Some(base), NEVER_SECONDS, &newest)
}

/// Puts the version in front of the path, unless it is not known or one is there already.
fn versioned(mut request: BollardRequest, minor: u16) -> BollardRequest {
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let has_version =
        path.strip_prefix("/v").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if minor == 0 || has_version {
        return request;
    }
    let mut parts = request.uri().clone().into_parts();
    // A valid path with a valid prefix is valid; if not, the request goes out as it came.
    parts.path_and_query = format!("/v1.{minor}{path}").parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

async fn collect(mut body: Body) -> Result<Vec<u8>, Refusal> {
    let mut whole = Vec::new();
    while let Some(piece) = body.try_next().await? {
        if whole.len() + piece.len() > LONGEST_BODY {
            let error = "the engine's answer is too long";
            return Err(std::io::Error::other(error).into());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

/// The engine's own words, which it wraps in JSON except where it refuses a version.
fn refusal(status: StatusCode, body: &[u8]) -> Refusal {
    #[derive(Deserialize)]
    struct Wrapped {
        message: String,
    }
    let message = serde_json::from_slice::<Wrapped>(body)
        .map_or_else(|_| String::from_utf8_lossy(body).trim().to_owned(), |it| it.message);
    Refusal::DockerResponseServerError { status_code: status.as_u16(), message }
}

/// What the engine says about versions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VersionRange {
    api_version: String,
    #[serde(default, rename = "MinAPIVersion")]
    min_api_version: String,
}

impl VersionRange {
    /// The newest minor version of both sides. An engine that has left all of ours behind is asked
    /// for its oldest, as most of it still means the same.
    fn choose(&self) -> Option<u16> {
        let minor = |text: &str| text.strip_prefix("1.")?.parse::<u16>().ok();
        let newest = minor(&self.api_version).filter(|newest| *newest >= OLDEST)?;
        Some(newest.min(NEWEST).max(minor(&self.min_api_version).unwrap_or(OLDEST)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(newest: &str, oldest: &str) -> Option<u16> {
        VersionRange { api_version: newest.to_owned(), min_api_version: oldest.to_owned() }.choose()
    }

    fn sent(path: &str, minor: u16) -> String {
        let uri = format!("unix://2f61{path}");
        let request = Request::get(uri).body(bollard::body_full(Bytes::new())).unwrap();
        versioned(request, minor).uri().path_and_query().unwrap().to_string()
    }

    #[test]
    fn the_newest_version_that_both_sides_know_is_spoken() {
        assert_eq!(choose("1.41", "1.12"), Some(41));
        assert_eq!(choose("1.52", "1.44"), Some(52));
        assert_eq!(choose("1.60", "1.44"), Some(NEWEST));
        assert_eq!(choose("1.70", "1.60"), Some(60));
        assert_eq!(choose("1.40", "1.12"), None);
        assert_eq!(choose("nonsense", ""), None);
    }

    #[test]
    fn the_version_is_put_before_every_path_once() {
        assert_eq!(sent("/containers/json?all=1", 41), "/v1.41/containers/json?all=1");
        assert_eq!(sent("/containers/json?all=1", 0), "/containers/json?all=1");
        assert_eq!(sent("/v1.53/info", 41), "/v1.53/info");
        assert_eq!(sent("/volumes/v1", 41), "/v1.41/volumes/v1");
        assert_eq!(sent("/version", 41), "/v1.41/version");
    }

    #[test]
    fn only_plain_sockets_are_addresses() {
        for good in ["unix:///var/run/docker.sock", "tcp://localhost:2375", "tcp://[::1]:2375/"] {
            assert!(Transport::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "unix://",
            "unix:///",
            "unix://run/docker.sock",
            "tcp://",
            "ssh://host",
            "https://x:2376",
        ] {
            assert!(Transport::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refusal_keeps_the_engines_words() {
        for body in [&br#"{"message":"no such thing"}"#[..], b"no such thing\n"] {
            let Refusal::DockerResponseServerError { status_code, message } =
                refusal(StatusCode::NOT_FOUND, body)
            else {
                panic!("another error")
            };
            assert_eq!((status_code, message.as_str()), (404, "no such thing"));
        }
    }
}
