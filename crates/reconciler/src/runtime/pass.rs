//! One pass: `reconcile` under a deadline, and whatever may go wrong with it.
//!
//! [`run`] always returns. A panic, also one in `on_error`, becomes a result, and the future of a
//! pass that ran out of time is dropped before that is reported, so that the key is free when the
//! queue hears of it. Cancellation is the exception: it is the task that is cut, from outside.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{Instant, timeout};

use super::outcome::PassResult;
use super::request::{ErrorPolicy, Next, Request};

/// What a finished pass leaves behind.
pub(super) struct Finished<E> {
    pub(super) result: PassResult<E>,
    pub(super) at: Instant,
}

/// The caller's two functions and what they share.
pub(super) struct Work<R, P, Ctx> {
    pub(super) reconcile: R,
    pub(super) on_error: P,
    pub(super) ctx: Arc<Ctx>,
    pub(super) timeout: Duration,
}

/// Runs one pass to its end.
pub(super) async fn run<K, C, E, Ctx, R, F, P>(
    work: Arc<Work<R, P, Ctx>>,
    request: Request<K, C>,
) -> Finished<E>
where
    K: Clone,
    R: Fn(Request<K, C>, Arc<Ctx>) -> F,
    F: Future<Output = Result<Next, E>>,
    P: Fn(&K, &E, &Arc<Ctx>) -> ErrorPolicy,
{
    let attempt = async {
        let key = request.key.clone();
        let pass = (work.reconcile)(request, Arc::clone(&work.ctx));
        match timeout(work.timeout, pass).await {
            Ok(Ok(next)) => PassResult::Ok(next),
            Ok(Err(error)) => {
                let policy = (work.on_error)(&key, &error, &work.ctx);
                PassResult::Failed(error, policy)
            }
            Err(_elapsed) => PassResult::TimedOut,
        }
    };
    // Whatever the pass left half done stays in `ctx`, which the caller shares between passes
    // anyway; nothing else survives the panic.
    let result = AssertUnwindSafe(attempt)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| PassResult::Panicked(message(panic.as_ref())));
    Finished { result, at: Instant::now() }
}

/// What a panic said, if it said it in text.
pub(super) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panicked with a value that is not text".to_owned())
}
