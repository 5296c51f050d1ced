//! The pool of database connections: bounded, opened on demand, used and closed on blocking threads.

use std::path::Path;
use std::time::Duration;

use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult};
use deadpool_runtime::Runtime;
use deadpool_sync::SyncWrapper;
use diesel::connection::{AnsiTransactionManager, CacheSize, SimpleConnection, TransactionManager as _};
use diesel::result::Error as DieselError;
use diesel::{Connection as _, QueryResult};
use diesel_autogen::{Connection, DatabaseUrl};
use rocket::fairing::Fairing;
use rocket::figment::Figment;
use rocket_db_pools::Database;

use super::error::{AppError, AppResult, STALE_PLAN};

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
    /// Runs all the queries of a request on one connection, on a thread where they may block. They run again when a
    /// migration has changed the type of a column since the connection prepared one of them, and once on another connection
    /// when theirs was lost: what may not happen twice is for [`write`](Db::write).
    ///
    /// Hash passwords and render pages outside of `work`: connections are scarce.
    ///
    /// # Errors
    ///
    /// [`AppError::Unavailable`] when no connection becomes free in time; the error of `work`.
    pub async fn run<T, E, F>(&self, work: F) -> AppResult<T>
    where
        F: Fn(&mut Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Into<AppError> + Send + 'static,
    {
        self.0.run(work).await
    }

    /// As [`run`](Db::run), in a transaction that an error rolls back. On SQLite it takes the write lock at once, because a
    /// transaction that reads first and then writes fails there, if another connection has written since. On PostgreSQL
    /// others may write meanwhile: what must not change between two statements is locked by the first. It does not run again
    /// when the connection was lost during the commit, which may have succeeded.
    ///
    /// # Errors
    ///
    /// As [`run`](Db::run).
    pub async fn write<T, E, F>(&self, work: F) -> AppResult<T>
    where
        F: Fn(&mut Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Into<AppError> + Send + 'static,
    {
        let pool = self.0.writers.as_ref().unwrap_or(&self.0.connections);
        let work = move |connection: &mut Connection| {
            let mut is_done = false;
            let written = write_transaction(connection, |connection| {
                let result = work(connection).map_err(Into::into);
                is_done = result.is_ok();
                result
            });
            match written {
                Err(AppError::Lost(cause)) if is_done => Err(AppError::Unavailable(cause)),
                other => other,
            }
        };
        self.0.run_on(pool, work).await
    }
}

/// Runs `work` in a transaction, as [`Db::write`], on the current thread.
///
/// # Errors
///
/// When the transaction cannot begin or commit; the error of `work`.
pub fn write_transaction<T, E: From<DieselError>>(
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
            // SQLite may have rolled back already, for example when the disk is full. The first error is returned.
            let _ = transaction(connection, Step::Rollback);
            Err(error)
        }
    }
}

/// Forgets all prepared statements of the connection.
fn forget_plans(connection: &mut Connection) -> QueryResult<()> {
    connection.set_prepared_statement_cache_size(CacheSize::Disabled);
    connection.set_prepared_statement_cache_size(CacheSize::Unbounded);
    connection.batch_execute("DEALLOCATE ALL")
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

/// Runs `work`, which fails if somebody else holds a lock that it needs for more than 50 ms. A transaction around it goes
/// on.
///
/// # Errors
///
/// The error of `work`.
pub fn with_short_busy_timeout<T>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    match connection {
        Connection::Sqlite(_) => {
            connection.batch_execute("PRAGMA busy_timeout = 50")?;
            let result = work(connection);
            connection.batch_execute(BUSY_TIMEOUT)?;
            result
        }
        // By a savepoint, where a transaction is around it.
        Connection::Postgres(_) => connection.transaction(|connection| {
            connection.batch_execute("SET LOCAL lock_timeout = '50ms'")?;
            let done = work(connection)?;
            connection.batch_execute("SET LOCAL lock_timeout TO DEFAULT")?;
            Ok(done)
        }),
    }
}

/// A statement waits up to five seconds for the write lock of another program.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000;";

/// Opens a connection with the settings of the site.
///
/// # Errors
///
/// When the database cannot be opened, or a setting fails.
pub fn open(url: &DatabaseUrl) -> Result<Connection, OpenError> {
    let mut connection = Connection::open(&with_defaults(url))?;
    if let Connection::Sqlite(_) = connection {
        // The timeout comes first, because the other settings may have to wait for a lock.
        connection.batch_execute(BUSY_TIMEOUT)?;
        connection.batch_execute(
            "PRAGMA foreign_keys = ON; \
             PRAGMA synchronous = NORMAL; \
             PRAGMA journal_mode = WAL;",
        )?;
    }
    Ok(connection)
}

