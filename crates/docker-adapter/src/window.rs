//! How many calls of one lane may be under way, adapted to how the engine copes.
//!
//! Additive increase, multiplicative decrease: a call that ran into its deadline halves the window,
//! as many calls in a row that went well as the window is wide widen it by one, up to where it
//! began. Invariant: the window never falls below one and never rises above its beginning.
//! Deliberately absent: judging by latency, which on a busy engine measures the engine's other
//! clients.

use std::{
    num::NonZero,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A lane's window.
#[derive(Debug)]
pub(crate) struct Window {
    places: Semaphore,
    widest: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    width: usize,
    /// Places that are to be taken away as soon as their holders give them back.
    debt: usize,
    /// Calls in a row that went well.
    streak: usize,
}

/// A place in a window.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    window: &'a Window,
    permit: Option<SemaphorePermit<'a>>,
}

impl Window {
    pub(crate) fn new(widest: NonZero<u32>) -> Self {
        let widest = usize::try_from(widest.get()).unwrap_or(Semaphore::MAX_PERMITS);
        let state = State { width: widest, debt: 0, streak: 0 };
        Self { places: Semaphore::new(widest), widest, state: Mutex::new(state) }
    }

    /// Waits for a place, in order of arrival; the caller brings the deadline.
    pub(crate) async fn enter(&self) -> Place<'_> {
        // The semaphore is never closed, so that a permit always comes.
        Place { window: self, permit: self.places.acquire().await.ok() }
    }

    /// A place if one is free now.
    pub(crate) fn try_enter(&self) -> Option<Place<'_>> {
        Some(Place { window: self, permit: Some(self.places.try_acquire().ok()?) })
    }

    fn widen(&self) {
        let mut state = self.state();
        state.streak += 1;
        if state.streak < state.width || state.width == self.widest {
            return;
        }
        state.streak = 0;
        state.width += 1;
        if state.debt > 0 {
            state.debt -= 1;
        } else {
            self.places.add_permits(1);
        }
    }

    fn narrow(&self) {
        let mut state = self.state();
        let width = (state.width / 2).max(1);
        let surplus = state.width - width;
        state.width = width;
        state.streak = 0;
        state.debt += surplus - self.places.forget_permits(surplus);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Says how the engine coped with the call.
    pub(crate) fn judge(&self, coped: bool) {
        if coped { self.window.widen() } else { self.window.narrow() }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.window.state();
        if let Some(permit) = self.permit.take().filter(|_| state.debt > 0) {
            state.debt -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn window(widest: u32) -> Window {
        Window::new(NonZero::new(widest).unwrap())
    }

    /// All places that can be had without waiting.
    fn fill(window: &Window) -> Vec<Place<'_>> {
        std::iter::from_fn(|| window.enter().now_or_never()).collect()
    }

    #[test]
    fn no_more_than_the_width_are_let_in() {
        let window = window(3);
        assert_eq!(fill(&window).len(), 3);
        assert_eq!(fill(&window).len(), 3);
    }

    #[test]
    fn a_deadline_halves_the_window_down_to_one() {
        let window = window(8);
        for width in [4, 2, 1, 1] {
            window.enter().now_or_never().unwrap().judge(false);
            assert_eq!(fill(&window).len(), width);
        }
    }

    #[test]
    fn places_that_are_in_use_when_the_window_narrows_are_taken_back_later() {
        let window = window(4);
        let mut places = fill(&window);
        places[0].judge(false);
        places.truncate(2);
        assert_eq!(fill(&window).len(), 0);
        places.clear();
        assert_eq!(fill(&window).len(), 2);
    }

    #[test]
    fn calls_that_go_well_widen_it_again_up_to_its_beginning() {
        let window = window(4);
        window.enter().now_or_never().unwrap().judge(false);
        for width in [2, 3, 4, 4] {
            assert_eq!(fill(&window).len(), width);
            for _ in 0..width {
                window.enter().now_or_never().unwrap().judge(true);
            }
        }
    }
}
