//! What handlers take from a request. Each refuses with a [`Problem`] that names what is wrong.

use super::{answer::bad_request, connection::Connection, state::Api};
use crate::{Problem, ProblemKind};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;
use std::{fmt::Display, str::FromStr};
use trueup_domain::{
    name::WorkspaceKey,
    pass::{Cause, CauseKind},
};

/// The parameters of a query, taken out one by one; what is left at the end is unknown.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The value of a parameter that may be given once.
    pub(super) fn take<T>(&mut self, name: &str) -> Result<Option<T>, Problem>
    where
        T: FromStr<Err: Display>,
    {
        let mut values = self.take_all(name);
        let value = values.pop();
        if !values.is_empty() {
            return Err(bad_request(format!("parameter `{name}` is given more than once")));
        }
        value.map(|text| read_parameter(name, &text)).transpose()
    }

    /// The values of a parameter that may be repeated.
    pub(super) fn take_all(&mut self, name: &str) -> Vec<String> {
        self.0.extract_if(.., |(key, _)| key == name).map(|(_, value)| value).collect()
    }

    /// Refuses what nobody took.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.0.first() {
            Some((name, _)) => Err(bad_request(format!("unknown parameter `{name}`"))),
            None => Ok(()),
        }
    }
}

fn read_parameter<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| bad_request(format!("parameter `{name}`: `{text}`: {error}")))
}

impl FromRequestParts<Api> for Parameters {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let Query(pairs) =
            Query::try_from_uri(&parts.uri).map_err(|error| bad_request(error.body_text()))?;
        Ok(Self(pairs))
    }
}

/// The `{owner}/{name}` of a path.
pub(super) struct Key(pub(super) WorkspaceKey);

impl FromRequestParts<Api> for Key {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Path(segments) = Path::<Vec<(String, String)>>::from_request_parts(parts, api)
            .await
            .map_err(|error| bad_request(error.body_text()))?;
        let segment = |wanted: &str| {
            let found = segments.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let owner = segment("owner").parse().map_err(bad_request)?;
        let name = segment("name").parse().map_err(bad_request)?;
        Ok(Self(WorkspaceKey { owner, name }))
    }
}

/// Who asks, and as part of which trace.
pub(super) struct Caller {
    pub(super) actor: String,
    pub(super) traceparent: Option<String>,
}

impl Caller {
    /// The cause of a pass that this caller brings about.
    pub(super) fn cause(&self, kind: CauseKind, detail: &str) -> Cause {
        Cause {
            actor: Some(self.actor.clone()),
            traceparent: self.traceparent.clone(),
            ..Cause::new(kind, detail)
        }
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let actor = connection(parts)?.peer.actor().await;
        Ok(Self { actor, traceparent: traceparent(&parts.headers) })
    }
}

impl FromRequestParts<Api> for Connection {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        connection(parts).cloned()
    }
}

fn connection(parts: &Parts) -> Result<&Connection, Problem> {
    let lost = || Problem::new(ProblemKind::Other, "the request carries no connection");
    parts.extensions.get().ok_or_else(lost)
}

/// The W3C `traceparent`; one that is malformed is as good as none, as the standard has it.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        let part = parts.next()?;
        let is_hex = part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (part.len() == length && is_hex).then_some(part)
    };
    let (version, trace, span, _flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
    let good = version == "00" && !is_zero(trace) && !is_zero(span) && parts.next().is_none();
    good.then(|| text.to_owned())
}

/// A JSON body. An empty one counts as `{}`, for requests that need none.
///
/// A body must call itself JSON: a web page cannot send that to another origin unasked.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = Bytes::from_request(request, api).await.map_err(|rejection| {
            let kind = match rejection.status().as_u16() {
                413 => ProblemKind::TooLarge,
                _ => ProblemKind::BadRequest,
            };
            Problem::new(kind, rejection.body_text())
        })?;
        let text: &[u8] = match (bytes.is_empty(), is_json) {
            (true, _) => b"{}",
            (false, true) => &bytes,
            (false, false) => {
                let detail = "send the body with `content-type: application/json`";
                return Err(Problem::new(ProblemKind::UnsupportedMediaType, detail));
            }
        };
        let value =
            serde_json::from_slice(text).map_err(|error| bad_request(format!("body: {error}")))?;
        Ok(Self(value))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(text: &str) -> Option<String> {
        traceparent(&HeaderMap::from_iter([(
            header::HeaderName::from_static("traceparent"),
            text.parse().unwrap(),
        )]))
    }

    #[test]
    fn a_traceparent_is_taken_only_when_it_is_well_formed() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(parent(good).as_deref(), Some(good));
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(parent(bad), None, "{bad}");
        }
    }
}
