//! The file of the history: who may have it, and what becomes of one that is no use.
//!
//! Invariant: whatever lies at the path, a history is begun there. What cannot be read is put aside
//! and never removed: it may be somebody else's.

use super::{UsageOptions, code::is_unusable};
use crate::{
    Error,
    private::{self, OWNER_ONLY},
};
use jiff::Timestamp;
use sqlx::{
    ConnectOptions, Connection, Row, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    ffi::OsString,
    fs::{self, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

const SCHEMA: &str = include_str!("../../usage_schema/1.sql");
/// What `SCHEMA` writes into the header of the file.
const APPLICATION: i64 = 1_953_658_229;
const VERSION: i64 = 1;

pub(super) const PAGE_SIZE: u32 = 4096;
/// So many pages of the log make SQLite fold it into the file. Most of them are versions of the same
/// few, so that waiting costs less than folding often.
const PAGES_OF_LOG: &str = "4096";
/// A log file that a burst of writes has made larger is cut back to so many bytes.
const LARGEST_IDLE_LOG: &str = "33554432";

/// An open history.
pub(super) struct Database {
    pub(super) connection: SqliteConnection,
    /// How to make the writing connection anew.
    pub(super) connect: SqliteConnectOptions,
    pub(super) readers: SqlitePool,
    /// Which file it is that is open.
    pub(super) file_id: Option<FileId>,
}

/// Opens the history, or begins one.
pub(super) async fn open(
    path: &Path,
    options: &UsageOptions,
    now: Timestamp,
) -> Result<Database, Error> {
    let failed = |source| Error::Open { path: path.to_owned(), source };
    let connect = writing(path, options);
    let connection = match try_open(path, &connect).await? {
        Opened::Ours(connection) => connection,
        Opened::Useless(why) => {
            put_aside(path, &why, now)?;
            match try_open(path, &connect).await? {
                Opened::Ours(connection) => connection,
                Opened::Useless(why) => return Err(failed(sqlx::Error::Protocol(why))),
            }
        }
    };
    let readers = SqlitePoolOptions::new()
        .max_connections(options.readers.max(1))
        .acquire_timeout(options.deadline.max(options.busy_timeout))
        .max_lifetime(None)
        .idle_timeout(None)
        // A connection to a file does not die of idleness.
        .test_before_acquire(false)
        .connect_with(reading(path, options))
        .await
        .map_err(failed)?;
    Ok(Database { connection, connect, readers, file_id: file_id(path) })
}

enum Opened {
    Ours(SqliteConnection),
    /// Why it is not.
    Useless(String),
}

async fn try_open(path: &Path, connect: &SqliteConnectOptions) -> Result<Opened, Error> {
    make_private(path)?;
    let outcome = async {
        let mut connection = connect.connect().await?;
        let useless = prepare(&mut connection).await;
        match useless {
            Ok(None) => Ok(Opened::Ours(connection)),
            Ok(Some(why)) => {
                connection.close().await?;
                Ok(Opened::Useless(why))
            }
            Err(error) => {
                // What is wrong is said by the first error.
                let _ = connection.close().await;
                Err(error)
            }
        }
    };
    match outcome.await {
        Err(error) if is_unusable(&error) => Ok(Opened::Useless(error.to_string())),
        outcome => outcome.map_err(|source| Error::Open { path: path.to_owned(), source }),
    }
}

/// Makes the tables of a new file, and says why another one is no use.
async fn prepare(connection: &mut SqliteConnection) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT (SELECT application_id FROM pragma_application_id) AS application, \
         (SELECT user_version FROM pragma_user_version) AS version, \
         (SELECT count(*) FROM sqlite_schema) AS things",
    )
    .fetch_one(&mut *connection)
    .await?;
    let (application, version): (i64, i64) = (row.try_get("application")?, row.try_get("version")?);
    match (application, version) {
        (APPLICATION, VERSION) => Ok(None),
        (APPLICATION, _) => Ok(Some(format!("it has schema {version}, and not {VERSION}"))),
        (0, 0) if row.try_get::<i64, _>("things")? == 0 => {
            let mut making = connection.begin().await?;
            sqlx::raw_sql(SCHEMA).execute(&mut *making).await?;
            making.commit().await?;
            Ok(None)
        }
        _ => Ok(Some("it is a database of another program".to_owned())),
    }
}

/// Renames a file that is no use, and its log with it. Nobody has it open.
pub(super) fn put_aside(path: &Path, why: &str, now: Timestamp) -> Result<(), Error> {
    let aside = path.with_added_extension(format!("corrupt-{}", now.strftime("%Y%m%dT%H%M%SZ")));
    for suffix in ["", "-wal"] {
        let (from, to) = (with_suffix(path, suffix), with_suffix(&aside, suffix));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::NotWritable { path: from, source: error });
            }
            _ => {}
        }
    }
    // It holds nothing, and would be taken for the new file's.
    let _ = fs::remove_file(with_suffix(path, "-shm"));
    tracing::warn!(
        path = %path.display(),
        aside = %aside.display(),
        why,
        "the history of usage cannot be read; it was put aside and is begun anew"
    );
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// What tells a file from every other that is there at the same time: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

/// `None`: there is no file that can be seen.
pub(super) fn file_id(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|metadata| FileId(metadata.dev(), metadata.ino()))
}

/// Makes the file if there is none, readable by its owner alone.
fn make_private(path: &Path) -> Result<(), Error> {
    private::open(path)?
        .set_permissions(Permissions::from_mode(OWNER_ONLY))
        .map_err(|source| Error::NotWritable { path: path.to_owned(), source })
}

/// `synchronous = NORMAL`: a commit waits for no disk, only the folding of the log does. A power cut
/// takes the last minutes, and leaves a file that can be read.
fn writing(path: &Path, options: &UsageOptions) -> SqliteConnectOptions {
    // Beyond the bound there must be room for what removes the rows beyond it.
    let pages = options.largest_file / u64::from(PAGE_SIZE);
    SqliteConnectOptions::new()
        .filename(path)
        .page_size(PAGE_SIZE)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("journal_size_limit", LARGEST_IDLE_LOG)
        .pragma("wal_autocheckpoint", PAGES_OF_LOG)
        .pragma("max_page_count", (pages + pages / 4).max(16).to_string())
        .busy_timeout(options.busy_timeout)
        .disable_statement_logging()
}

fn reading(path: &Path, options: &UsageOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(options.busy_timeout)
        .disable_statement_logging()
}
