//! A job: an operation on its way through the writer, and the caller who waits for it.
//!
//! A caller is answered after the commit and never before. An operation may be carried out several
//! times, each time from scratch, when a neighbour's failure has cost the transaction.

use super::health::failure_of_storage;
use crate::Error;
use async_trait::async_trait;
use sqlx::SqliteConnection;
use std::{error, sync::Arc};
use tokio::sync::{broadcast, oneshot};
use trueup_domain::{error::StoreError, port::Change};

/// Something that the writer can carry out inside a transaction.
#[async_trait]
pub(super) trait Operation: Send + Sync + 'static {
    /// What the caller gets.
    type Reply: Send + 'static;
    /// What it is called in errors.
    const NAME: &'static str;

    /// Writes, and says what there is to announce. On an error all that it wrote is taken back.
    async fn carry_out(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(Self::Reply, Vec<Change>), StoreError>;

    /// Whether it wrote something, by what came of it. As a rule, what is written is announced.
    fn has_written(_reply: &Self::Reply, news: &[Change]) -> bool {
        !news.is_empty()
    }
}

/// An operation of any kind, with its caller.
#[async_trait]
pub(super) trait Job: Send {
    /// Whether the caller has given up.
    fn is_abandoned(&self) -> bool;

    /// Carries the operation out and keeps the outcome.
    async fn attempt(&mut self, connection: &mut SqliteConnection) -> Attempt;

    /// Announces what the last attempt did, which is on the disk now, and answers the caller.
    fn settle(self: Box<Self>, changes: &broadcast::Sender<Change>);

    /// Answers the caller that the transaction failed.
    fn fail(self: Box<Self>, error: &Failure);
}

/// What came of an attempt.
pub(super) enum Attempt {
    /// It wrote something.
    Wrote,
    /// It had nothing to write.
    Idle,
    /// It must be taken back; with the cause if the storage failed.
    Failed(Option<String>),
}

/// Why a transaction failed, for each of those who shared it.
pub(super) type Failure = Arc<dyn error::Error + Send + Sync>;

/// A caller's operation.
pub(super) struct Waiting<O: Operation> {
    operation: O,
    outcome: Option<Outcome<O::Reply>>,
    answer: oneshot::Sender<Result<O::Reply, StoreError>>,
}

type Outcome<R> = Result<(R, Vec<Change>), StoreError>;

impl<O: Operation> Waiting<O> {
    pub(super) const fn new(
        operation: O,
        answer: oneshot::Sender<Result<O::Reply, StoreError>>,
    ) -> Self {
        Self { operation, outcome: None, answer }
    }
}

#[async_trait]
impl<O: Operation> Job for Waiting<O> {
    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    async fn attempt(&mut self, connection: &mut SqliteConnection) -> Attempt {
        let outcome = self.operation.carry_out(connection).await;
        match self.outcome.insert(outcome) {
            Ok((reply, news)) if O::has_written(reply, news) => Attempt::Wrote,
            Ok(_) => Attempt::Idle,
            Err(error) => Attempt::Failed(failure_of_storage(error)),
        }
    }

    fn settle(self: Box<Self>, changes: &broadcast::Sender<Change>) {
        let reply = match self.outcome {
            Some(Ok((reply, news))) => {
                for change in news {
                    // An error means that nobody listens.
                    let _ = changes.send(change);
                }
                Ok(reply)
            }
            Some(Err(error)) => Err(error),
            None => return,
        };
        // An error means that the caller has given up.
        let _ = self.answer.send(reply);
    }

    fn fail(self: Box<Self>, error: &Failure) {
        let _ = self.answer.send(Err(Error::Transaction(error.clone()).during(O::NAME)));
    }
}
