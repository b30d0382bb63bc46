//! The failures of workspaces between two lives of the controller: the queue's delays, stored as
//! times of day.
//!
//! A delay is stored as the moment at which it ends, since the time in which no controller runs counts
//! as waited. A wall clock may be set back meanwhile; what is left of a delay is therefore never more
//! than the longest delay there is. Deliberately absent: any judgement of when to retry.

use super::Owners;
use crate::runtime::{self, RetryStore};
use async_trait::async_trait;
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};
use trueup_domain::{
    id::WorkspaceId,
    port::{Clock, Retries, RetryState},
};

/// The failures, as the queue has them stored.
pub struct StoredRetries {
    retries: Arc<dyn Retries>,
    clock: Arc<dyn Clock>,
    owners: Arc<Owners>,
    longest: Duration,
}

impl StoredRetries {
    /// Over a store whose times are those of the clock. `longest` is the longest delay that the queue
    /// can have asked for.
    pub fn new(
        retries: Arc<dyn Retries>,
        clock: Arc<dyn Clock>,
        owners: Arc<Owners>,
        longest: Duration,
    ) -> Self {
        Self { retries, clock, owners, longest }
    }

    fn waiting(&self, stored: RetryState, now: Timestamp) -> runtime::RetryState {
        let RetryState { failures, step, retry_at } = stored;
        let left = |at: Timestamp| at.duration_since(now).try_into().unwrap_or(Duration::ZERO);
        // One without a time waits for a change; that the controller has started is one.
        let retry_in = retry_at.map_or(Duration::ZERO, left).min(self.longest);
        runtime::RetryState { failures, step, retry_in }
    }
}

#[async_trait]
impl RetryStore<WorkspaceId> for StoredRetries {
    async fn load(&self) -> Result<Vec<(WorkspaceId, runtime::RetryState)>, runtime::StoreError> {
        let stored = self.retries.load().await?;
        // The queue asks once for the owner of each workspace that it is told of here.
        self.owners.all_known().await;
        let now = self.clock.now();
        Ok(stored.into_iter().map(|(id, state)| (id, self.waiting(state, now))).collect())
    }

    async fn save(
        &self,
        changes: Vec<(WorkspaceId, Option<runtime::RetryState>)>,
    ) -> Result<(), runtime::StoreError> {
        let now = self.clock.now();
        let changes = changes.into_iter().map(|(id, state)| (id, state.map(|s| stored(s, now))));
        Ok(self.retries.record(changes.collect()).await?)
    }
}