/// libpq's parameters where a PostgreSQL URL does not set them. The first is for the server's lists of connections. The
/// others, in seconds and milliseconds, say after what time a server that does not answer is lost.
const DEFAULTS: [(&str, &str); 4] = [
    ("fallback_application_name", "microblog"),
    ("connect_timeout", "5"),
    ("keepalives_idle", "30"),
    ("tcp_user_timeout", "30000"),
];

fn with_defaults(url: &DatabaseUrl) -> DatabaseUrl {
    let mut text = url.as_str().to_owned();
    for (name, value) in DEFAULTS {
        let query = text.split_once('?').map(|(_, query)| query);
        let is_set = |query: &str| query.split('&').any(|parameter| parameter.split('=').next() == Some(name));
        if !query.is_some_and(is_set) {
            let mark = if query.is_some() { '&' } else { '?' };
            text = format!("{text}{mark}{name}={value}");
        }
    }
    // A SQLite URL has no parameters.
    if url.is_postgres() {
        DatabaseUrl::parse(&text, Path::new("/")).unwrap_or_else(|_| url.clone())
    } else {
        url.clone()
    }
}

/// Writes the WAL of a SQLite file back into the file, after the pool is closed.
///
/// SQLite does this when the last connection closes. When several connections close at the same time, each may see
/// another one that is still open.
pub fn checkpoint(url: &DatabaseUrl) {
    if !url.is_postgres()
        && let Err(error) = open(url)
    {
        log::warn!("the WAL file of the database was not removed: {error}");
    }
}

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database does not exist, or refuses the connection.
    #[error(transparent)]
    Open(#[from] diesel_autogen::Error),
    /// A setting of the connection failed.
    #[error(transparent)]
    SetUp(#[from] DieselError),
}

impl From<rocket_db_pools::Error<String, PoolError<OpenError>>> for AppError {
    fn from(error: rocket_db_pools::Error<String, PoolError<OpenError>>) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The pool itself.
pub struct Pool {
    connections: managed::Pool<Manager>,
    /// The one connection that writes, on SQLite, which has one writer at a time. Who waits for it holds no connection, so
    /// that reading goes on while another program holds the write lock.
    writers: Option<managed::Pool<Manager>>,
}

impl Pool {
    /// As [`Db::run`].
    pub(super) async fn run<T, E, F>(&self, work: F) -> AppResult<T>
    where
        F: Fn(&mut Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Into<AppError> + Send + 'static,
    {
        self.run_on(&self.connections, work).await
    }

    async fn run_on<T, E, F>(&self, pool: &managed::Pool<Manager>, work: F) -> AppResult<T>
    where
        F: Fn(&mut Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Into<AppError> + Send + 'static,
    {
        match self.attempt(pool, work).await {
            (Err(AppError::Lost(cause)), Some(work)) => {
                log::info!("on another connection, because one was lost: {cause}");
                self.attempt(pool, work).await.0
            }
            (result, _) => result,
        }
    }

    /// Runs `work` on a connection, and returns it too.
    async fn attempt<T, E, F>(&self, pool: &managed::Pool<Manager>, work: F) -> (AppResult<T>, Option<F>)
    where
        F: Fn(&mut Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Into<AppError> + Send + 'static,
    {
        let pooled = match pool.get().await {
            Ok(pooled) => pooled,
            Err(error) => return (Err(rocket_db_pools::Error::Get(error).into()), None),
        };
        let work = move |connection: &mut Connection| {
            let result = match work(connection).map_err(Into::into) {
                Err(AppError::Unavailable(cause)) if cause == STALE_PLAN => {
                    forget_plans(connection).map_err(AppError::from).and_then(|()| work(connection).map_err(Into::into))
                }
                result => result,
            };
            (result, Some(work))
        };
        let (result, work) = match pooled.connection.interact(work).await {
            Ok(done) => done,
            Err(error) => (Err(AppError::Internal(format!("a query was cancelled: {error}"))), None),
        };
        // The connection may be read-only or lost, and stay so after the database has recovered. So may the others.
        if matches!(result, Err(AppError::Unavailable(_) | AppError::Lost(_) | AppError::Internal(_))) {
            drop(Object::take(pooled));
        }
        if matches!(result, Err(AppError::Unavailable(_) | AppError::Lost(_))) {
            for pool in std::iter::once(&self.connections).chain(&self.writers) {
                pool.retain(|_, _| false);
            }
        }
        (result, work)
    }
}

#[rocket::async_trait]
impl rocket_db_pools::Pool for Pool {
    type Connection = Object<Manager>;
    type Error = rocket_db_pools::Error<String, PoolError<OpenError>>;

    async fn init(figment: &Figment) -> Result<Self, Self::Error> {
        let config: rocket_db_pools::Config = figment.extract()?;
        let statement_timeout = figment.extract_inner("statement_timeout")?;
        let timeout = Some(Duration::from_secs(config.connect_timeout));
        // The URL comes from the settings, where its path is absolute.
        let url = DatabaseUrl::parse(&config.url, Path::new("/"))
            .map_err(|error| rocket_db_pools::Error::Init(error.to_string()))?;
        let pool = |size| {
            managed::Pool::builder(Manager { url: url.clone(), statement_timeout })
                .max_size(size)
                .wait_timeout(timeout)
                .create_timeout(timeout)
                .recycle_timeout(timeout)
                .runtime(deadpool::Runtime::Tokio1)
                .build()
                .map_err(|error| error.to_string())
        };
        let failed = rocket_db_pools::Error::Init;
        let writers = if url.is_postgres() { None } else { Some(pool(1).map_err(failed)?) };
        Ok(Self { connections: pool(config.max_connections).map_err(failed)?, writers })
    }

    async fn get(&self) -> Result<Self::Connection, Self::Error> {
        self.connections.get().await.map_err(rocket_db_pools::Error::Get)
    }

    /// Does nothing: Rocket calls this when the shutdown begins, and pending requests still need connections. The
    /// connections close when the pool is dropped.
    async fn close(&self) {}
}

/// A connection of the pool.
pub struct Pooled {
    connection: SyncWrapper<Connection>,
    file: Option<FileId>,
}

/// The identity of a file, independent of its path: device and inode number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    /// The identity of the SQLite file at that URL, on systems with inodes.
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

/// Opens connections for the pool, and checks each connection before it is reused.
pub struct Manager {
    url: DatabaseUrl,
    /// In seconds, on PostgreSQL; 0 is none.
    statement_timeout: u32,
}

impl managed::Manager for Manager {
    type Type = Pooled;
    type Error = OpenError;

    async fn create(&self) -> Result<Pooled, OpenError> {
        let (url, timeout) = (self.url.clone(), self.statement_timeout);
        let file = FileId::of(&url);
        let open = move || {
            let mut connection = open(&url)?;
            if let Connection::Postgres(_) = connection {
                connection.batch_execute(&format!("SET statement_timeout = '{timeout}s'"))?;
            }
            Ok::<_, OpenError>(connection)
        };
        let connection = SyncWrapper::new(Runtime::Tokio1, open).await?;
        Ok(Pooled { connection, file })
    }

    async fn recycle(&self, pooled: &mut Pooled, metrics: &Metrics) -> RecycleResult<OpenError> {
        let Pooled { connection, file } = pooled;
        if connection.is_mutex_poisoned() {
            return Err(RecycleError::message("a query panicked on it"));
        }
        // Writes to a deleted or replaced file would be lost.
        if FileId::of(&self.url) != *file {
            return Err(RecycleError::message("the database file was deleted or replaced"));
        }
        if metrics.last_used() < Duration::from_secs(30) {
            return Ok(());
        }
        // A server may have closed the connection.
        match connection.interact(|connection| connection.batch_execute("SELECT 1")).await {
            Ok(result) => result.map_err(|error| RecycleError::Backend(error.into())),
            Err(_) => Err(RecycleError::message("it does not respond")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_its_own_parameters() {
        let with = |text: &str| {
            let url = DatabaseUrl::parse(text, Path::new("/srv")).unwrap();
            with_defaults(&url).as_str().to_owned()
        };
        let all = "fallback_application_name=microblog&connect_timeout=5&keepalives_idle=30&tcp_user_timeout=30000";
        assert_eq!(with("postgres://me@host/blog"), format!("postgres://me@host/blog?{all}"));
        let own = "postgres:///blog?host=/run&connect_timeout=9";
        assert_eq!(with(own), format!("{own}&{}", all.replace("&connect_timeout=5", "")));
        assert_eq!(with("app.db"), "sqlite:/srv/app.db");
    }
}
