//! What a SQLite database holds, from its pragmas and from the texts that it stores.

use std::collections::HashMap;

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Integer, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use super::catalog::{is_application_table, side_table_names};
use super::ddl::create_table::{CreateTable, Kind};
use super::ddl::types::{column_type, default_value, storage};
use super::ddl::{canonical, canonical_condition};
use crate::error::Error;
use crate::schema::{
    Action, Check, Column, ForeignKey, Index, IndexColumn, Object, ObjectKind, Schema, Table, Type, same_name,
};

/// Reads the main database of the connection, without the side tables.
pub(crate) fn introspect(connection: &mut SqliteConnection) -> Result<Schema, Error> {
    let side_tables = side_table_names(connection)?;
    read(connection, &side_tables)
}

/// Reads the main database of the connection, without these tables.
pub(super) fn read(connection: &mut SqliteConnection, without: &[String]) -> Result<Schema, Error> {
    let mut columns = group(load_columns(connection)?, |row| row.0.clone());
    let mut keys = group(load_foreign_keys(connection)?, |row| row.0.clone());
    let mut indexes = group(load_indexes(connection)?, |row| row.0.clone());
    let texts = load_texts(connection)?;
    let virtual_tables = load_virtual_tables(connection)?;

    let (mut schema, mut objects) = (Schema::default(), Vec::new());
    for (kind, name, table, text) in texts.into_iter().filter(|row| !without.contains(&row.2)) {
        let table_kind = virtual_tables.iter().find(|(own, _)| same_name(own, &name)).map(|(_, kind)| kind.as_str());
        match (kind.as_str(), text) {
            ("table", Some(text)) if table_kind.is_none() => {
                let reader = TableReader { name: &name, text: CreateTable::parse(&text)?, sql: &text };
                let (table, indexes) = reader.read(columns.remove(&name), keys.remove(&name), indexes.remove(&name));
                schema.tables.push(table);
                objects.extend(indexes);
            }
            ("table", Some(sql)) if table_kind == Some("virtual") => {
                objects.push(object(ObjectKind::VirtualTable, name, table, sql));
            }
            ("view", Some(sql)) => objects.push(object(ObjectKind::View, name, table, sql)),
            ("trigger", Some(sql)) => objects.push(object(ObjectKind::Trigger, name, table, sql)),
            _ => {}
        }
    }
    schema.objects = Some(objects);
    name_referenced_keys(&mut schema);
    Ok(schema)
}

fn object(kind: ObjectKind, name: String, table: String, sql: String) -> Object {
    Object { kind, name, table, normalized: canonical(&sql), sql }
}

/// `REFERENCES users` without columns means the key of users.
fn name_referenced_keys(schema: &mut Schema) {
    let keys: HashMap<_, _> =
        schema.tables.iter().map(|table| (table.name.to_ascii_lowercase(), table.primary_key.clone())).collect();
    for key in schema.tables.iter_mut().flat_map(|table| &mut table.foreign_keys) {
        if key.references.is_empty() {
            key.references = keys.get(&key.table.to_ascii_lowercase()).cloned().unwrap_or_default();
        }
    }
}

type TextRow = (String, String, String, Option<String>);

fn load_texts(connection: &mut SqliteConnection) -> Result<Vec<TextRow>, Error> {
    let query = format!(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE {} ORDER BY rowid",
        is_application_table("tbl_name")
    );
    Ok(sql::<(Text, Text, Text, Nullable<Text>)>(&query).load(connection)?)
}

/// Virtual tables, and the shadow tables that hold their content.
fn load_virtual_tables(connection: &mut SqliteConnection) -> Result<Vec<(String, String)>, Error> {
    let query = "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type IN ('virtual', 'shadow')";
    Ok(sql::<(Text, Text)>(query).load(connection)?)
}

/// Table, column, type, NOT NULL, default, place in the key, kind (0 plain, 2 and 3 generated).
type ColumnRow = (String, String, String, bool, Option<String>, i32, i32);

fn load_columns(connection: &mut SqliteConnection) -> Result<Vec<ColumnRow>, Error> {
    // A virtual table, which has no root page, may need a module that only the application has.
    let query = format!(
        "SELECT m.name, x.name, x.type, x.\"notnull\", x.dflt_value, x.pk, x.hidden \
         FROM (SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND {}) m, \
              pragma_table_xinfo(m.name) x",
        is_application_table("tbl_name")
    );
    Ok(sql::<(Text, Text, Text, Bool, Nullable<Text>, Integer, Integer)>(&query).load(connection)?)
}

/// Table, number of the key, other table, column, other column, on update, on delete.
type KeyRow = (String, i32, String, String, Option<String>, String, String);

fn load_foreign_keys(connection: &mut SqliteConnection) -> Result<Vec<KeyRow>, Error> {
    let query = format!(
        "SELECT m.name, f.id, f.\"table\", f.\"from\", f.\"to\", f.on_update, f.on_delete \
         FROM (SELECT name FROM sqlite_master WHERE type = 'table' AND {}) m, \
              pragma_foreign_key_list(m.name) f ORDER BY m.name, f.id DESC, f.seq",
        is_application_table("tbl_name")
    );
    Ok(sql::<(Text, Integer, Text, Text, Nullable<Text>, Text, Text)>(&query).load(connection)?)
}

/// Table, index, unique, origin, partial, column, descending, collation, text.
type IndexRow = (String, String, bool, String, bool, Option<String>, bool, String, Option<String>);

