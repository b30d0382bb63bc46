//! `trueup top` on a terminal: what workspaces use, sorted, as it changes.
//!
//! [`Board`] is what is shown and how keys change it, and `draw` makes a picture of it: both pure, and
//! tested without a terminal. Here is what happens: figures are fetched, keys pressed, signals sent. A
//! controller that does not answer is said to, and asked again, with the last figures on the screen.

mod board;
mod column;
mod draw;
mod order;
mod rate;
mod screen;

#[cfg(test)]
mod tests;

pub(crate) use order::{Sort, sort};

use crate::{age::now, error::Error};
use board::{Board, Outcome};
use futures::{Stream, StreamExt, stream};
use screen::{Keys, Screen};
use std::{pin::pin, time::Duration};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{sleep, timeout},
};
use trueup_api::{Client, WorkspaceFilter, wire::UsageList};

/// How long figures may take before they are asked for again.
const DEADLINE: Duration = Duration::from_secs(10);

/// Shows them until the user or a signal ends it.
pub(crate) async fn run(
    client: &Client,
    filter: &WorkspaceFilter,
    by: Sort,
    interval: Duration,
) -> Result<(), Error> {
    // What fails at once is told on the screen as it was, and with its own exit code.
    let first = client.usage(filter).await?;
    let mut board = Board::new(by);
    board.take(first);
    let mut endings = Endings::new()?;
    let mut screen = Screen::open()?;
    let mut keys = Keys::listen();
    let mut polls = pin!(polls(client, filter, interval));
    loop {
        screen.draw(&mut board, now())?;
        tokio::select! {
            event = keys.next() => match event {
                Some(event) => if board.handle(&event) == Outcome::End { return Ok(()) },
                // The terminal is gone.
                None => return Ok(()),
            },
            () = endings.next() => return Ok(()),
            Some(poll) = polls.next() => match poll {
                Ok(list) => board.take(list),
                Err(trouble) => board.miss(trouble),
            },
        }
    }
}

/// The figures, again and again; or why there are none.
fn polls<'a>(
    client: &'a Client,
    filter: &'a WorkspaceFilter,
    interval: Duration,
) -> impl Stream<Item = Result<UsageList, String>> + 'a {
    stream::unfold((), move |()| async move {
        sleep(interval).await;
        let poll = match timeout(DEADLINE, client.usage(filter)).await {
            Ok(Ok(list)) => Ok(list),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", DEADLINE.as_secs())),
        };
        Some((poll, ()))
    })
}

/// The signals that end it. Each would end the process anyway, but with the terminal as it is.
struct Endings([Signal; 3]);

impl Endings {
    fn new() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(Error::Signals);
        Ok(Self([
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
            listen(SignalKind::interrupt())?,
        ]))
    }

    async fn next(&mut self) {
        let [terminate, hangup, interrupt] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}
