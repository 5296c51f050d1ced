//! The pool of database connections: at most so many, opened when needed, used and closed off the async threads.

use std::path::Path;
use std::time::Duration;

use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult};
use deadpool_runtime::Runtime;
use deadpool_sync::SyncWrapper;
use diesel::QueryResult;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager as _};
use diesel::result::Error as DieselError;
use migrate::{Connection, DatabaseUrl};
use rocket::fairing::Fairing;
use rocket::figment::Figment;
use rocket_db_pools::Database;

use super::{AppError, AppResult};

/// The database of the site. A handler takes `&Db` and calls [`run`](Db::run) once.
#[derive(Database)]
#[database("microblog")]
pub struct Db(Pool);

/// The fairing that opens the pool.
#[must_use]
pub fn stage() -> impl Fairing {
    Db::init()
}

impl Db {
    /// Runs all the queries of a request on one connection, on a thread where they may block.
    ///
    /// Take the password to be hashed and the page to be rendered elsewhere: a connection is dear.
    ///
    /// # Errors
    ///
    /// [`AppError::Unavailable`] when no connection comes free in time; else what `work` returns.
    pub async fn run<T, E, F>(&self, work: F) -> AppResult<T>
    where
        F: FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Into<AppError> + Send + 'static,
    {
        let pooled = rocket_db_pools::Pool::get(&self.0).await?;
        let result = match pooled.connection.interact(work).await {
            Ok(result) => result.map_err(Into::into),
            Err(error) => Err(AppError::Internal(format!("a query did not end: {error}"))),
        };
        if result.as_ref().is_err_and(AppError::is_read_only) {
            drop(Object::take(pooled));
        }
        result
    }
}

impl Db {
    /// As [`run`](Db::run), in a transaction that may write from its first moment: one that reads first and writes then
    /// is refused by SQLite when another has written in between. An error undoes all of it.
    ///
    /// # Errors
    ///
    /// As [`run`](Db::run).
    pub async fn write<T, E, F>(&self, work: F) -> AppResult<T>
    where
        F: FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Into<AppError> + Send + 'static,
    {
        self.run(move |connection| immediately(connection, |connection| work(connection).map_err(Into::into))).await
    }
}

/// Does work in a transaction as [`Db::write`] does, at once.
///
/// # Errors
///
/// When the transaction is refused; else what `work` returns.
pub fn immediately<T, E: From<DieselError>>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    transaction(connection, Step::Begin)?;
    match work(connection) {
        Ok(done) => {
            transaction(connection, Step::Commit)?;
            Ok(done)
        }
        Err(error) => {
            // SQLite may have done so itself, when the disk is full for example: what went wrong is the error.
            let _ = transaction(connection, Step::Rollback);
            Err(error)
        }
    }
}

enum Step {
    Begin,
    Commit,
    Rollback,
}

fn transaction(connection: &mut Connection, step: Step) -> Result<(), DieselError> {
    match (connection, step) {
        (Connection::Sqlite(sqlite), Step::Begin) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")
        }
        (Connection::Postgres(postgres), Step::Begin) => AnsiTransactionManager::begin_transaction(postgres),
        (Connection::Sqlite(sqlite), Step::Commit) => AnsiTransactionManager::commit_transaction(sqlite),
        (Connection::Postgres(postgres), Step::Commit) => AnsiTransactionManager::commit_transaction(postgres),
        (Connection::Sqlite(sqlite), Step::Rollback) => AnsiTransactionManager::rollback_transaction(sqlite),
        (Connection::Postgres(postgres), Step::Rollback) => AnsiTransactionManager::rollback_transaction(postgres),
    }
}

/// Does work that is not worth waiting for: where another program writes for longer than a moment, it fails.
///
/// # Errors
///
/// What `work` returns.
pub fn waiting_briefly<T>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    if let Connection::Sqlite(_) = connection {
        connection.batch_execute("PRAGMA busy_timeout = 50")?;
    }
    let result = work(connection);
    if let Connection::Sqlite(_) = connection {
        connection.batch_execute(BUSY_TIMEOUT)?;
    }
    result
}

/// A statement waits for five seconds for another program that writes.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000;";

