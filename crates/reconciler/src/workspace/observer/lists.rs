//! When everything is listed, and the list that is under way.
//!
//! Invariants: one list at a time; one begins at once, at least one every resync interval, and one after
//! whatever was asked for in a hurry, however far a list was that was under way by then (its answer
//! may be older than what could not be read). Hurry does not lead to lists without pause.

use super::{Options, session::within};
use futures::future::BoxFuture;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use trueup_domain::{container::ContainerSummary, error::EngineError, port::Engine};

/// From the beginning of one list to that of the next in a hurry: whatever sends what cannot be read
/// may send much of it.
const SHORTEST: Duration = Duration::from_secs(1);

/// What happens right after a list is seen by the next one: four fifths of the interval lie between the
/// two, so that the last one is left for that list and for the passes that it leads to.
const FIFTHS_BETWEEN: u32 = 4;

type Rows = Result<Vec<ContainerSummary>, EngineError>;

/// The lists of one session.
pub(super) struct Lists<'a> {
    engine: &'a dyn Engine,
    options: &'a Options,
    /// When the latest began.
    began: Option<Instant>,
    /// When the next one is to begin.
    due: Instant,
    under_way: Option<BoxFuture<'a, Rows>>,
}

impl<'a> Lists<'a> {
    pub(super) fn new(engine: &'a dyn Engine, options: &'a Options) -> Self {
        Self { engine, options, began: None, due: Instant::now(), under_way: None }
    }

    /// The next list as soon as it is there; the caller may give up the wait and loses nothing.
    pub(super) async fn next(&mut self) -> Rows {
        if self.under_way.is_none() && Instant::now() < self.due {
            sleep_until(self.due).await;
        }
        let rows = self.under_way.get_or_insert_with(|| {
            let now = Instant::now();
            let between = self.options.resync / 5 * FIFTHS_BETWEEN;
            (self.began, self.due) = (Some(now), now + between);
            let list = self.engine.list(None);
            Box::pin(within(self.options.call_deadline, "list containers", list))
        });
        let rows = rows.await;
        self.under_way = None;
        rows
    }

    /// The next list is to begin as soon as may be; whether that is news.
    pub(super) fn hurry(&mut self) -> bool {
        let soonest = self.began.map_or_else(Instant::now, |began| began + SHORTEST);
        let is_news = soonest < self.due;
        self.due = self.due.min(soonest);
        is_news
    }
}
