//! PostgreSQL, from 13.

mod apart;
mod backup;
mod client;
mod connection;
mod convert;
mod elsewhere;
pub(super) mod errors;
mod impact;
mod introspect;
mod locks;
mod moving;
mod normalize;
mod patience;
mod refusal;
mod render;
mod restore;
mod rows;
mod run;
mod sandbox;
mod sql;
mod statements;
mod trial;

use std::collections::BTreeMap;
use std::path::Path;

use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::dsl::sql;
use diesel::sql_types::{Array, Bool, Nullable, Text};
use diesel::{PgConnection, RunQueryDsl};

pub(super) use self::apart::render_apart;
pub(super) use self::connection::{Postgres, establish};

use self::connection::Manager;
use self::introspect::path_sql;
use self::patience::Patience;
use self::render::SideKey;
use self::sandbox::Transaction;
use self::sql::{quote, quote_table, without_modifiers};
use super::{Backup, Check, Database, Moved, Numbers, Restored, Row, Sandbox, Script};
use crate::Error;
use crate::change::{Change, Rename};
use crate::database::history::record;
use crate::database::poll::poll;
use crate::history::Applied;
use crate::impact::Impact;
use crate::kept;
use crate::loss::{Found, Probe};
use crate::migration::{Direction, Migration, Migrations, Sql};
use crate::options::RenderOptions;
use crate::schema::{Column, Schema, Table, Type};
use crate::settings::{Event, Settings};
use crate::version::Version;

/// The advisory lock of this library: migrations of one database run one after the other.
const LOCK: i64 = 0x6D69_6772_6174_6521;