/// Opens a connection and sets it up as the site needs it.
///
/// # Errors
///
/// When the database cannot be opened, or refuses the settings.
pub fn open(url: &DatabaseUrl) -> Result<Connection, OpenError> {
    let mut connection = Connection::open(url)?;
    if let Connection::Sqlite(_) = connection {
        // The time to wait comes first: the others may have to wait.
        connection.batch_execute(BUSY_TIMEOUT)?;
        connection.batch_execute(
            "PRAGMA foreign_keys = ON; \
             PRAGMA synchronous = NORMAL; \
             PRAGMA journal_mode = WAL;",
        )?;
    }
    Ok(connection)
}

/// Brings what is still in the journal of a SQLite file into the file, after the pool is closed.
///
/// The last connection does this when it closes, but connections that close at once each take another for the last.
pub fn settle(url: &DatabaseUrl) {
    if !url.is_postgres()
        && let Err(error) = open(url)
    {
        log::warn!("the journal of the database stays beside it: {error}");
    }
}

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database is not there, or refuses us.
    #[error(transparent)]
    Open(#[from] migrate::Error),
    /// A setting of the connection was refused.
    #[error(transparent)]
    SetUp(#[from] DieselError),
}

/// The connections.
pub struct Pool(managed::Pool<Manager>);

#[rocket::async_trait]
impl rocket_db_pools::Pool for Pool {
    type Connection = Object<Manager>;
    type Error = rocket_db_pools::Error<String, PoolError<OpenError>>;

    async fn init(figment: &Figment) -> Result<Self, Self::Error> {
        let config: rocket_db_pools::Config = figment.extract()?;
        let patience = Some(Duration::from_secs(config.connect_timeout));
        // The URL comes from the settings, where its path is absolute.
        let url = DatabaseUrl::parse(&config.url, Path::new("/"))
            .map_err(|error| rocket_db_pools::Error::Init(error.to_string()))?;
        managed::Pool::builder(Manager { url })
            .max_size(config.max_connections)
            .wait_timeout(patience)
            .create_timeout(patience)
            .recycle_timeout(patience)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map(Self)
            .map_err(|error| rocket_db_pools::Error::Init(error.to_string()))
    }

    async fn get(&self) -> Result<Self::Connection, Self::Error> {
        self.0.get().await.map_err(rocket_db_pools::Error::Get)
    }

    /// Does nothing: Rocket calls it when the shutdown begins, and requests that are under way still need connections.
    /// They close when the last of these lets go of the pool.
    async fn close(&self) {}
}

/// A connection of the pool.
pub struct Pooled {
    connection: SyncWrapper<Connection>,
    file: Option<FileId>,
}

/// Which file it is, whatever it is called: its device and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    /// The SQLite file of that URL, where the system numbers files.
    fn of(url: &DatabaseUrl) -> Option<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let file = std::fs::metadata(url.sqlite_path()?).ok()?;
            Some(Self(file.dev(), file.ino()))
        }
        #[cfg(not(unix))]
        {
            let _ = url;
            None
        }
    }
}

/// Opens connections for the pool, and looks at each one before it is used again.
pub struct Manager {
    url: DatabaseUrl,
}

impl managed::Manager for Manager {
    type Type = Pooled;
    type Error = OpenError;

    async fn create(&self) -> Result<Pooled, OpenError> {
        let url = self.url.clone();
        let file = FileId::of(&url);
        let connection = SyncWrapper::new(Runtime::Tokio1, move || open(&url)).await?;
        Ok(Pooled { connection, file })
    }

    async fn recycle(&self, pooled: &mut Pooled, metrics: &Metrics) -> RecycleResult<OpenError> {
        let Pooled { connection, file } = pooled;
        if connection.is_mutex_poisoned() {
            return Err(RecycleError::message("a query panicked on it"));
        }
        // What is written into a file that was deleted or replaced is lost with the connection.
        if FileId::of(&self.url) != *file {
            return Err(RecycleError::message("its file is no longer there"));
        }
        if metrics.last_used() < Duration::from_secs(30) {
            return Ok(());
        }
        // A server may have hung up meanwhile.
        match connection.interact(|connection| connection.batch_execute("SELECT 1")).await {
            Ok(result) => result.map_err(|error| RecycleError::Backend(error.into())),
            Err(_) => Err(RecycleError::message("it did not answer")),
        }
    }
}
