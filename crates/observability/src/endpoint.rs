//! From the configured endpoint to the URL that spans are sent to.
//!
//! Invariant: an [`Endpoint`] has the scheme `http`, a host and a path, and
//! carries no password. Absent: HTTPS, which would bring a TLS stack for the one
//! hop that is usually local.

use std::fmt;

use http::Uri;
use http::uri::Scheme;

use crate::Error;

/// Shown in every error about an endpoint.
pub(crate) const EXAMPLE: &str = "http://localhost:4318";

/// The signal path that OTLP/HTTP defines for spans.
const TRACES_PATH: &str = "/v1/traces";

/// The URL that batches of spans are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(Uri);

impl Endpoint {
    /// Reads `http://host:port`, adding the signal path, or a full URL as it is.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let fault = |reason, source| Error::Endpoint { endpoint: redact(text), reason, source };
        let uri: Uri = text.parse().map_err(|e| fault("is not a URL", Some(e)))?;
        let Some(scheme) = uri.scheme() else {
            return Err(fault("has no scheme", None));
        };
        if *scheme == Scheme::HTTPS {
            return Err(fault(
                "uses HTTPS, which this version does not offer: send spans over HTTP to a \
                 collector nearby and let it forward them",
                None,
            ));
        }
        if *scheme != Scheme::HTTP {
            return Err(fault("has a scheme other than http", None));
        }
        if let Some(reason) = authority_fault(&uri) {
            return Err(fault(reason, None));
        }
        with_signal_path(uri).map(Self).ok_or_else(|| fault("is not a URL", None))
    }

    /// The whole URL, as it is requested.
    pub(crate) fn url(&self) -> String {
        self.0.to_string()
    }
}

/// Leaves out the query, which may carry a token: this is what logs show.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0.authority().map_or("", |a| a.as_str());
        write!(f, "http://{authority}{}", self.0.path())
    }
}

fn authority_fault(uri: &Uri) -> Option<&'static str> {
    let authority = uri.authority()?.as_str();
    let host = uri.host().unwrap_or_default();
    if authority.contains('@') {
        return Some("contains a user or password; send credentials as a header instead");
    }
    if host.is_empty() {
        return Some("has no host");
    }
    if authority.len() > host.len() && uri.port_u16().is_none_or(|port| port == 0) {
        return Some("has a port that is not a number from 1 to 65535");
    }
    None
}

fn with_signal_path(uri: Uri) -> Option<Uri> {
    if uri.path() != "/" || uri.query().is_some() {
        return Some(uri);
    }
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(http::uri::PathAndQuery::from_static(TRACES_PATH));
    Uri::from_parts(parts).ok()
}

/// What stands before an `@` may be a password, wherever the text is malformed.
fn redact(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Endpoint::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn a_base_url_gets_the_signal_path() {
        for text in ["http://collector:4318", "http://collector:4318/"] {
            assert_eq!(Endpoint::parse(text).unwrap().url(), "http://collector:4318/v1/traces");
        }
        assert_eq!(Endpoint::parse("http://[::1]").unwrap().url(), "http://[::1]/v1/traces");
    }

    #[test]
    fn a_full_url_is_kept_and_shown_without_its_query() {
        let endpoint = Endpoint::parse("http://host/otlp/traces?token=hush").unwrap();
        assert_eq!(endpoint.url(), "http://host/otlp/traces?token=hush");
        assert_eq!(endpoint.to_string(), "http://host/otlp/traces");
    }

    #[test]
    fn a_bad_endpoint_is_told_what_is_wrong_and_shown_a_valid_one() {
        let cases = [
            ("", "is not a URL"),
            ("http://", "is not a URL"),
            ("http://two words", "is not a URL"),
            ("localhost:4318", "has no scheme"),
            ("/v1/traces", "has no scheme"),
            ("grpc://host:4317", "has a scheme other than http"),
            ("http://:4318", "has no host"),
            ("http://host:", "has a port that is not a number"),
            ("http://host:0", "has a port that is not a number"),
            ("http://host:99999", "has a port that is not a number"),
        ];
        for (text, reason) in cases {
            let message = refusal(text);
            assert!(message.contains(reason), "{text:?}: {message}");
            assert!(message.contains(EXAMPLE), "{text:?}: {message}");
        }
    }

    #[test]
    fn https_is_refused_with_the_way_out() {
        let message = refusal("https://collector:4318");
        assert!(message.contains("HTTPS"), "{message}");
        assert!(message.contains("let it forward"), "{message}");
    }

    #[test]
    fn a_password_is_refused_and_never_repeated() {
        let message = refusal("http://me:hunter2@collector:4318");
        assert!(message.contains("header instead"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
        assert!(!refusal("htt p://me:hunter2@collector").contains("hunter2"));
    }
}
