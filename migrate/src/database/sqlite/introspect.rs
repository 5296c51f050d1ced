//! What a SQLite database holds, from its pragmas and from the texts that it keeps.

use std::collections::HashMap;

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Integer, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use crate::Error;
use crate::schema::{
    Action, Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Object, ObjectKind, Schema, Table, Type,
    same_name,
};
use crate::sql::create_table::{CreateTable, Kind};
use crate::sql::{canonical, tokens};

/// Tables that are nobody's model: SQLite's own, Diesel's bookkeeping and this library's.
const NOT_OURS: &str = "tbl_name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
     AND tbl_name NOT LIKE '\\_\\_diesel\\_%' ESCAPE '\\' AND tbl_name NOT LIKE '\\_\\_migrate\\_%' ESCAPE '\\' \
     AND tbl_name NOT LIKE '\\_kept\\_%' ESCAPE '\\'";

/// Reads the main database of the connection.
pub(crate) fn introspect(connection: &mut SqliteConnection) -> Result<Schema, Error> {
    let mut columns = group(load_columns(connection)?, |row| row.0.clone());
    let mut keys = group(load_foreign_keys(connection)?, |row| row.0.clone());
    let mut indexes = group(load_indexes(connection)?, |row| row.0.clone());
    let texts = load_texts(connection)?;
    let virtual_tables = load_virtual_tables(connection)?;

    let (mut schema, mut objects) = (Schema::default(), Vec::new());
    for (kind, name, table, text) in texts {
        let table_kind = virtual_tables.iter().find(|(own, _)| same_name(own, &name)).map(|(_, kind)| kind.as_str());
        match (kind.as_str(), text) {
            ("table", Some(text)) if table_kind.is_none() => {
                let reader = TableReader { name: &name, text: CreateTable::parse(&text)?, sql: &text };
                let (table, indexes) = reader.read(columns.remove(&name), keys.remove(&name), indexes.remove(&name));
                schema.tables.push(table);
                objects.extend(indexes);
            }
            ("table", Some(sql)) if table_kind == Some("virtual") => {
                objects.push(Object { kind: ObjectKind::VirtualTable, name, table, sql });
            }
            ("view", Some(sql)) => objects.push(Object { kind: ObjectKind::View, name, table, sql }),
            ("trigger", Some(sql)) => objects.push(Object { kind: ObjectKind::Trigger, name, table, sql }),
            _ => {}
        }
    }
    schema.objects = Some(objects);
    schema.side_tables = load_side_tables(connection)?;
    name_referenced_keys(&mut schema);
    Ok(schema)
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
    let query = format!("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE {NOT_OURS} ORDER BY rowid");
    Ok(sql::<(Text, Text, Text, Nullable<Text>)>(&query).load(connection)?)
}

fn load_side_tables(connection: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let query =
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name LIKE '\\_kept\\_%' ESCAPE '\\' ORDER BY rowid";
    Ok(sql::<Text>(query).load(connection)?)
}

/// Virtual tables, and the shadow tables that they keep their content in.
fn load_virtual_tables(connection: &mut SqliteConnection) -> Result<Vec<(String, String)>, Error> {
    let query = "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type IN ('virtual', 'shadow')";
    Ok(sql::<(Text, Text)>(query).load(connection)?)
}

/// Table, column, type, NOT NULL, default, place in the key, kind (0 plain, 2 and 3 generated).
type ColumnRow = (String, String, String, bool, Option<String>, i32, i32);

fn load_columns(connection: &mut SqliteConnection) -> Result<Vec<ColumnRow>, Error> {
    let query = format!(
        "SELECT m.name, x.name, x.type, x.\"notnull\", x.dflt_value, x.pk, x.hidden \
         FROM (SELECT name FROM sqlite_master WHERE type = 'table' AND {NOT_OURS}) m, pragma_table_xinfo(m.name) x"
    );
    Ok(sql::<(Text, Text, Text, Bool, Nullable<Text>, Integer, Integer)>(&query).load(connection)?)
}

/// Table, number of the key, other table, column, other column, on update, on delete.
type KeyRow = (String, i32, String, String, Option<String>, String, String);

fn load_foreign_keys(connection: &mut SqliteConnection) -> Result<Vec<KeyRow>, Error> {
    let query = format!(
        "SELECT m.name, f.id, f.\"table\", f.\"from\", f.\"to\", f.on_update, f.on_delete \
         FROM (SELECT name FROM sqlite_master WHERE type = 'table' AND {NOT_OURS}) m, \
              pragma_foreign_key_list(m.name) f ORDER BY m.name, f.id DESC, f.seq"
    );
    Ok(sql::<(Text, Integer, Text, Text, Nullable<Text>, Text, Text)>(&query).load(connection)?)
}

/// Table, index, unique, origin, partial, column, descending, collation, text.
type IndexRow = (String, String, bool, String, bool, Option<String>, bool, String, Option<String>);

