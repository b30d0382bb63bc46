//! Awaits that a test can count: each is pending exactly once.

use std::{
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
};
use tokio::runtime::{Builder, Runtime};

/// Pending once, then ready: one place at which a pass can be cut off.
pub(crate) fn step() -> impl Future<Output = ()> + Send {
    let mut was_polled = false;
    std::future::poll_fn(move |context| {
        if was_polled {
            return Poll::Ready(());
        }
        was_polled = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Polls a future once, by hand.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    // A timer may be made, and never fires: no time passes between two polls.
    let _reactor = REACTOR.enter();
    future.poll(&mut Context::from_waker(Waker::noop()))
}

static REACTOR: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());
