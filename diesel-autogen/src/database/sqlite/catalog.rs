//! The library's own tables in a SQLite database, and what it asks about the others.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel::{RunQueryDsl as _, SqliteConnection};

use super::ddl::quote;
use super::errors::readable;
use crate::Error;
use crate::database::history::{self, CHECKSUMS, Clock, VERSIONS};
use crate::history::Applied;
use crate::kept;
use crate::text::literal;

/// Diesel's own time has whole seconds, in which a migration can be reverted and applied again.
pub(super) const CLOCK: Clock =
    Clock { now: "strftime('%Y-%m-%d %H:%M:%f', 'now')", text: "coalesce(CAST(run_on AS TEXT), '')" };

/// The comment in the text of a side table, which SQLite stores: an application may have a table of such a name.
pub(super) const SIDE_TABLE: &str = "/* values for a downgrade */";

/// The application's tables: without SQLite's own, the history of migrations, and the tables in which a virtual table
/// stores its content.
const TABLES: &str = "FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
     AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT IN ('__diesel_schema_migrations', '__migrate_checksums')";

/// Questions to the catalog of a SQLite database.
pub(super) trait Catalog {
    /// The names of the application's tables, side tables included.
    fn tables(&mut self) -> Result<Vec<String>, Error>;
    /// The number of rows of each of them, but for one that only the application can read.
    fn row_counts(&mut self) -> Result<BTreeMap<String, u64>, Error>;
    fn row_count(&mut self, table: &str) -> Result<u64, Error>;
    fn has_tables(&mut self) -> Result<bool, Error>;
    fn has_rows(&mut self) -> Result<bool, Error>;
    fn history(&mut self) -> Result<Option<Vec<Applied>>, Error>;
    fn record(&mut self, applied: &[Applied]) -> Result<(), Error>;
    /// Whether checksums were ever recorded: Diesel's own command line records none.
    fn has_checksums(&mut self) -> Result<bool, Error>;
    fn side_tables(&mut self) -> Result<BTreeMap<String, u64>, Error>;
    fn side_table_names(&mut self) -> Result<Vec<String>, Error>;
    /// Drops tables and overwrites the free pages.
    fn drop_and_overwrite(&mut self, names: &[String]) -> Result<(), Error>;
    /// Moves the write-ahead log into the file. Returns false where another process keeps it from doing so.
    fn empty_journal(&mut self) -> Result<bool, Error>;
    /// The first value of a query, a number.
    fn number(&mut self, query: &str) -> Result<i64, Error>;
}

impl Catalog for SqliteConnection {
    fn tables(&mut self) -> Result<Vec<String>, Error> {
        Ok(sql::<Text>(&format!("SELECT name {TABLES} ORDER BY name")).load(self)?)
    }

    fn row_counts(&mut self) -> Result<BTreeMap<String, u64>, Error> {
        let mut counts = BTreeMap::new();
        for table in self.tables()? {
            if let Some(count) = readable(self.row_count(&table))? {
                counts.insert(table, count);
            }
        }
        Ok(counts)
    }

    fn row_count(&mut self, table: &str) -> Result<u64, Error> {
        Ok(self.number(&format!("SELECT count(*) FROM {}", quote(table)))?.unsigned_abs())
    }

    fn has_tables(&mut self) -> Result<bool, Error> {
        Ok(self.number("SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")? > 0)
    }

    fn has_rows(&mut self) -> Result<bool, Error> {
        let mut tables = self.tables()?;
        // A search index may hold the only copy of a text.
        let is_virtual = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual'";
        tables.extend(sql::<Text>(is_virtual).load::<String>(self)?);
        // A virtual table whose module this program lacks may hold rows.
        let holds =
            |table: &String| self.number(&format!("SELECT EXISTS (SELECT 1 FROM {})", quote(table))).unwrap_or(1) > 0;
        Ok(tables.iter().any(holds))
    }

    fn history(&mut self) -> Result<Option<Vec<Applied>>, Error> {
        if !exists(self, VERSIONS)? {
            return Ok(None);
        }
        let query = history::select(self.has_checksums()?, &CLOCK);
        let rows: Vec<_> = sql::<(Text, Nullable<Text>, Text)>(&query).load(self)?;
        Ok(Some(rows.into_iter().map(history::applied).collect()))
    }

    fn has_checksums(&mut self) -> Result<bool, Error> {
        exists(self, CHECKSUMS)
    }

    fn record(&mut self, applied: &[Applied]) -> Result<(), Error> {
        history::record(self, applied, &CLOCK)
    }

    fn side_tables(&mut self) -> Result<BTreeMap<String, u64>, Error> {
        let mut side_tables = BTreeMap::new();
        for table in self.side_table_names()? {
            let rows = readable(self.row_count(&table))?.unwrap_or_default();
            side_tables.insert(table, rows);
        }
        Ok(side_tables)
    }

    fn side_table_names(&mut self) -> Result<Vec<String>, Error> {
        let query =
            format!("SELECT name FROM sqlite_master WHERE type = 'table' AND instr(sql, {})", literal(SIDE_TABLE));
        let mut names: Vec<String> = sql::<Text>(&query).load(self)?;
        names.retain(|name| kept::parts(name).is_some());
        Ok(names)
    }

    fn drop_and_overwrite(&mut self, names: &[String]) -> Result<(), Error> {
        for name in names {
            self.batch_execute(&format!("DROP TABLE {}", quote(name)))?;
        }
        // Free pages may hold what the migration itself took out of a table.
        let bytes = self.number("SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size")?;
        // A value has at most a gigabyte.
        let piece = 100_000_000;
        let mut name = String::from("_zeros");
        while self.number(&format!("SELECT count(*) FROM sqlite_master WHERE name = '{name}' COLLATE NOCASE"))? > 0 {
            name.push('_');
        }
        let mut statements = format!("CREATE TABLE {name} (zeros BLOB);");
        for at in 0..=bytes / piece {
            let _ = write!(statements, "INSERT INTO {name} VALUES (zeroblob({}));", piece.min(bytes - at * piece));
        }
        Ok(self.batch_execute(&format!("{statements}DROP TABLE {name};"))?)
    }

    fn empty_journal(&mut self) -> Result<bool, Error> {
        self.batch_execute("PRAGMA busy_timeout = 1000")?;
        Ok(sql::<Integer>("PRAGMA wal_checkpoint(TRUNCATE)").get_result::<i32>(self)? == 0)
    }

    fn number(&mut self, query: &str) -> Result<i64, Error> {
        Ok(sql::<BigInt>(query).get_result(self)?)
    }
}

fn exists(connection: &mut SqliteConnection, table: &str) -> Result<bool, Error> {
    let query = format!("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '{table}'");
    Ok(connection.number(&query)? > 0)
}