fn load_indexes(connection: &mut SqliteConnection) -> Result<Vec<IndexRow>, Error> {
    let query = format!(
        "SELECT m.name, l.name, l.\"unique\", l.origin, l.partial, x.name, x.\"desc\", coalesce(x.coll, ''), i.sql \
         FROM (SELECT name FROM sqlite_master WHERE type = 'table' AND {}) m, \
              pragma_index_list(m.name) l, pragma_index_xinfo(l.name) x \
              LEFT JOIN sqlite_master i ON i.type = 'index' AND i.name = l.name \
         WHERE x.key ORDER BY m.name, l.seq DESC, x.seqno",
        is_application_table("tbl_name")
    );
    Ok(sql::<(Text, Text, Bool, Text, Bool, Nullable<Text>, Bool, Text, Nullable<Text>)>(&query).load(connection)?)
}

fn group<T>(rows: Vec<T>, by: impl Fn(&T) -> String) -> HashMap<String, Vec<T>> {
    let mut groups: HashMap<String, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(by(&row)).or_default().push(row);
    }
    groups
}

/// Puts one table together.
struct TableReader<'a> {
    name: &'a str,
    text: CreateTable<'a>,
    sql: &'a str,
}

impl TableReader<'_> {
    fn read(
        &self,
        columns: Option<Vec<ColumnRow>>,
        keys: Option<Vec<KeyRow>>,
        indexes: Option<Vec<IndexRow>>,
    ) -> (Table, Vec<Object>) {
        let columns = columns.unwrap_or_default();
        let mut key: Vec<_> = columns.iter().filter(|row| row.5 > 0).collect();
        key.sort_by_key(|row| row.5);
        let mut table = Table::new(self.name, key.iter().map(|row| row.1.as_str()));
        table.stored = Some(self.sql.to_owned());
        table.clauses = Some(self.text.clauses());
        table.columns = columns.iter().map(|row| self.column(row, &table)).collect();
        table.foreign_keys = foreign_keys(keys.unwrap_or_default());
        table.checks = self.checks();
        let (mut indexes, objects) = self.indexes(indexes.unwrap_or_default());
        indexes.retain(|index| !table.is_of_key(index));
        table.indexes = indexes;
        (table, objects)
    }

    fn column(&self, (_, name, declared, not_null, default, _, hidden): &ColumnRow, table: &Table) -> Column {
        // The pragma shows `GENERATED ALWAYS` at the end of a generated column's type.
        let declared = if *hidden > 0 { declared.trim_end_matches("GENERATED ALWAYS").trim() } else { declared };
        let ty = match column_type(declared) {
            Type::SmallInt | Type::BigInt if table.is_sole_key(name) => Type::Integer,
            ty => ty,
        };
        // A rowid is never NULL, whether or not NOT NULL is written.
        let is_rowid = self.text.rowid_column().is_some_and(|own| same_name(&own, name));
        Column {
            name: name.clone(),
            renamed_from: None,
            default: default.as_deref().and_then(|text| default_value(text, &ty)),
            ty,
            nullable: !not_null && !is_rowid,
            generated: *hidden > 0,
            identity: is_rowid,
            storage: Some(storage(declared, self.text.is_strict())),
            comment: None,
        }
    }

    fn checks(&self) -> Vec<Check> {
        let check = |check: &_| {
            let expression = self.text.expression(check);
            Check {
                name: check.name.clone().filter(|name| !name.is_empty()),
                normalized: canonical_condition(&expression, self.name),
                expression,
            }
        };
        self.text.constraints(Kind::Check).map(|(_, own)| check(own)).collect()
    }

    /// The indexes that `schema!` can declare, and those that it cannot.
    fn indexes(&self, rows: Vec<IndexRow>) -> (Vec<Index>, Vec<Object>) {
        let (mut indexes, mut objects) = (Vec::<Index>::new(), Vec::<Object>::new());
        for (table, name, unique, origin, is_partial, column, descending, collation, text) in rows {
            if origin == "pk" || objects.iter().any(|object| object.name == name) {
                continue;
            }
            let plain = column.as_deref().filter(|column| !is_partial && self.has_collation(column, &collation));
            let Some(column) = plain else {
                indexes.retain(|index| index.name != name);
                if let Some(sql) = text {
                    objects.push(object(ObjectKind::Index, name, table, sql));
                }
                continue;
            };
            let column = IndexColumn { name: column.to_owned(), descending };
            match indexes.last_mut() {
                Some(last) if last.name == name => last.columns.push(column),
                _ => {
                    let constraint = origin == "u";
                    indexes.push(Index { name, columns: vec![column], unique, constraint, stored: text });
                }
            }
        }
        for index in indexes.extract_if(.., |index| index.is_undeclarable() && index.stored.is_some()) {
            let sql = index.stored.unwrap_or_default();
            objects.push(object(ObjectKind::Index, index.name, self.name.to_owned(), sql));
        }
        (indexes, objects)
    }

    fn has_collation(&self, column: &str, collation: &str) -> bool {
        let own = self.text.collation(column).unwrap_or_else(|| "BINARY".into());
        own.eq_ignore_ascii_case(collation)
    }
}

fn foreign_keys(rows: Vec<KeyRow>) -> Vec<ForeignKey> {
    let mut keys: Vec<(i32, ForeignKey)> = Vec::new();
    for (_, id, table, column, referenced, on_update, on_delete) in rows {
        if keys.last().is_none_or(|(last, _)| *last != id) {
            let key = ForeignKey::new([], &table, []).on_delete(action(&on_delete)).on_update(action(&on_update));
            keys.push((id, key));
        }
        if let Some((_, key)) = keys.last_mut() {
            key.columns.push(column);
            key.references.extend(referenced);
        }
    }
    keys.into_iter().map(|(_, key)| key).collect()
}

fn action(text: &str) -> Action {
    match text {
        "RESTRICT" => Action::Restrict,
        "CASCADE" => Action::Cascade,
        "SET NULL" => Action::SetNull,
        "SET DEFAULT" => Action::SetDefault,
        _ => Action::NoAction,
    }
}
