//! A generic controller: streams of keys in, a stream of outcomes out, a `reconcile` function
//! between.
//!
//! It brings the things that keys stand for to where they should be, and keeps them there. What
//! they are is the caller's business; nothing here knows. Those who know the `Controller` of
//! kube-rs will find their way around, if they keep in mind that
//!
//! - a success answers with [`Next`]; `on_error` only says what kind of failure it was, and the
//!   runtime keeps the backoff;
//! - the stream yields one [`Outcome`] for each pass, and ends at the shutdown signal, not when the
//!   sources do;
//! - keys come from any stream, and ten of them run at once unless told otherwise;
//! - an [`Owner`] is somebody to be fair to, and has nothing to do with owner references.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use futures::StreamExt;
//! use tokio::sync::Mutex;
//! use trueup_reconciler::runtime::{Controller, ErrorPolicy, Next, PassResult, Priority};
//!
//! /// Keeps every lamp of a house as bright as the room should be.
//! #[derive(Default)]
//! struct House {
//!     lit: Mutex<Vec<&'static str>>,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let dusk = futures::stream::iter(["kitchen", "hall"]);
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//!
//! let controller = Controller::new("lamps", fastrand::Rng::with_seed(1))
//!     .watches(dusk, |room| [(room, "it got dark")])
//!     .concurrency(1)
//!     .timeout(Duration::from_secs(5))
//!     // Also when the sender is dropped.
//!     .graceful_shutdown_on(async { stopped.await.unwrap_or_default() });
//! controller.handle().enqueue("cellar", "somebody pressed the switch", Priority::User);
//!
//! let house = Arc::new(House::default());
//! let outcomes: Vec<_> = controller
//!     .run(
//!         async |request, house: Arc<House>| {
//!             house.lit.lock().await.push(request.key);
//!             if request.key == "hall" { Err("the bulb is broken") } else { Ok(Next::await_change()) }
//!         },
//!         |_room, _error, _house| ErrorPolicy::Terminal,
//!         Arc::clone(&house),
//!     )
//!     .take(3)
//!     .collect()
//!     .await;
//!
//! assert_eq!(*house.lit.lock().await, ["cellar", "kitchen", "hall"]);
//! assert!(outcomes[0].result.is_ok());
//! assert!(matches!(outcomes[2].result, PassResult::Failed("the bulb is broken", _)));
//! drop(stop);
//! # }
//! ```
//!
//! `cargo run -p trueup-reconciler --example folder` keeps a folder of files as it was declared, and
//! `--example certificates` renews what would expire.
//!
//! # Flow
//!
//! 1. Something names a key with a cause: a watched stream, the periodic source, a [`Handle`].
//! 2. The key stands in its owner's line. Until its turn comes, further causes are merged into it.
//! 3. A place is free, and the key is the next: a *pass* starts, in a worker task beside the others
//!    (which is used again, so that nothing belongs in task-locals), with all causes that were merged. What names the key from now on leads to another pass, after this.
//! 4. `reconcile` returns when to look again ([`Next`]), or fails, and `on_error` says what kind of
//!    failure it is ([`ErrorPolicy`]); or it panics, or runs out of time. What follows is up to the
//!    [`Policies`]: mostly a retry with [`Backoff`].
//! 5. The key is free again and the [`Outcome`] comes out of the stream. Only then can the key's
//!    next pass start.
//! 6. The shutdown signal comes: nothing starts any more, the passes under way are asked to end, and
//!    the stream ends when the last one has, or at the end of the drain, which cuts off what is left.
//!
//! # Guarantees
//!
//! - A key stands in line at most once and never runs twice at once. Whatever is named during a
//!   pass is looked at again by a pass that starts after it.
//! - Nothing runs before its deadline, and the earliest deadline wins. A key has separate timers
//!   for its retry, for its wake-up and for what was submitted with a delay. An event runs the key
//!   at once and leaves its backoff where it was; a backoff does not put off a wake-up; a success
//!   ends the backoff and replaces the wake-up by its own.
//! - More urgent causes go first, but each key is overtaken only by what comes in while it waits
//!   for at most three aging intervals. After that it is ahead of everything new.
//! - With [`fair_between`](Controller::fair_between), owners take turns: each has one ticket in line,
//!   and goes to the end with every start. Then the bound above holds for the owner's next key, and
//!   one owner's thousand keys cost another's equally urgent one no more than a single turn. An owner
//!   is as urgent as its most urgent key, and its oldest keys go first.
//! - Failures lengthen the backoff only if the delay before was waited out. With
//!   [`remember_retries`](Controller::remember_retries) a restart takes up where the last process
//!   stopped, but for what had not been saved when it crashed.
//! - Every cause is handed to exactly one pass. A pass is handed the first 64 (by default) and
//!   told how many there were beyond that.
//! - However a pass ends, its key is released and there is one outcome, unless the stream is
//!   dropped. At most the configured number of passes is in flight.
//! - A key about which nothing is due, planned or running is forgotten. Its place in the queue may
//!   be kept for a while, but no more of those than three for each key that is known, and a thousand.
//! - An operation takes a few steps, whether a thousand keys wait or a million; only timers take
//!   O(log n).
//!
//! # Assumptions
//!
//! - `reconcile` is level-triggered: it looks at the state of things instead of trusting the
//!   causes, and may run once for many of them, or once more than needed.
//! - It may be cut off at any await, by its deadline or the end of the drain, and run again. It is
//!   asked to end before that ([`Request::cancelled`]) and may finish in order.
//! - There are boundedly many distinct keys. The queue merges but never refuses one, since that
//!   would lose a change.
//! - An owner does not change while its key is known.
//!
//! # Caveats
//!
//! - Nothing moves unless the stream is polled. A consumer that is slow with the outcomes slows the
//!   controller down; let it hand them on.
//! - A `reconcile` that blocks its thread cannot be interrupted: its deadline counts when it next
//!   awaits. At the end of the drain its outcome is `Cancelled`, although it may still be running.
//! - Panics are only caught where they unwind, and not in the functions that map and list keys, nor
//!   in the [`RetryStore`]: those bring down whoever polls the stream. `Hash`, `Eq`, `Clone` and
//!   `Drop` of keys, causes and errors, and the owner function, must not panic, and must not use a
//!   [`Handle`]: they are called under the queue's lock.
//! - What was in line at the shutdown is not run and has no outcome. It can be seen in
//!   [`Handle::snapshot`]; the next start finds it by looking.
//! - Full jitter includes a delay of zero. Give `on_error` a
//!   [`RetryAfter`](ErrorPolicy::RetryAfter) where a pause is a must.
//! - A hot loop may be found late, when another busy key shares its counter, but not falsely, as long
//!   as keys differ in their hashes.

mod backoff;
mod causes;
mod controller;
mod crew;
mod flights;
mod handle;
mod metrics;
mod outcome;
mod owner;
mod pass;
mod policy;
mod queue;
mod request;
mod retries;
mod runner;
mod shared;
mod source;
mod sync;

#[cfg(all(test, feature = "loom"))]
mod interleavings;

pub use backoff::Backoff;
pub use causes::{CauseList, Causes};
pub use controller::Controller;
pub use handle::Handle;
pub use outcome::{Outcome, PassResult};
pub use owner::Owner;
pub use policy::{ErrorPolicy, Policies};
pub use queue::{
    Finish, HotLoop, HotLoopLimit, KeyState, Limits, Queue, RateLimit, RetryState, Snapshot, Start,
    Stats, Ticket,
};
pub use request::{Add, Cause, Enqueued, Next, Priority, Request, Trigger};
pub use retries::{RetryStore, StoreError};
