//! Rows that are moved to or from another kind of database.
//!
//! Rows are inserted by one statement for many of them, which takes each column as an array: Diesel's COPY takes its
//! table and columns from a type, and these are known at run time only.

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::pg::{Pg, PgRowByRowLoadingMode};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel::{Connection, PgConnection, QueryResult, RunQueryDsl, sql_query};

use super::errors::said;
use super::introspect::TABLES;
use super::sql::quote;
use crate::Error;
use crate::database::values::canonical;
use crate::database::{Moved, Numbers, Row};
use crate::text::{excerpt, literal};

/// Reads every row of a table.
pub(super) fn read(
    connection: &mut PgConnection,
    table: &Moved,
    each: &mut dyn FnMut(Row) -> Result<(), Error>,
) -> Result<(), Error> {
    let columns: Vec<_> = table.columns.iter().map(|(name, _)| format!("{}::text", quote(name))).collect();
    let query = format!("SELECT ARRAY[{}]::text[] FROM ONLY {}", columns.join(", "), quote(&table.table));
    for row in sql::<Array<Nullable<Text>>>(&query).load_iter::<Row, PgRowByRowLoadingMode>(connection)? {
        let mut row = row?;
        for at in 0..row.len() {
            let Some(text) = &row[at] else { continue };
            let ty = &table.columns[at].1;
            let Some(text) = canonical(ty, text) else {
                let why = format!("{} is not a value of {ty} on other databases", excerpt(text));
                return Err(table.refuse(Some(at), &row, why));
            };
            row[at] = Some(text);
        }
        each(row)?;
    }
    Ok(())
}

/// Inserts rows. Where the database refuses one, the error names it.
pub(super) fn write(connection: &mut PgConnection, table: &Moved, rows: &[Row]) -> Result<(), Error> {
    if let Some((row, at)) =
        rows.iter().find_map(|row| Some((row, row.iter().position(|value| has_zero(value.as_deref()))?)))
    {
        return Err(table.refuse(Some(at), row, "PostgreSQL cannot hold the character U+0000"));
    }
    match connection.transaction(|connection| insert(connection, table, rows)) {
        Err(DieselError::DatabaseError(kind, _)) if rows.len() > 1 && kind != DatabaseErrorKind::ClosedConnection => {
            let (first, second) = rows.split_at(rows.len() / 2);
            write(connection, table, first)?;
            write(connection, table, second)
        }
        Err(error @ DieselError::DatabaseError(..)) if rows.len() == 1 => {
            let at = column_of(connection, table, &rows[0]);
            Err(table.refuse(at, &rows[0], said(&error)))
        }
        other => Ok(other?),
    }
}

fn has_zero(value: Option<&str>) -> bool {
    value.is_some_and(|text| text.contains('\0'))
}

fn insert(connection: &mut PgConnection, table: &Moved, rows: &[Row]) -> QueryResult<()> {
    let name = quote(&table.table);
    let query = format!(
        "SELECT attname::text, format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = {}::regclass AND attnum > 0",
        literal(&name)
    );
    let types: Vec<(String, String)> = sql::<(Text, Text)>(&query).load(connection)?;
    let type_of = |name: &String| types.iter().find(|(own, _)| own == name).map_or("text", |(_, ty)| ty);
    let columns: Vec<_> = table.columns.iter().map(|(name, _)| quote(name)).collect();
    let values: Vec<_> =
        table.columns.iter().enumerate().map(|(at, (name, _))| format!("c{at}::{}", type_of(name))).collect();
    let arrays: Vec<_> = (1..=columns.len()).map(|at| format!("${at}::text[]")).collect();
    let names: Vec<_> = (0..columns.len()).map(|at| format!("c{at}")).collect();
    let mut query = sql_query(format!(
        "INSERT INTO {name} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM unnest({}) AS moved ({})",
        columns.join(", "),
        values.join(", "),
        arrays.join(", "),
        names.join(", ")
    ))
    .into_boxed::<Pg>();
    for at in 0..columns.len() {
        let column: Vec<Option<&str>> = rows.iter().map(|row| row[at].as_deref()).collect();
        query = query.bind::<Array<Nullable<Text>>, _>(column);
    }
    query.execute(connection).map(drop)
}

/// The column whose value the database refuses, where it is one column's: each is tried alone, without constraints.
fn column_of(connection: &mut PgConnection, table: &Moved, row: &Row) -> Option<usize> {
    let probe = "_diesel_autogen_probe";
    let columns: Vec<_> = table.columns.iter().map(|(name, _)| quote(name)).collect();
    let mut found = None;
    let _ = connection.transaction(|connection| {
        let columns = columns.join(", ");
        let name = quote(&table.table);
        connection.batch_execute(&format!("CREATE TEMPORARY TABLE {probe} AS SELECT {columns} FROM {name} LIMIT 0"))?;
        found = (0..row.len()).find(|at| {
            let column = vec![table.columns[*at].clone()];
            let alone = Moved { table: probe.into(), columns: column, key: Vec::new() };
            connection.transaction(|connection| insert(connection, &alone, &[vec![row[*at].clone()]])).is_err()
        });
        Err::<(), _>(DieselError::RollbackTransaction)
    });
    found
}

