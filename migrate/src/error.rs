//! Everything that can go wrong, each in one line for the person who reads it.

use std::path::PathBuf;

/// Why a step of a database's life was refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no database file.
    #[error("no database at {}: run db_create first", .0.display())]
    NoDatabase(PathBuf),
    /// The database cannot be opened, read or written.
    #[error("{what}: {why}")]
    Database {
        /// The file or the server.
        what: String,
        /// What the database said, and what to do.
        why: String,
    },
    /// The database holds tables, and nothing says which migrations made them.
    #[error(
        "{database} holds tables but is not under version control: run db_create --stamp N, where N is the number of \
         the newest migration that its tables already have"
    )]
    NotUnderVersionControl {
        /// The database.
        database: String,
    },
    /// The database is empty and nothing says that migrations may run in it.
    #[error("{database} is not under version control: run db_create first")]
    NotCreated {
        /// The database.
        database: String,
    },
    /// A stamp was asked for, and the tables are not what the migrations make.
    #[error("{database} is not what migrations 1 to {stamp} make; nothing was stamped. It differs: {differences}")]
    StampDiffers {
        /// The database.
        database: String,
        /// The revision that was to be stamped.
        stamp: u64,
        /// The differences, in plain words.
        differences: String,
    },
    /// A stamp was asked for of a database that has a version.
    #[error("{database} is already under version control, at version {version}: it cannot be stamped")]
    AlreadyControlled {
        /// The database.
        database: String,
        /// Its version.
        version: u64,
    },
    /// There is no database whose tables a stamp could be true of.
    #[error("no database at {}: check DATABASE_URL, or run db_create without --stamp to make a new one", .0.display())]
    NothingToStamp(PathBuf),
    /// There is no folder of migrations.
    #[error("no migrations folder at {}: check MIGRATIONS_DIR, or run db_create to make a new one", .0.display())]
    NoFolder(PathBuf),
    /// The folder of migrations holds none.
    #[error("no migrations in {}: db_migrate writes the first one", .0.display())]
    NoScripts(PathBuf),
    /// A migration that cannot be used.
    #[error("migration {name}: {why}")]
    BadScript {
        /// The migration's folder.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Two migrations have one number.
    #[error("two migrations have one number: {first} and {second}; rename one")]
    SameNumber {
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// The migrations' numbers have no more digits.
    #[error(
        "after migration {newest} the number needs another digit, and Diesel would sort it before the others: rename \
         the folders to wider numbers first"
    )]
    NumbersUsedUp {
        /// The newest number.
        newest: u64,
    },
    /// A migration's message holds no word.
    #[error("the message {0:?} holds no letter or digit to name the migration by: say what it does")]
    BadMessage(String),
    /// A revision that no migration leads to.
    #[error("no migration has the number {wanted}: they go up to {newest}")]
    NoSuchRevision {
        /// The number that was asked for.
        wanted: u64,
        /// The newest there is.
        newest: u64,
    },
    /// A revision that is not applied.
    #[error("migration {wanted} is not applied: the database is at version {version}")]
    NotApplied {
        /// The number that was asked for.
        wanted: u64,
        /// The database's version.
        version: u64,
    },
    /// The revision asked for lies in the other direction.
    #[error("the database is at version {current}: {hint}")]
    WrongDirection {
        /// The database's version.
        current: u64,
        /// What to run instead.
        hint: String,
    },
    /// Migrations are pending that must run first.
    #[error(
        "the database is at version {version}, and {} behind it: {}; run db_upgrade first",
        if .pending.len() == 1 { "a migration is".to_owned() } else { format!("{} migrations are", .pending.len()) },
        .pending.join(", ")
    )]
    Pending {
        /// The database's version.
        version: u64,
        /// The names of the pending migrations.
        pending: Vec<String>,
    },
    /// The database has migrations that this folder, or this program, does not know.
    #[error(
        "the database has applied {}, which is not among these migrations (the newest is {newest}): \
         update the program or its migrations folder", .unknown.join(", ")
    )]
    Ahead {
        /// The versions that are not known.
        unknown: Vec<String>,
        /// The newest migration that is known.
        newest: u64,
    },
    /// A migration appeared with a number below the database's version.
    #[error(
        "migration {name} was never applied, though the database is already at version {version}: give it a number above"
    )]
    OutOfOrder {
        /// The migration.
        name: String,
        /// The database's version.
        version: u64,
    },
    /// The database is not what the models expect, though every migration was applied.
    #[error("{database} is not what the models expect; a migration between them {differences}")]
    Drift {
        /// The database.
        database: String,
        /// The differences, in plain words.
        differences: String,
    },
    /// Triggers, views or virtual tables are not what the applied migrations made.
    #[error("{database} was changed by hand: it {differences}")]
    ObjectDrift {
        /// The database.
        database: String,
        /// The differences, in plain words.
        differences: String,
    },
    /// An applied migration's file is not what was applied.
    #[error(
        "migration {name} was edited after it was applied: put its up.sql back as it was and write a new migration, or \
         take it as it is now with db_upgrade --accept-edited {number}"
    )]
    Edited {
        /// The migration.
        name: String,
        /// Its number.
        number: u64,
    },
    /// A migration would take values away, and nobody said that it may.
    #[error(
        "nothing was written, because nobody has agreed to it: {0}; run again with --allow-data-loss to do it all the same"
    )]
    WouldLose(String),
    /// Since a migration was planned, there is more that it would take away.
    #[error(
        "nothing was written, because the database has changed since the plan was made, and more is at stake now: {0}; \
         run db_migrate again"
    )]
    MoreToLose(String),
    /// A downgrade would delete values, and the person who was asked did not want it.
    #[error("nothing was changed, because nobody has agreed to it")]
    NotConfirmed,
    /// A migration drops one thing and adds another like it, and nobody said whether it is a new name.
    #[error(
        "nothing was written, because it is not clear what is meant: {0}; --allow-data-loss would drop the one and add \
         the other"
    )]
    Alike(String),
    /// A migration needs values that nobody gave.
    #[error(
        "nothing was written, because values are missing: {0}; give one with --fill table.column=value, or a default"
    )]
    NeedsFill(String),
    /// A value to fill in that cannot be used.
    #[error("--fill {fill}: {why}")]
    BadFill {
        /// What was given.
        fill: String,
        /// What is wrong with it.
        why: String,
    },
    /// A rename that cannot be done.
    #[error("{rename}: {why}")]
    BadRename {
        /// The rename.
        rename: String,
        /// What is wrong with it.
        why: String,
    },
    /// The database is at version 0.
    #[error("{database} is at version 0: there is no migration to take back")]
    AtVersionZero {
        /// The database.
        database: String,
    },
    /// A migration has no `down.sql`.
    #[error("migration {name} has no down.sql: it cannot be taken back; write one, or restore a backup")]
    NoDown {
        /// The migration.
        name: String,
    },
    /// A statement of a migration failed; nothing of the run is kept.
    #[error("migration {name} failed, nothing was changed: {why} in: {statement}")]
    Migration {
        /// The migration.
        name: String,
        /// The statement.
        statement: String,
        /// What the database said.
        why: String,
    },
    /// A migration would leave rows that refer to rows that are not there.
    #[error(
        "migration {migrations} would leave rows without the row that they refer to, nothing was changed; {count} in \
         all, the first: {example}"
    )]
    ForeignKeys {
        /// The migrations that ran.
        migrations: String,
        /// How many.
        count: usize,
        /// One of them.
        example: String,
    },
    /// A migration would take rows from a table that it does not name.
    #[error(
        "table {table} would keep {after} of its {before} {}, though no migration of this run takes any from it; nothing \
         was changed. A trigger may do it; if that is meant, run again with --no-verify",
        if *.before == 1 { "row" } else { "rows" }
    )]
    RowsLost {
        /// The table.
        table: String,
        /// How many rows it had.
        before: i64,
        /// How many it would have.
        after: i64,
    },
    /// A table that a migration rebuilt does not hold the rows that it held.
    #[error(
        "table {table} would hold {after} rows instead of its {before} after it was rebuilt; nothing was changed. If that \
         is meant, run again with --no-verify"
    )]
    RowsDiffer {
        /// The table.
        table: String,
        /// How many rows it had.
        before: i64,
        /// How many it would have.
        after: i64,
    },
    /// A migration would change values that it does not write.
    #[error(
        "{what} would change, though no migration of this run sets it; nothing was changed. A trigger, or \
         a copy by position, may do it: db_upgrade --rehearse shows a row that differs; if it is meant, run again with --no-verify"
    )]
    ValuesChanged {
        /// The columns, or the table where its rows have no key.
        what: String,
    },
    /// A table that a migration makes anew loses a trigger.
    #[error(
        "{table} would lose the trigger {trigger}, though no migration of this run drops it; nothing was changed. Make it \
         again in the migration, after the table: the migration that made it first has its text"
    )]
    TriggerLost {
        /// The table.
        table: String,
        /// The trigger.
        trigger: String,
    },
    /// SQLite finds a rebuilt table damaged.
    #[error("table {table} would be damaged after it was rebuilt, nothing was changed: {why}")]
    Damaged {
        /// The table.
        table: String,
        /// What `integrity_check` says first.
        why: String,
    },
    /// A migration does not do what it should.
    #[error(
        "{what} was tried on a copy and is not right, nothing was {}: {why}",
        if what == "the migration" { "written" } else { "changed" }
    )]
    Rehearsal {
        /// Which migration.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// A text that is not SQL.
    #[error("cannot read this SQL: {why}: {what}")]
    Sql {
        /// The text, or its beginning.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A difference that has no safe SQL.
    #[error("cannot write a migration for {table}: {why}")]
    CannotExpress {
        /// The table, view or trigger.
        table: String,
        /// What stands in the way.
        why: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {why}", .path.display())]
    CannotRead {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {why}", .path.display())]
    CannotWrite {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A migration of that name is there already.
    #[error("{} is there already, and is never written over: move it away", .0.display())]
    ScriptExists(PathBuf),
    /// Whoever watches the work has ended it.
    #[error(
        "interrupted: {}",
        if *.was_changed { "what was finished before stays, nothing else was changed" } else { "nothing was changed" }
    )]
    Interrupted {
        /// Whether an earlier transaction was committed.
        was_changed: bool,
    },
    /// What is asked for is there for SQLite only.
    #[error("PostgreSQL is not supported yet: set DATABASE_URL to sqlite:PATH")]
    PostgresNotYet,
    /// A query failed.
    #[error("{0}")]
    Query(#[from] diesel::result::Error),
}
