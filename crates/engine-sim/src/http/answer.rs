//! What comes of a request → an HTTP answer.

use crate::{Answer, Refusal, Request, SimEngine, Why, model::desk::Failure};
use axum::{
    Json,
    body::Body,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures::stream;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The variables of a query.
pub(super) type Query = axum::extract::Query<BTreeMap<String, String>>;

/// A failure on its way out.
pub(super) struct Failed(Failure);

/// What a handler gives.
pub(super) type Answered = Result<Response, Failed>;

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self(Failure::Refused(refusal))
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        match self.0 {
            Failure::Refused(refusal) => {
                let status = StatusCode::from_u16(refusal.status)
                    .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, Json(json!({"message": refusal.message}))).into_response()
            }
            Failure::Unreachable | Failure::Broken | Failure::CutShort => {
                let pieces = [Ok("{"), Err(std::io::Error::other("cut by the simulation"))];
                Response::new(Body::from_stream(stream::iter(pieces)))
            }
        }
    }
}

/// A request as it travels over the port.
pub(super) async fn send(sim: &SimEngine, request: Request) -> Result<Answer, Failed> {
    sim.request(request).await.map_err(Failed)
}

/// Sends a request whose answer has no content.
pub(super) async fn change(sim: &SimEngine, request: Request) -> Answered {
    send(sim, request).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// An answer with content.
#[expect(clippy::unnecessary_wraps, reason = "it is the last line of handlers")]
pub(super) fn content(value: Value) -> Answered {
    Ok(Json(value).into_response())
}

/// An answer about something that was made.
#[expect(clippy::unnecessary_wraps, reason = "it is the last line of handlers")]
pub(super) fn made(value: Value) -> Answered {
    Ok((StatusCode::CREATED, Json(value)).into_response())
}

/// The model gave another kind of answer than was asked for, which it never does.
pub(super) fn odd() -> Failed {
    Failed(Failure::CutShort)
}

/// A request that makes no sense.
pub(super) fn invalid(message: impl Into<String>) -> Failed {
    Refusal { status: 400, message: message.into(), why: Why::Invalid }.into()
}
