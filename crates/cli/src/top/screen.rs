//! The terminal: taken over, drawn on, and given back as it was on every way out.
//!
//! A normal end and an error give it back when [`Screen`] is dropped, a panic before its words are shown.
//! Only SIGKILL leaves it as it is; nobody can do anything about that.

use super::{board::Board, draw::draw};
use crate::error::Error;
use jiff::Timestamp;
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    io,
    mem::ManuallyDrop,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};

/// How often the thread that reads keys looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);
/// Keys that were pressed and not yet seen to; with more, the terminal keeps them.
const PRESSED: usize = 64;

/// The terminal while it is ours. It is given back here and not by the library's own way of dropping it,
/// which complains on a standard error that may have gone with the terminal, and aborts.
pub(super) struct Screen(ManuallyDrop<DefaultTerminal>);

impl Screen {
    /// Takes it over.
    pub(super) fn open() -> Result<Self, Error> {
        ratatui::try_init().map(ManuallyDrop::new).map(Self).map_err(|error| {
            // Some of it may have been done.
            let _ = ratatui::try_restore();
            Error::Terminal(error)
        })
    }

    /// Draws the board as it is now.
    pub(super) fn draw(&mut self, board: &mut Board, now: Timestamp) -> Result<(), Error> {
        self.0.draw(|frame| draw(frame, board, now)).map(drop).map_err(Error::Terminal)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // In a panic it was given back before the words were shown. To do it twice would put the cursor
        // where it was at first, and what is written next over those words.
        if !thread::panicking() {
            // A terminal that is gone needs nothing.
            let _ = ratatui::try_restore();
        }
        let _ = self.0.show_cursor();
    }
}

/// What is pressed, and changes of the terminal's size.
pub(super) struct Keys {
    events: mpsc::Receiver<Event>,
    is_over: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

impl Keys {
    /// Begins to listen, in a thread that ends with this.
    pub(super) fn listen() -> Self {
        let (sender, events) = mpsc::channel(PRESSED);
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let reader = thread::spawn(move || {
            // The end of the sender tells of a terminal that cannot be read.
            while !told.load(Ordering::Relaxed) && is_there() {
                let event = match event::poll(LOOK) {
                    Ok(false) => continue,
                    Ok(true) => event::read(),
                    Err(_) => return,
                };
                let Ok(event) = event else { return };
                if sender.blocking_send(event).is_err() {
                    return;
                }
            }
        });
        Self { events, is_over, reader }
    }

    /// The next one; `None`: the terminal cannot be read any more.
    pub(super) async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.events.close();
        // It ends within a look, unless the terminal went away in the middle of one: reading from that has
        // no end, and only that of the process will do.
        let deadline = Instant::now() + 4 * LOOK;
        while !self.reader.is_finished() && Instant::now() < deadline {
            thread::sleep(LOOK / 10);
        }
    }
}

/// Whether there is somebody at the other end. The library that reads keys asks a terminal that was closed
/// again and again, and never comes back.
fn is_there() -> bool {
    let stdin = io::stdin();
    let mut looks = [PollFd::new(&stdin, PollFlags::IN)];
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    // What cannot be asked is left to be found out by reading.
    poll(&mut looks, Some(&Timespec::default())).is_err() || !looks[0].revents().intersects(gone)
}
