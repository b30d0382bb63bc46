//! What follows a failure: the classes of errors, each with a policy of its own.
//!
//! `on_error` puts an error into a class; the [`Policies`] say what the class means. A pass that
//! panicked or ran out of time is [`Unknown`](ErrorPolicy::Unknown): nobody can say how far it came.

use std::time::Duration;

use super::backoff::Backoff;

/// What to do about an error of `reconcile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorPolicy {
    /// It did not work and may the next time: try again after [`Policies::retry`]. A failure that
    /// comes before an earlier delay was waited out keeps that delay and does not lengthen the
    /// next one.
    Retry,
    /// It may have worked or not: try again after [`Policies::unknown`], otherwise as `Retry`.
    Unknown,
    /// Try again after exactly this delay. It replaces an earlier delay and leaves the backoff
    /// where it is.
    RetryAfter(Duration),
    /// It cannot work as things are: do not try again until something names the key, or
    /// [`Policies::terminal`] has passed. The failures are forgotten.
    Terminal,
}

/// The policies of the classes of errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// After errors that may heal by themselves. From one second to five minutes by default.
    pub retry: Backoff,
    /// After failures whose effect is not known. From one second to five minutes by default.
    pub unknown: Backoff,
    /// When to look again after an error that needs a change, in case nobody tells of the change;
    /// `None`, the default, for never. This is a wake-up and not a retry.
    pub terminal: Option<Duration>,
}

impl Policies {
    /// The same backoff for whatever is retried, and no second look at what is terminal.
    pub fn all(backoff: Backoff) -> Self {
        Self { retry: backoff, unknown: backoff, terminal: None }
    }
}