fn stored(state: runtime::RetryState, now: Timestamp) -> RetryState {
    let runtime::RetryState { failures, step, retry_in } = state;
    let retry_at = now.checked_add(retry_in).unwrap_or(Timestamp::MAX);
    RetryState { failures, step, retry_at: Some(retry_at) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Input;
    use futures::FutureExt;
    use std::sync::Mutex;
    use trueup_domain::error::StoreError;

    const LONGEST: Duration = Duration::from_mins(1);

    /// A store in memory, and a clock that a test sets.
    #[derive(Default)]
    struct Fake {
        rows: Mutex<Vec<(WorkspaceId, RetryState)>>,
        now: Mutex<Timestamp>,
        is_broken: bool,
    }

    #[async_trait]
    impl Retries for Fake {
        async fn load(&self) -> Result<Vec<(WorkspaceId, RetryState)>, StoreError> {
            Ok(self.rows.lock().unwrap().clone())
        }

        async fn record(
            &self,
            changes: Vec<(WorkspaceId, Option<RetryState>)>,
        ) -> Result<(), StoreError> {
            if self.is_broken {
                let source = "the disk is full".into();
                return Err(StoreError::Backend { operation: "record retries", source });
            }
            let mut rows = self.rows.lock().unwrap();
            for (id, state) in changes {
                rows.retain(|(other, _)| *other != id);
                rows.extend(state.map(|state| (id, state)));
            }
            Ok(())
        }
    }

    impl Clock for Fake {
        fn now(&self) -> Timestamp {
            *self.now.lock().unwrap()
        }

        fn workspace_id(&self) -> WorkspaceId {
            unreachable!("nothing here makes an id")
        }
    }

    fn id(number: u128) -> WorkspaceId {
        format!("{number:032x}").parse().unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn failed(failures: u32, retry_in: Duration) -> runtime::RetryState {
        runtime::RetryState { failures, step: failures - 1, retry_in }
    }

    fn on(fake: &Arc<Fake>) -> StoredRetries {
        let owners = Arc::new(Owners::default());
        owners.note(&Input::Loaded(Vec::new()));
        StoredRetries::new(Arc::clone(fake) as _, Arc::clone(fake) as _, owners, LONGEST)
    }

    /// What is loaded at that time after a failure was saved with that delay at the time 0.
    fn left(delay: Duration, at_second: i64) -> runtime::RetryState {
        let fake = Arc::new(Fake { now: Mutex::new(at(0)), ..Fake::default() });
        on(&fake).save(vec![(id(1), Some(failed(3, delay)))]).now_or_never().unwrap().unwrap();
        *fake.now.lock().unwrap() = at(at_second);
        let loaded = on(&fake).load().now_or_never().unwrap().unwrap();
        assert_eq!(loaded.len(), 1);
        loaded[0].1
    }

    #[test]
    fn what_is_left_of_a_delay_is_what_the_time_since_has_not_used_up() {
        let delay = Duration::from_secs(40);
        assert_eq!(left(delay, 0), failed(3, delay));
        assert_eq!(left(delay, 25), failed(3, Duration::from_secs(15)));
        assert_eq!(left(delay, 40), failed(3, Duration::ZERO));
        assert_eq!(left(delay, 4_000_000), failed(3, Duration::ZERO), "long past");
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nobody_wait_longer_than_the_longest_delay() {
        const TEN_YEARS: i64 = 10 * 365 * 24 * 60 * 60;
        assert_eq!(left(Duration::from_secs(40), -TEN_YEARS), failed(3, LONGEST));
        assert_eq!(left(Duration::MAX, 0), failed(3, LONGEST), "beyond what a time of day holds");
    }

    #[test]
    fn a_failure_without_a_time_is_due_at_once_and_keeps_its_count() {
        let held_back = RetryState { failures: 2, step: 1, retry_at: None };
        let fake = Arc::new(Fake { rows: Mutex::new(vec![(id(1), held_back)]), ..Fake::default() });
        let loaded = on(&fake).load().now_or_never().unwrap().unwrap();
        assert_eq!(loaded, [(id(1), failed(2, Duration::ZERO))]);
    }

    #[test]
    fn failures_that_are_over_are_forgotten() {
        let fake = Arc::new(Fake::default());
        let two = [1, 2].map(|number| (id(number), Some(failed(1, Duration::ZERO))));
        on(&fake).save(two.into()).now_or_never().unwrap().unwrap();
        on(&fake).save(vec![(id(1), None)]).now_or_never().unwrap().unwrap();
        let loaded = on(&fake).load().now_or_never().unwrap().unwrap();
        assert_eq!(loaded, [(id(2), failed(1, Duration::ZERO))]);
    }

    #[test]
    fn what_could_not_be_saved_is_told_in_the_words_of_the_store() {
        let fake = Arc::new(Fake { is_broken: true, ..Fake::default() });
        let error = on(&fake).save(vec![(id(1), None)]).now_or_never().unwrap().unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "the disk is full");
    }

    #[test]
    fn nothing_is_taken_up_before_the_owners_are_known() {
        let (fake, owners) = (Arc::new(Fake::default()), Arc::new(Owners::default()));
        let (clock, known) = (Arc::clone(&fake) as _, Arc::clone(&owners));
        let retries = StoredRetries::new(fake, clock, known, LONGEST);
        let mut load = retries.load();
        assert!((&mut load).now_or_never().is_none());
        owners.note(&Input::Loaded(Vec::new()));
        assert!(load.now_or_never().unwrap().unwrap().is_empty());
    }
}
