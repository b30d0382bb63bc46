//! All events of a subscription, as the engine tells them.

use super::Shared;
use crate::{
    Event,
    model::event::{Subscriber, Told},
};
use futures::{Stream, stream};
use std::sync::Arc;
use tokio::time::timeout_at;

pub(super) fn events(
    shared: Arc<Shared>,
    subscriber: Subscriber,
) -> impl Stream<Item = Event> + use<> {
    stream::unfold(Reader { shared, subscriber }, |reader| async {
        let event = reader.next().await?;
        Some((event, reader))
    })
}

struct Reader {
    shared: Arc<Shared>,
    subscriber: Subscriber,
}

impl Reader {
    async fn next(&self) -> Option<Event> {
        loop {
            let mut bell = std::pin::pin!(self.shared.bell.notified());
            // From here on no ring is missed.
            bell.as_mut().enable();
            let look = |world: &mut super::World| {
                (world.model.tell_next(self.subscriber), world.model.next_due())
            };
            match self.shared.with(look) {
                (Told::Event(event), _) => return Some(event),
                (Told::Over, _) => return None,
                (Told::Nothing, Some(next)) => {
                    // Either way there is something to look at.
                    let _ = timeout_at(self.shared.instant(next), bell).await;
                }
                (Told::Nothing, None) => bell.await,
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.with(|world| world.model.end_subscription(self.subscriber));
    }
}