fn load_indexes(connection: &mut SqliteConnection) -> Result<Vec<IndexRow>, Error> {
    let query = format!(
        "SELECT m.name, l.name, l.\"unique\", l.origin, l.partial, x.name, x.\"desc\", coalesce(x.coll, ''), i.sql \
         FROM (SELECT name FROM sqlite_master WHERE type = 'table' AND {NOT_OURS}) m, \
              pragma_index_list(m.name) l, pragma_index_xinfo(l.name) x \
              LEFT JOIN sqlite_master i ON i.type = 'index' AND i.name = l.name \
         WHERE x.key ORDER BY m.name, l.seq DESC, x.seqno"
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
        let row_number = self.text.row_number();
        table.columns = columns.iter().map(|row| column(row, row_number.as_deref())).collect();
        table.foreign_keys = foreign_keys(keys.unwrap_or_default());
        table.checks = self.checks();
        let (mut indexes, partial) = self.indexes(indexes.unwrap_or_default());
        indexes.retain(|index| !table.is_of_key(index));
        table.indexes = indexes;
        (table, partial)
    }

    fn checks(&self) -> Vec<Check> {
        let checks = self.text.constraints(Kind::Check);
        checks.map(|(_, check)| Check { name: check.name.clone(), expression: self.text.expression(check) }).collect()
    }

    /// The indexes that `schema!` can say, and those that it cannot.
    fn indexes(&self, rows: Vec<IndexRow>) -> (Vec<Index>, Vec<Object>) {
        let (mut indexes, mut partial) = (Vec::<Index>::new(), Vec::<Object>::new());
        for (table, name, unique, origin, is_partial, column, descending, collation, text) in rows {
            if origin == "pk" || partial.iter().any(|object| object.name == name) {
                continue;
            }
            let plain = column.as_deref().filter(|column| !is_partial && self.has_collation(column, &collation));
            let Some(column) = plain else {
                indexes.retain(|index| index.name != name);
                if let Some(sql) = text {
                    partial.push(Object { kind: ObjectKind::Index, name, table, sql });
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
        (indexes, partial)
    }

    fn has_collation(&self, column: &str, collation: &str) -> bool {
        let own = self.text.collation(column).unwrap_or_else(|| "BINARY".into());
        own.eq_ignore_ascii_case(collation)
    }
}

fn column((_, name, declared, not_null, default, _, hidden): &ColumnRow, row_number: Option<&str>) -> Column {
    // The pragma shows `GENERATED ALWAYS` at the end of a generated column's type.
    let declared = if *hidden > 0 { declared.trim_end_matches("GENERATED ALWAYS").trim() } else { declared };
    let ty = column_type(declared);
    // The number of a row is never NULL, whether or not NOT NULL is written.
    let is_row_number = row_number.is_some_and(|own| same_name(own, name));
    Column {
        name: name.clone(),
        renamed_from: None,
        default: default.as_deref().map(|text| default_value(text, &ty)),
        ty,
        nullable: !not_null && !is_row_number,
        generated: *hidden > 0,
    }
}

/// The type that a declared type stands for: as `diesel print-schema` reads it, and the length in its parentheses.
pub(crate) fn column_type(declared: &str) -> Type {
    let name = declared.to_ascii_lowercase();
    let has = |part: &str| name.contains(part);
    if name == "boolean" || name == "bool" || has("tiny") && has("int") {
        Type::Bool
    } else if name == "int2" || has("small") && has("int") {
        Type::SmallInt
    } else if name == "int8" || has("big") && has("int") {
        Type::BigInt
    } else if has("int") {
        Type::Integer
    } else if has("char") || has("clob") || has("text") {
        Type::Text { max_length: length(&name) }
    } else if has("blob") || has("binary") || name.is_empty() {
        Type::Binary
    } else if has("float") || has("real") {
        Type::Float
    } else if has("double") || has("num") || has("dec") {
        Type::Double
    } else {
        match name.as_str() {
            "datetime" | "timestamp" => Type::Timestamp,
            "date" => Type::Date,
            "time" => Type::Time,
            _ => Type::Other(declared.to_owned()),
        }
    }
}

fn length(name: &str) -> Option<u32> {
    let (_, rest) = name.split_once('(')?;
    rest.split_once(')')?.0.trim().parse().ok()
}

/// The value that a default's text stands for.
pub(crate) fn default_value(text: &str, ty: &Type) -> DefaultValue {
    let bare = canonical(text);
    let number = bare.replace(' ', "");
    match bare.as_str() {
        "current_timestamp" if *ty == Type::Timestamp => return DefaultValue::Now,
        "current_date" if *ty == Type::Date => return DefaultValue::Now,
        "current_time" if *ty == Type::Time => return DefaultValue::Now,
        "true" | "1" if *ty == Type::Bool => return DefaultValue::Bool(true),
        "false" | "0" if *ty == Type::Bool => return DefaultValue::Bool(false),
        _ => {}
    }
    if number.parse::<f64>().is_ok_and(f64::is_finite) && !number.contains(|char: char| char.is_alphabetic()) {
        return DefaultValue::Number(number);
    }
    // SQLite takes a name for a text where no column can stand, in quotes or not.
    if let Ok([token]) = tokens(text).as_deref()
        && (token.text.starts_with(['"', '[', '`']) || is_bare_name(token.text))
    {
        return DefaultValue::Text(token.name());
    }
    match bare.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) if !inner.replace("''", "").contains('\'') => DefaultValue::Text(inner.replace("''", "'")),
        _ => DefaultValue::Sql(text.to_owned()),
    }
}

fn is_bare_name(text: &str) -> bool {
    const VALUES: [&str; 6] = ["null", "true", "false", "current_time", "current_date", "current_timestamp"];
    let is_letter = |char: char| char.is_alphabetic() || char == '_';
    text.starts_with(is_letter)
        && text.chars().all(|char| is_letter(char) || char.is_numeric() || char == '$')
        && !VALUES.iter().any(|value| text.eq_ignore_ascii_case(value))
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
