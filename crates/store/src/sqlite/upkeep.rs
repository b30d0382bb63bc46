//! What the writer does besides its jobs: it trims the event log, folds the write-ahead log into the
//! file, and tries a store that failed.
//!
//! None of it is anything to the callers: what fails is logged and done again later.

use super::{health::root_cause, writer::Writer};
use sqlx::{AssertSqlSafe, Row, SqliteConnection};
use tokio::time::Instant;

/// So many events go in one step at most. More than the jobs in between append as a rule, so that a
/// log that is too long gets shorter.
const TRIM_STEP: i64 = 2048;

impl Writer {
    /// Removes the oldest events beyond the bound, a step at most, in a transaction of its own.
    pub(super) async fn trim_events(&mut self) -> Result<(), sqlx::Error> {
        let events_kept = i64::try_from(self.events_kept).unwrap_or(i64::MAX);
        sqlx::query(
            "DELETE FROM events WHERE id <= min((SELECT max(id) FROM events) - ?1, \
             (SELECT min(id) FROM events) + ?2 - 1)",
        )
        .bind(events_kept)
        .bind(TRIM_STEP)
        .execute(self.connected().await?)
        .await?;
        Ok(())
    }

    /// Has the upkeep done in a while, if it is not to be done already.
    pub(super) fn schedule_upkeep(&mut self) {
        self.upkeep_due = self.upkeep_due.or_else(|| Instant::now().checked_add(self.upkeep_after));
    }

    pub(super) async fn keep_up(&mut self) {
        self.upkeep_due = None;
        // Nothing is to be done any more where the place is lost, and may be again where it was not
        // to be seen.
        if self.place.check().is_err() {
            if self.place.is_lost() {
                self.save_log().await;
            } else {
                self.schedule_upkeep();
            }
            return;
        }
        let folded = self.fold_log().await;
        if let Err(error) = &folded {
            tracing::debug!(%error, "the log of the database was not folded; the next time it may");
            self.disconnect().await;
        }
        // After the folding, so that there is no room in the log to hide in.
        let was_healthy = self.health.check().is_ok();
        if !was_healthy {
            self.try_to_write().await;
        }
        if !was_healthy || !matches!(folded, Ok(true)) {
            self.schedule_upkeep();
        }
    }

    /// Finds out whether writing works again, so that nobody has to be refused to learn of it.
    async fn try_to_write(&mut self) {
        match self.write_and_remove().await {
            Ok(()) => self.health.recover(),
            Err(error) => {
                self.health.fail(&root_cause(&error));
                self.disconnect().await;
            }
        }
    }

    /// Stores about as much as a large manifest, as a page finds room on a disk that is full for
    /// everybody else, and takes it away again.
    async fn write_and_remove(&mut self) -> Result<(), sqlx::Error> {
        let connection = self.connected().await?;
        sqlx::query(
            "INSERT OR REPLACE INTO meta (key, value) VALUES ('trial', hex(zeroblob(32768)))",
        )
        .execute(&mut *connection)
        .await?;
        sqlx::query("DELETE FROM meta WHERE key = 'trial'").execute(connection).await?;
        Ok(())
    }

    /// Brings what was acknowledged into the file, as long as a connection still knows the log: it may
    /// be the log alone that was removed.
    pub(super) async fn save_log(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        // There may be a transaction that was not to be committed; an error means that there is none.
        let _ = sqlx::query("ROLLBACK").execute(connection).await;
        if let Err(error) = self.fold_log().await {
            tracing::warn!(%error, "the log of a lost database could not be folded into the file");
        }
        self.disconnect().await;
    }

    /// Moves the write-ahead log into the file and empties it: its old pages hold what was since
    /// replaced or deleted. `false`: a reader was in the way, for whom the writer does not wait.
    pub(super) async fn fold_log(&mut self) -> Result<bool, sqlx::Error> {
        let patience = self.busy_timeout.as_millis();
        let connection = self.connected().await?;
        set_patience(connection, 0).await?;
        let row =
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await?;
        set_patience(connection, patience).await?;
        Ok(row.try_get::<i64, _>(0)? == 0)
    }
}

async fn set_patience(connection: &mut SqliteConnection, ms: u128) -> Result<(), sqlx::Error> {
    // A PRAGMA takes no parameters.
    let sql = AssertSqlSafe(format!("PRAGMA busy_timeout = {ms}"));
    sqlx::query(sql).execute(connection).await?;
    Ok(())
}
