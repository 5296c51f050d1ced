//! What must hold before a run is committed: no row is gone from a table that its SQL does not name.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use crate::Error;
use crate::sql::{mentions, quote};

/// The tables of the application: not SQLite's own, not the bookkeeping of migrations, not the hidden tables that a
/// virtual table keeps its content in and shrinks as it likes.
pub(crate) fn tables(connection: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let query = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
                 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                 AND name NOT IN ('__diesel_schema_migrations', '__migrate_checksums') ORDER BY name";
    Ok(sql::<Text>(query).load(connection)?)
}

/// How many rows each table holds.
#[derive(Debug)]
pub(crate) struct Counts(BTreeMap<String, i64>);

impl Counts {
    pub fn of(connection: &mut SqliteConnection) -> Result<Self, Error> {
        let mut counts = BTreeMap::new();
        for table in tables(connection)? {
            let query = format!("SELECT count(*) FROM {}", quote(&table));
            let count = sql::<BigInt>(&query).get_result(connection)?;
            counts.insert(table, count);
        }
        Ok(Self(counts))
    }

    /// Fails when a table holds fewer rows than before and none of these texts names it: a trigger, or a slip, has
    /// taken them.
    pub fn require(&self, connection: &mut SqliteConnection, texts: &[&str]) -> Result<(), Error> {
        let after = Self::of(connection)?.0;
        for (table, before) in &self.0 {
            let after = after.get(table).copied().unwrap_or(0);
            if after < *before && !texts.iter().any(|text| mentions(text, table)) {
                return Err(Error::RowsLost { table: table.clone(), before: *before, after });
            }
        }
        Ok(())
    }
}