/// Takes the foreign keys away and switches triggers off. Returns the statements that put them back.
pub(super) fn release(connection: &mut PgConnection) -> QueryResult<Vec<String>> {
    let query = format!(
        "SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', relname, conname), \
             concat_ws('; ', format('ALTER TABLE %I ADD CONSTRAINT %I %s', relname, conname, pg_get_constraintdef(k.oid)), \
                 format('COMMENT ON CONSTRAINT %I ON %I IS ', conname, relname) \
                     || quote_literal(obj_description(k.oid, 'pg_constraint'))) \
             FROM (SELECT c.oid, c.relname FROM {TABLES}) t JOIN pg_constraint k ON conrelid = t.oid WHERE contype = 'f' \
         UNION ALL SELECT format('ALTER TABLE %I DISABLE TRIGGER %I', relname, tgname), \
             format('ALTER TABLE %I ENABLE %s TRIGGER %I', relname, CASE tgenabled WHEN 'A' THEN 'ALWAYS' END, tgname) \
             FROM (SELECT c.oid, c.relname FROM {TABLES}) t JOIN pg_trigger ON tgrelid = t.oid \
             WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
    );
    let pairs: Vec<(String, String)> = sql::<(Text, Text)>(&query).load(connection)?;
    for (release, _) in &pairs {
        connection.batch_execute(release)?;
    }
    Ok(pairs.into_iter().map(|(_, restore)| restore).collect())
}

/// Puts back what [`release`] took away; a foreign key is checked.
pub(super) fn restore(connection: &mut PgConnection, statements: &[String]) -> Result<(), Error> {
    statements.iter().try_for_each(|statement| {
        connection.batch_execute(statement).map_err(|error| match error {
            DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, ref information) => {
                let object = information.table_name().unwrap_or("a table").to_owned();
                Error::CannotMove { object, why: said(&error) }
            }
            other => other.into(),
        })
    })
}

/// Table, column, and the sequence that numbers it: that of an identity column, or one that its default names.
fn sequences(connection: &mut PgConnection) -> QueryResult<Vec<(String, String, String)>> {
    let query = format!(
        "SELECT DISTINCT t.relname::text, a.attname::text, s.oid::regclass::text \
         FROM (SELECT c.oid, c.relname FROM {TABLES}) t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 \
         LEFT JOIN pg_attrdef e ON e.adrelid = t.oid AND e.adnum = a.attnum \
         JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass \
                 AND d.refobjid = t.oid AND d.refobjsubid = a.attnum AND d.deptype = 'i' \
             OR d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid AND d.refclassid = 'pg_class'::regclass \
         JOIN pg_class s ON s.relkind = 'S' AND s.oid = CASE WHEN d.deptype = 'i' THEN d.objid ELSE d.refobjid END"
    );
    sql::<(Text, Text, Text)>(&query).load(connection)
}

/// The numbers that the sequences gave last.
pub(super) fn last_numbers(connection: &mut PgConnection) -> QueryResult<Numbers> {
    let mut numbers = Numbers::new();
    for (table, column, sequence) in sequences(connection)? {
        let query = format!("SELECT CASE WHEN is_called THEN last_value END FROM {sequence}");
        if let Some(last) = sql::<Nullable<BigInt>>(&query).get_result::<Option<i64>>(connection)? {
            numbers.insert((table.to_ascii_lowercase(), column.to_ascii_lowercase()), last);
        }
    }
    Ok(numbers)
}

/// Lets each sequence continue after that number, and after the rows.
pub(super) fn number_after(connection: &mut PgConnection, last: &Numbers) -> QueryResult<()> {
    for (table, column, sequence) in sequences(connection)? {
        let last = last.get(&(table.to_ascii_lowercase(), column.to_ascii_lowercase()));
        let last = last.map_or("NULL".to_owned(), ToString::to_string);
        let (name, table, column) = (literal(&sequence), quote(&table), quote(&column));
        connection.batch_execute(&format!(
            "SELECT setval({name}, number) FROM (SELECT CASE WHEN seqincrement > 0 \
                 THEN greatest((SELECT max({column})::bigint FROM {table}), {last}::bigint) \
                 ELSE least((SELECT min({column})::bigint FROM {table}), {last}::bigint) END AS number, seqmin, seqmax \
                 FROM pg_sequence WHERE seqrelid = {name}::regclass) s WHERE number BETWEEN seqmin AND seqmax"
        ))?;
    }
    Ok(())
}
