//! What is checked before any route is looked at: where the request comes from, and how long it takes.

use super::{
    answer::bad_request,
    connection::{Connection, Peer},
};
use crate::{Problem, ProblemKind};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::time::Duration;

/// Refuses over TCP what a web page could have sent.
///
/// A page that has its own name resolve to 127.0.0.1 (DNS rebinding) sends that name as `Host`; a
/// page that posts to another origin sends its own as `Origin`. Browsers do not speak to unix
/// sockets.
pub(super) async fn refuse_browsers(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Connection>().map(|connection| &connection.peer);
    if !matches!(peer, Some(Peer::Unix { .. }))
        && let Err(problem) = check_origin(request.headers())
    {
        return problem.into_response();
    }
    next.run(request).await
}

fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).ok_or_else(|| bad_request("the request has no `Host`"))?;
    if !is_local(host) {
        let detail = format!("`Host: {host}` is not this machine; use 127.0.0.1 or localhost");
        return Err(Problem::new(ProblemKind::Forbidden, detail));
    }
    match text(header::ORIGIN) {
        Some(origin) if origin.strip_prefix("http://") != Some(host) => {
            Err(Problem::new(ProblemKind::Forbidden, format!("`Origin: {origin}` is foreign")))
        }
        _ => Ok(()),
    }
}

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

/// Answers in place of a handler that does not.
pub(super) async fn bound_time(
    State(limit): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        tracing::warn!(seconds = limit.as_secs(), "a request was given up");
        let detail = format!(
            "no answer within {} s; what was asked may or may not have been done",
            limit.as_secs()
        );
        Problem::new(ProblemKind::Unavailable, detail).into_response()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for good in ["localhost", "localhost:7117", "127.0.0.1:7117", "[::1]", "[::1]:7117"] {
            assert!(is_local(good), "{good}");
        }
        for bad in
            ["", "evil.example", "evil.example:7117", "127.0.0.1.evil.example", "localhost:x"]
        {
            assert!(!is_local(bad), "{bad}");
        }
    }

    #[test]
    fn a_page_of_another_origin_is_refused_and_our_own_is_not() {
        let headers = |origin: &str| {
            HeaderMap::from_iter([
                (header::HOST, "127.0.0.1:7117".parse().unwrap()),
                (header::ORIGIN, origin.parse().unwrap()),
            ])
        };
        assert!(check_origin(&headers("http://127.0.0.1:7117")).is_ok());
        for bad in ["http://evil.example", "https://127.0.0.1:7117", "null"] {
            assert_eq!(check_origin(&headers(bad)).unwrap_err().status, 403, "{bad}");
        }
    }
}