impl Postgres {
    /// Does work in a transaction that holds the lock of this library, again and again while others hold a lock that it
    /// needs; or in a savepoint within one.
    fn in_transaction(&mut self, work: &mut dyn FnMut(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        let (url, settings) = (self.url.clone(), self.settings.clone());
        let patience = self.on(|connection| {
            let depth = Manager::transaction_manager_status_mut(connection).transaction_depth()?;
            depth.is_none().then(|| Patience::of(connection, &url, &settings)).transpose()
        })?;
        match patience {
            Some(patience) => patience.retried(&mut || self.attempt(work)),
            None => self.attempt(work),
        }
    }

    fn attempt(&mut self, work: &mut dyn FnMut(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        let settings = self.settings.clone();
        self.on(|connection| {
            let depth = Manager::transaction_manager_status_mut(connection).transaction_depth()?;
            if depth.is_none() { begin(connection, &settings) } else { Ok(Manager::begin_transaction(connection)?) }
        })?;
        let done = work(self);
        let ended = self.on(|connection| match &done {
            Ok(()) => Manager::commit_transaction(connection),
            Err(_) => Manager::rollback_transaction(connection),
        });
        done.and(ended)
    }

    /// The foreign keys of side tables, with the names that their tables and columns have after the renames.
    fn side_keys(&mut self, changes: &[Change]) -> Result<Vec<SideKey>, Error> {
        let mut keys: Vec<SideKey> = self.on(|connection| {
            let applied = run::versions(connection)?;
            let query = &format!("SELECT c.relname::text, conname::text, {}, \
                     ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = confrelid AND attnum = ANY (confkey)) \
                 FROM pg_constraint JOIN pg_class c ON c.oid = conrelid JOIN pg_class p ON p.oid = confrelid \
                 JOIN pg_namespace n ON n.oid = p.relnamespace WHERE contype = 'f' AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())", path_sql("p", "n"));
            let rows: Vec<(String, String, String, Vec<String>)> =
                sql::<(Text, Text, Text, Array<Text>)>(query).load(connection)?;
            let keys = rows.into_iter().filter(|(side, ..)| kept::owner(side, &applied).is_some());
            let key = |(side, constraint, table, columns)| SideKey { side, constraint, table, columns };
            Ok::<_, Error>(keys.map(key).collect())
        })?;
        for key in &mut keys {
            for change in changes {
                match change {
                    Change::Rename(Rename::Table { from, to }) if key.table == *from => key.table.clone_from(to),
                    Change::Rename(Rename::Column { table, from, to }) if key.table == *table => {
                        key.columns
                            .iter_mut()
                            .filter(|column| *column == from)
                            .for_each(|column| column.clone_from(to));
                    }
                    _ => {}
                }
            }
        }
        Ok(keys)
    }
}

impl Database for Postgres {
    fn dialect(&self) -> &'static str {
        "postgresql"
    }

    fn name(&self) -> String {
        self.url.to_string()
    }

    fn exists(&mut self) -> Result<bool, Error> {
        match self.connect() {
            Ok(_) => Ok(true),
            Err(error) => connection::exists(&self.url).map_err(|_| error),
        }
    }

    fn create(&mut self) -> Result<bool, Error> {
        connection::create(&self.url)
    }

    fn remove(&mut self) {
        self.connection = None;
        // It was created a moment ago and holds nothing.
        let _ = connection::remove(&self.url);
    }

    fn introspect(&mut self) -> Result<Schema, Error> {
        let (schema, invalid) = self.on(|connection| {
            let applied = run::versions(connection)?;
            let invalid = introspect::invalid_indexes(connection)?;
            Ok::<_, Error>((introspect::introspect(connection, &applied)?, invalid))
        })?;
        for (index, table) in invalid.into_iter().filter(|(index, _)| self.invalid.insert(index.clone())) {
            self.settings.emit(&Event::InvalidIndex { index: &index, table: &table });
        }
        introspect::require_distinct(&schema)?;
        Ok(schema)
    }

    fn include(&mut self, models: &Schema, migrations: &Migrations) -> Result<Schema, Error> {
        let own: Option<String> =
            self.on(|connection| sql::<Nullable<Text>>("SELECT current_schema()::text").get_result(connection))?;
        self.created = migrations.iter().flat_map(|one| statements::created_schemas(&one.up)).collect();
        let named = models.tables.iter().filter_map(|table| table.schema.as_ref());
        self.schemas.extend(named.chain(&self.created).cloned());
        self.schemas.retain(|schema| own.as_ref() != Some(schema));
        self.schemas.sort();
        self.schemas.dedup();
        let schemas = self.schemas.clone();
        self.on(|connection| introspect::include(connection, &schemas))?;
        Ok(normalize::with_paths(models, own.as_deref()))
    }

    fn elsewhere(&mut self) -> Result<BTreeMap<String, Schema>, Error> {
        self.on(elsewhere::read)
    }

    fn normalize(&mut self, models: &Schema, live: &Schema) -> Result<Schema, Error> {
        self.on(|connection| normalize::normalize(connection, models, live))
    }

    fn render(&mut self, from: &Schema, changes: &[Change], options: &RenderOptions) -> Result<Sql, Error> {
        let side_keys = self.side_keys(changes)?;
        render::render(from, changes, options, &side_keys, &self.created)
    }

    fn render_online(
        &mut self,
        from: &Schema,
        changes: &[Change],
        options: &RenderOptions,
        rewrites: &[String],
    ) -> Result<Vec<(&'static str, Sql)>, Error> {
        render::render_online(from, changes, options, (rewrites, &self.created))
    }

    fn loses(&self, from: &Column, to: &Column) -> bool {
        convert::loses(from, to)
    }

    fn count(&mut self, probe: &Probe) -> Result<Found, Error> {
        self.on(|connection| rows::found(connection, probe))
    }

    fn try_scripts(&mut self, from: &Schema, scripts: &[Script<'_>]) -> Result<Vec<Schema>, Error> {
        let (settings, schemas) = (self.settings.clone(), self.schemas.clone());
        self.on(|connection| trial::try_scripts(connection, from, scripts, &settings, &schemas))
    }

    fn impacts(&mut self, from: &Schema, script: &Script<'_>) -> Result<Vec<Impact>, Error> {
        let (settings, schemas) = (self.settings.clone(), self.schemas.clone());
        self.on(|connection| impact::impacts(connection, from, script, (&settings, &schemas)))
    }

    fn renames(&self, script: &str) -> Vec<Rename> {
        statements::renames(script)
    }

    fn names_in(&self, script: &str) -> Vec<String> {
        statements::names(script)
    }

    fn transaction(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error> {
        self.in_transaction(&mut |database| work(database))
    }

    fn exclusively(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error> {
        let settings = self.settings.clone();
        let take = format!("SELECT pg_try_advisory_lock({LOCK})");
        self.on(|connection| poll(&settings, || Ok(sql::<Bool>(&take).get_result(connection)?)))?;
        let worked = work(self);
        let freed = self.on(|connection| connection.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})")));
        worked.and(freed)
    }

    fn run(&mut self, migrations: &[&Migration], direction: Direction, verify: bool) -> Result<(), Error> {
        self.on(|connection| run::run(connection, migrations, direction, verify))
    }

    fn needs_no_transaction(&self, migration: &Migration, _direction: Direction) -> bool {
        !migration.run_in_transaction
    }

    fn run_alone(&mut self, migration: &Migration, direction: Direction) -> Result<(), Error> {
        let (url, settings) = (self.url.clone(), self.settings.clone());
        self.on(|connection| {
            let patience = Patience::of(connection, &url, &settings)?;
            run::run_alone(connection, migration, direction, &patience)
        })
    }

    fn has_tables(&mut self) -> Result<bool, Error> {
        let query = "SELECT EXISTS (SELECT FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') \
             AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()))";
        self.on(|connection| sql::<Bool>(query).get_result(connection))
    }

    fn has_rows(&mut self) -> Result<bool, Error> {
        self.on(|connection| {
            for table in run::tables(connection)? {
                let query = format!("SELECT EXISTS (SELECT FROM {})", quote_table(&table));
                if sql::<Bool>(&query).get_result(connection)? {
                    return Ok(true);
                }
            }
            Ok::<_, Error>(false)
        })
    }

    fn history(&mut self) -> Result<Option<Vec<Applied>>, Error> {
        self.on(run::applied)
    }

    fn record(&mut self, applied: &[Applied]) -> Result<(), Error> {
        self.on(|connection| record(connection, applied, &run::CLOCK))
    }

    fn introspect_side_tables(&mut self) -> Result<Vec<Table>, Error> {
        self.on(|connection| {
            let applied = run::versions(connection)?;
            let mut tables = introspect::introspect(connection, &[])?.tables;
            tables.retain(|table| kept::owner(&table.name, &applied).is_some());
            Ok::<_, Error>(tables)
        })
    }

    fn side_tables(&mut self) -> Result<BTreeMap<String, u64>, Error> {
        self.on(|connection| {
            let applied = run::versions(connection)?;
            let mut tables = run::tables(connection)?;
            tables.retain(|table| kept::owner(table, &applied).is_some());
            let count = |table: String| Ok((table.clone(), run::count(connection, &table)?.unsigned_abs()));
            tables.into_iter().map(count).collect::<Result<_, Error>>()
        })
    }

    fn purge(&mut self, side_tables: &[String]) -> Result<(), Error> {
        // Side tables of one migration refer to each other.
        let drop = |table: &String| format!("DROP TABLE {} CASCADE;", quote(table));
        let script: String = side_tables.iter().map(drop).collect();
        let script = script + "SELECT 1";
        self.in_transaction(&mut |database| database.on(|connection| connection.batch_execute(&script)))
    }

    fn back_up(&mut self, version: &Version) -> Result<Option<Backup>, Error> {
        backup::back_up(self, version)
    }

    fn restore(&mut self, file: &Path, check: &mut Check<'_>) -> Result<Restored, Error> {
        restore::restore(self, file, check)
    }

    fn sandbox(&mut self) -> Result<Box<dyn Sandbox>, Error> {
        Ok(Box::new(Transaction::begin(&self.url, &self.settings, &self.schemas)?))
    }

    fn limit(&self, column: &Column) -> Option<Type> {
        Some(without_modifiers(&column.ty))
    }

    fn snapshot(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error> {
        self.on(|connection| {
            Manager::begin_transaction(connection)?;
            connection
                .batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL TimeZone = 'UTC'")
        })?;
        let worked = work(self);
        let ended = self.on(Manager::rollback_transaction);
        worked.and(ended)
    }

    fn read_rows(&mut self, table: &Moved, each: &mut dyn FnMut(Row) -> Result<(), Error>) -> Result<(), Error> {
        self.on(|connection| moving::read(connection, table, each))
    }

    fn load(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error> {
        let restore = self.on(|connection| {
            connection.batch_execute("SET LOCAL TimeZone = 'UTC'")?;
            moving::release(connection)
        })?;
        work(self)?;
        self.on(|connection| moving::restore(connection, &restore))
    }

    fn write_rows(&mut self, table: &Moved, rows: &[Row]) -> Result<(), Error> {
        self.on(|connection| moving::write(connection, table, rows))
    }

    fn last_numbers(&mut self) -> Result<Numbers, Error> {
        self.on(moving::last_numbers)
    }

    fn number_after(&mut self, last: &Numbers) -> Result<(), Error> {
        self.on(|connection| moving::number_after(connection, last))
    }
}

/// Begins a transaction that holds the lock of this library until its end.
fn begin(connection: &mut PgConnection, settings: &Settings) -> Result<(), Error> {
    let timeout = patience::set_timeout(settings, "LOCAL");
    poll(settings, || {
        Manager::begin_transaction(connection)?;
        connection.batch_execute(&timeout)?;
        let is_free: bool = sql::<Bool>(&format!("SELECT pg_try_advisory_xact_lock({LOCK})")).get_result(connection)?;
        if !is_free {
            Manager::rollback_transaction(connection)?;
        }
        Ok(is_free)
    })
}
