//! The database file: where it is, who may have it, and what must be true of it before it is used.

use super::place::Place;
use crate::{
    Error, Options,
    private::{self, OWNER_ONLY},
};
use futures::FutureExt;
use sqlx::{
    ConnectOptions, Row, SqlSafeStr, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    fs::{self, File, Permissions},
    future, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use trueup_domain::id::InstanceId;

/// Every migration that ever was, oldest first. None of them is changed once it was released.
const MIGRATIONS: [(i64, &str, &str); 4] = [
    (1, "start", include_str!("../../migrations/0001_start.sql")),
    (2, "retries", include_str!("../../migrations/0002_retries.sql")),
    (3, "adopted", include_str!("../../migrations/0003_adopted.sql")),
    (4, "errors", include_str!("../../migrations/0004_errors.sql")),
];

const PAGE_SIZE: u32 = 4096;
/// A log file that a burst of writes has made larger is cut back to so many bytes.
const LARGEST_IDLE_LOG: &str = "67108864";

/// A file that is ours alone until this is dropped or the process dies.
#[derive(Debug)]
pub(super) struct LockedFile {
    path: PathBuf,
    place: Arc<Place>,
    _lock: File,
}

impl LockedFile {
    /// Takes the lock, and makes the file if there is none, readable by its owner alone.
    pub(super) fn acquire(path: &Path) -> Result<Self, Error> {
        let path = resolve(path)?;
        let lock = private::lock(&path)?;
        let file = private::open(&path)?;
        let place = file
            .set_permissions(Permissions::from_mode(OWNER_ONLY))
            .and_then(|()| Place::of(&path, &file))
            .map_err(|source| Error::NotWritable { path: path.clone(), source })?;
        Ok(Self { path, place: Arc::new(place), _lock: lock })
    }

    pub(super) const fn place(&self) -> &Arc<Place> {
        &self.place
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The one path of a file that may have several, so that its lock file is one too.
fn resolve(path: &Path) -> Result<PathBuf, Error> {
    if let Ok(resolved) = fs::canonicalize(path) {
        return Ok(resolved);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let missing = || Error::FolderMissing { path: path.to_owned(), folder: folder.to_owned() };
    let unusable = |source| Error::NotWritable { path: path.to_owned(), source };
    let resolved = fs::canonicalize(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => missing(),
        _ => unusable(error),
    })?;
    let name = path.file_name().ok_or_else(|| unusable(io::ErrorKind::IsADirectory.into()))?;
    Ok(resolved.join(name))
}

/// An open database whose schema is up to date.
pub(super) struct Database {
    pub(super) connection: SqliteConnection,
    /// How to make the writing connection anew.
    pub(super) connect: SqliteConnectOptions,
    pub(super) readers: SqlitePool,
    pub(super) instance_id: InstanceId,
}

pub(super) async fn open(
    path: &Path,
    place: &Arc<Place>,
    options: &Options,
) -> Result<Database, Error> {
    let failed = |source| Error::Open { path: path.to_owned(), source };
    let connect = writing(path, options);
    let mut connection = connect.connect().await.map_err(|error| not_a_database(path, error))?;
    refuse_foreign(path, &mut connection).await?;
    migrate(path, &mut connection).await?;
    let instance_id = instance_id(&mut connection, options).await.map_err(failed)?;
    let place = place.clone();
    let readers = SqlitePoolOptions::new()
        .max_connections(options.readers.max(1))
        .acquire_timeout(options.deadline)
        .max_lifetime(None)
        .idle_timeout(None)
        // A connection to a file does not die of idleness.
        .test_before_acquire(false)
        // What was opened before the file was replaced still reads the right one.
        .after_connect(move |_, _| {
            let same = place.check().map_err(|error| sqlx::Error::Configuration(error.into()));
            future::ready(same).boxed()
        })
        .connect_with(reading(path, options))
        .await
        .map_err(failed)?;
    Ok(Database { connection, connect, readers, instance_id })
}

/// `synchronous = FULL`: in WAL mode NORMAL leaves the last commits to the next checkpoint, and a
/// power cut could take back what was announced. `secure_delete`: specs hold secrets, and one that was
/// replaced or deleted is not to be read in the free space of the file.
fn writing(path: &Path, options: &Options) -> SqliteConnectOptions {
    let connect = SqliteConnectOptions::new()
        .filename(path)
        .page_size(PAGE_SIZE)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("secure_delete", "ON")
        .pragma("journal_size_limit", LARGEST_IDLE_LOG)
        .busy_timeout(options.busy_timeout)
        .disable_statement_logging();
    match options.largest_file {
        Some(bytes) => {
            connect.pragma("max_page_count", (bytes / u64::from(PAGE_SIZE)).max(1).to_string())
        }
        None => connect,
    }
}

fn reading(path: &Path, options: &Options) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(options.busy_timeout)
        .disable_statement_logging()
}

fn not_a_database(path: &Path, source: sqlx::Error) -> Error {
    const SQLITE_NOTADB: &str = "26";
    let path = path.to_owned();
    let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code.as_deref() == Some(SQLITE_NOTADB) {
        Error::NoDatabase { path, source }
    } else {
        Error::Open { path, source }
    }
}

/// A database with tables but without a history of migrations is somebody else's.
async fn refuse_foreign(path: &Path, connection: &mut SqliteConnection) -> Result<(), Error> {
    let row = sqlx::query(
        "SELECT count(*) AS tables, count(*) FILTER (WHERE name = '_sqlx_migrations') AS ours \
         FROM sqlite_schema WHERE type = 'table'",
    )
    .fetch_one(connection)
    .await;
    let counted = row.and_then(|row| Ok((row.try_get("tables")?, row.try_get("ours")?)));
    let (tables, ours): (i64, i64) = counted.map_err(|error| not_a_database(path, error))?;
    if tables > 0 && ours == 0 {
        return Err(Error::Foreign { path: path.to_owned() });
    }
    Ok(())
}

async fn migrate(path: &Path, connection: &mut SqliteConnection) -> Result<(), Error> {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let known = MIGRATIONS.map(|(version, ..)| version).into_iter().max().unwrap_or_default();
    let migrator = Migrator::with_migrations(migrations.into());
    migrator.run_direct(None, connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(found) if found > known => {
            Error::Newer { path: path.to_owned(), found, known }
        }
        source => Error::Migrate { path: path.to_owned(), source },
    })
}

/// The id that is stored, or from now on is.
async fn instance_id(
    connection: &mut SqliteConnection,
    options: &Options,
) -> Result<InstanceId, sqlx::Error> {
    sqlx::query("INSERT OR IGNORE INTO meta (key, value) VALUES ('instance_id', ?1)")
        .bind(&options.new_instance_id)
        .execute(&mut *connection)
        .await?;
    let row = sqlx::query("SELECT value FROM meta WHERE key = 'instance_id'")
        .fetch_one(connection)
        .await?;
    Ok(InstanceId::new(row.try_get::<String, _>("value")?))
}
