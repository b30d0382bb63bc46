//! Every refusal becomes `application/problem+json` here, and every failure is logged here, once.

use crate::{Problem, ProblemKind};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::error::Error as _;
use trueup_domain::error::StoreError;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Conflict { .. } => ProblemKind::Conflict,
            StoreError::Deleting { .. } => ProblemKind::Deleting,
            StoreError::NotFound { .. } => ProblemKind::NotFound,
            StoreError::Backend { .. } => {
                tracing::error!(cause = chain(&error), "{error}");
                ProblemKind::Unavailable
            }
        };
        Self::new(kind, describe(&error))
    }
}

/// An error in its own words, and in those of its innermost source, which say what to do about it. What
/// lies between is for the log.
pub(super) fn describe(error: &StoreError) -> String {
    match std::iter::successors(error.source(), |&error| error.source()).last() {
        Some(root) => format!("{error}: {root}"),
        None => error.to_string(),
    }
}

/// What the sources of an error say, outermost first.
fn chain(error: &StoreError) -> String {
    let sources = std::iter::successors(error.source(), |&error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A request that cannot be read.
pub(super) fn bad_request(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::BadRequest, detail)
}
