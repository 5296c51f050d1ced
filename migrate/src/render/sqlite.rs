//! SQLite's dialect. What ALTER TABLE can do it does; the rest is one rebuild a table.
//!
//! A rebuild makes a new table, copies every row, drops the old one and gives the new one its name
//! (<https://www.sqlite.org/lang_altertable.html#otheralter>). Indexes and triggers are made again from their own texts;
//! views, and the foreign keys of other tables, stay as they are, because `legacy_alter_table` keeps the last step from
//! rewriting them.

use std::fmt::Write as _;

use super::Sql;
use super::order::parents_first;
use crate::diff::Alteration;
use crate::schema::{
    Action, Check, Column, ForeignKey, Index, IndexColumn, Object, ObjectKind, Schema, Table, Type, same_name,
};
use crate::sql::create_table::{CreateTable, Kind};
use crate::sql::{default_sql, mentions, quote, quote_all};
use crate::{Change, Error};

/// Which of a migration's two files is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// A value that is missing is an error that the database reports, and nothing happens.
    Up,
    /// A downgrade must always be possible: a value that is missing is filled in.
    Down,
}

pub(super) fn render(from: &Schema, changes: &[Change]) -> Result<Sql, Error> {
    let changes = changes.iter().cloned().map(complete).collect::<Result<Vec<_>, _>>()?;
    let kept: Vec<_> = from.objects().iter().filter(|object| !goes(object, &changes)).cloned().collect();
    let reversed: Vec<_> = changes.iter().rev().cloned().map(Change::reverse).collect();
    let up = Writer { direction: Direction::Up, changes: &changes, kept: &kept }.write()?;
    let down = Writer { direction: Direction::Down, changes: &reversed, kept: &kept }.write()?;
    Ok(Sql { own_transaction: up.1 || down.1, up: up.0, down: down.0 })
}

fn goes(object: &Object, changes: &[Change]) -> bool {
    changes.iter().any(|change| matches!(change, Change::DropObject(gone) if gone == object))
}

/// The change with the CREATE TABLE text of what it makes.
fn complete(change: Change) -> Result<Change, Error> {
    Ok(match change {
        Change::CreateTable(mut table) => {
            table.stored = Some(table.stored.take().unwrap_or_else(|| create_table(&table)));
            Change::CreateTable(table)
        }
        Change::AlterTable { from, mut to, alterations } => {
            if to.stored.is_none() {
                to.stored = Some(edited_text(&from, &to, &alterations)?);
            }
            Change::AlterTable { from, to, alterations }
        }
        Change::CreateObject(object) | Change::DropObject(object) if object.kind == ObjectKind::VirtualTable => {
            return Err(cannot(&object.name, "a virtual table is made and dropped by a migration written by hand"));
        }
        other => other,
    })
}

fn cannot(table: &str, why: &str) -> Error {
    Error::CannotExpress { table: table.to_owned(), why: why.to_owned() }
}

/// The text of a new table, as a person would write it.
fn create_table(table: &Table) -> String {
    let mut lines: Vec<_> = table.columns.iter().map(|column| column_definition(table, column)).collect();
    if table.primary_key.len() > 1 {
        lines.push(primary_key(&table.primary_key));
    }
    let composite =
        table.foreign_keys.iter().filter(|key| key.columns.len() > 1 || own_keys(table, &key.columns[0]) > 1);
    lines.extend(composite.map(foreign_key));
    lines.extend(table.checks.iter().map(check));
    format!("CREATE TABLE {} (\n    {}\n)", quote(&table.name), lines.join(",\n    "))
}

fn column_definition(table: &Table, column: &Column) -> String {
    let is_key = table.is_sole_key(&column.name);
    let mut text = format!("{} {}", quote(&column.name), column_type(&column.ty, is_key));
    if !column.nullable {
        text.push_str(" NOT NULL");
    }
    if is_key {
        text.push_str(" PRIMARY KEY");
    }
    if let Some(default) = &column.default {
        let _ = write!(text, " DEFAULT {}", default_sql(default, &column.ty));
    }
    if own_keys(table, &column.name) == 1 {
        let key = table.foreign_keys.iter().find(|key| is_key_of(key, &column.name));
        text.extend(key.map(|key| format!(" {}", references(key))));
    }
    text
}

fn is_key_of(key: &ForeignKey, column: &str) -> bool {
    matches!(key.columns.as_slice(), [own] if same_name(own, column))
}

fn own_keys(table: &Table, column: &str) -> usize {
    table.foreign_keys.iter().filter(|key| is_key_of(key, column)).count()
}

/// Declared types that `diesel print-schema` reads back as the same Diesel type.
fn column_type(ty: &Type, is_key: bool) -> String {
    match ty {
        // Only a column declared INTEGER counts up by itself: any other spelling would take NULL for an answer.
        Type::SmallInt | Type::BigInt if is_key => "INTEGER".into(),
        Type::SmallInt => "SMALLINT".into(),
        Type::Integer => "INTEGER".into(),
        Type::BigInt => "BIGINT".into(),
        Type::Float => "FLOAT".into(),
        Type::Double => "DOUBLE".into(),
        Type::Text { max_length: None } => "TEXT".into(),
        Type::Text { max_length: Some(length) } => format!("VARCHAR({length})"),
        Type::Binary => "BLOB".into(),
        Type::Bool => "BOOLEAN".into(),
        Type::Date => "DATE".into(),
        Type::Time => "TIME".into(),
        Type::Timestamp => "TIMESTAMP".into(),
        Type::Other(name) => name.clone(),
    }
}

fn primary_key(columns: &[String]) -> String {
    format!("PRIMARY KEY ({})", quote_all(columns))
}

fn foreign_key(key: &ForeignKey) -> String {
    format!("FOREIGN KEY ({}) {}", quote_all(&key.columns), references(key))
}

fn references(key: &ForeignKey) -> String {
    let action = |event: &str, action: Action| match action {
        Action::NoAction => String::new(),
        Action::Restrict => format!(" ON {event} RESTRICT"),
        Action::Cascade => format!(" ON {event} CASCADE"),
        Action::SetNull => format!(" ON {event} SET NULL"),
        Action::SetDefault => format!(" ON {event} SET DEFAULT"),
    };
    format!(
        "REFERENCES {} ({}){}{}",
        quote(&key.table),
        quote_all(&key.references),
        action("DELETE", key.on_delete),
        action("UPDATE", key.on_update)
    )
}

fn check(check: &Check) -> String {
    let name = check.name.as_ref().map(|name| format!("CONSTRAINT {} ", quote(name)));
    format!("{}CHECK ({})", name.unwrap_or_default(), check.expression)
}

fn create_index(table: &str, index: &Index) -> String {
    if let Some(stored) = &index.stored {
        return stored.clone();
    }
    let column =
        |column: &IndexColumn| format!("{}{}", quote(&column.name), if column.descending { " DESC" } else { "" });
    let columns: Vec<_> = index.columns.iter().map(column).collect();
    let unique = if index.unique { "UNIQUE " } else { "" };
    format!("CREATE {unique}INDEX {} ON {} ({})", quote(&index.name), quote(table), columns.join(", "))
}

/// The stored text of `from`, edited into one that makes `to`.
fn edited_text(from: &Table, to: &Table, alterations: &[Alteration]) -> Result<String, Error> {
    let mut text = stored(from)?.to_owned();
    for alteration in in_order_of_edits(alterations) {
        let table = CreateTable::parse(&text)?;
        let edited = match alteration {
            Alteration::DropForeignKey(key) => table.without_foreign_key(key),
            Alteration::DropCheck(check) => table.without_check(&check.expression),
            Alteration::DropIndex(index) if index.constraint => table.without_unique(&names(index)),
            Alteration::DropColumn(column) => table.without_column(&column.name),
            Alteration::AlterColumn { from: old, to: new } => {
                edited_column(&text, old, new, to.is_sole_key(&new.name))?
            }
            Alteration::AddColumn(column) => Some(table.with_column(&added_column(to, column))),
            Alteration::AddForeignKey(key) if is_inline(key, to, alterations) => Some(text.clone()),
            Alteration::AddForeignKey(key) => Some(table.with_constraint(&foreign_key(key))),
            Alteration::AddCheck(added) => Some(table.with_constraint(&check(added))),
            Alteration::PrimaryKey { to: key, .. } => edited_key(&table, key),
            Alteration::AddIndex(_) | Alteration::DropIndex(_) | Alteration::Rewrite => Some(text.clone()),
        };
        text = edited.ok_or_else(|| cannot(&from.name, &format!("its text has no place for: {alteration}")))?;
    }
    Ok(text)
}

/// Constraints go before their columns, and columns come before their constraints.
fn in_order_of_edits(alterations: &[Alteration]) -> Vec<&Alteration> {
    let rank = |alteration: &&Alteration| match alteration {
        Alteration::DropForeignKey(_) | Alteration::DropCheck(_) | Alteration::DropIndex(_) => 0,
        Alteration::DropColumn(_) => 2,
        Alteration::AlterColumn { .. } => 3,
        Alteration::AddColumn(_) => 1,
        Alteration::PrimaryKey { .. } => 4,
        _ => 5,
    };
    let mut ordered: Vec<_> = alterations.iter().collect();
    ordered.sort_by_key(rank);
    ordered
}

fn edited_column(text: &str, old: &Column, new: &Column, is_key: bool) -> Result<Option<String>, Error> {
    let mut text = Some(text.to_owned());
    let mut edit = |edit: &dyn Fn(&CreateTable) -> Option<String>| -> Result<(), Error> {
        if let Some(current) = text.take() {
            text = edit(&CreateTable::parse(&current)?);
        }
        Ok(())
    };
    if old.ty != new.ty {
        edit(&|table| table.with_type(&new.name, &column_type(&new.ty, is_key)))?;
    }
    if old.nullable != new.nullable {
        edit(&|table| table.with_not_null(&new.name, !new.nullable))?;
    }
    if old.default != new.default {
        let default = new.default.as_ref().map(|default| default_sql(default, &new.ty));
        edit(&|table| table.with_default(&new.name, default.as_deref()))?;
    }
    Ok(text)
}

fn edited_key(table: &CreateTable, key: &[String]) -> Option<String> {
    let text = table.without_primary_key();
    let Some(text) = text else { return Some(table.with_constraint(&primary_key(key))) };
    if key.is_empty() {
        return Some(text);
    }
    Some(CreateTable::parse(&text).ok()?.with_constraint(&primary_key(key)))
}

/// The definition of a column that joins a table; its key to another table stands in it.
fn added_column(table: &Table, column: &Column) -> String {
    let without_key = Table { primary_key: Vec::new(), ..table.clone() };
    column_definition(&without_key, column)
}

/// Whether a key is written at the column that it comes with.
fn is_inline(key: &ForeignKey, table: &Table, alterations: &[Alteration]) -> bool {
    alterations.iter().any(|alteration| match alteration {
        Alteration::AddColumn(column) => is_key_of(key, &column.name) && own_keys(table, &column.name) == 1,
        _ => false,
    })
}

fn stored(table: &Table) -> Result<&str, Error> {
    table.stored.as_deref().ok_or_else(|| cannot(&table.name, "the text that made it is not known"))
}

fn names(index: &Index) -> Vec<String> {
    index.columns.iter().map(|column| column.name.clone()).collect()
}

/// Writes one file.
struct Writer<'a> {
    direction: Direction,
    changes: &'a [Change],
    /// Triggers, views and hand-written indexes that are there before and after.
    kept: &'a [Object],
}

impl Writer<'_> {
    /// The file's text, and whether it brings its own transaction.
    fn write(&self) -> Result<(String, bool), Error> {
        let mut statements = Vec::new();
        let mut rebuilt = Vec::new();
        statements.extend(self.dropped_objects());
        statements.extend(self.created_tables()?);
        for change in self.changes {
            if let Change::AlterTable { from, to, alterations } = change {
                match self.alter(from, to, alterations)? {
                    Some(altered) => statements.extend(altered),
                    None => {
                        statements.extend(self.rebuild(from, to, alterations)?);
                        rebuilt.push(to.name.as_str());
                    }
                }
            }
        }
        let (dropped, needs_keys_off) = self.dropped_tables();
        statements.extend(dropped);
        statements.extend(self.created_indexes());
        statements.extend(self.created_objects());
        let body = statements.into_iter().map(|statement| terminated(&statement)).collect::<Vec<_>>().join("\n");
        let own_transaction = needs_keys_off || !rebuilt.is_empty();
        Ok((if own_transaction { protected(&body, &rebuilt) } else { body + "\n" }, own_transaction))
    }

    fn dropped_objects(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for change in self.changes.iter().rev() {
            if let Change::DropObject(object) = change {
                let kind = match object.kind {
                    ObjectKind::Index => "INDEX",
                    ObjectKind::Trigger => "TRIGGER",
                    ObjectKind::View => "VIEW",
                    ObjectKind::VirtualTable => "TABLE",
                };
                statements.push(format!("DROP {kind} {}", quote(&object.name)));
            }
        }
        statements
    }

    fn created_tables(&self) -> Result<Vec<String>, Error> {
        let created = self.changes.iter().filter_map(|change| match change {
            Change::CreateTable(table) => Some(table),
            _ => None,
        });
        let tables: Vec<_> = created.collect();
        parents_first(&tables).0.into_iter().map(|table| Ok(stored(table)?.to_owned())).collect()
    }

    /// The tables that go, children first, and whether foreign keys must be off for it: a parent's rows would take
    /// those with them that refer to it.
    fn dropped_tables(&self) -> (Vec<String>, bool) {
        let tables: Vec<_> = self
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::DropTable(table) => Some(table),
                _ => None,
            })
            .collect();
        let (mut ordered, has_cycle) = parents_first(&tables);
        ordered.reverse();
        (ordered.into_iter().map(|table| format!("DROP TABLE {}", quote(&table.name))).collect(), has_cycle)
    }

    fn created_indexes(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for change in self.changes {
            match change {
                Change::CreateTable(table) => {
                    let indexes = table.indexes.iter().filter(|index| !index.constraint);
                    statements.extend(indexes.map(|index| create_index(&table.name, index)));
                }
                Change::AlterTable { to, alterations, .. } => {
                    statements.extend(alterations.iter().filter_map(|alteration| match alteration {
                        Alteration::AddIndex(index) if !index.constraint => Some(create_index(&to.name, index)),
                        _ => None,
                    }));
                }
                _ => {}
            }
        }
        statements
    }

    fn created_objects(&self) -> Vec<String> {
        let mut objects: Vec<_> = self
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::CreateObject(object) => Some(object),
                _ => None,
            })
            .collect();
        // A trigger may stand on a view.
        objects.sort_by_key(|object| object.kind == ObjectKind::Trigger);
        objects.into_iter().map(|object| object.sql.clone()).collect()
    }

    /// The statements of ALTER TABLE that make `to`, or `None` where it cannot.
    fn alter(&self, from: &Table, to: &Table, alterations: &[Alteration]) -> Result<Option<Vec<String>>, Error> {
        let (before, after) = (CreateTable::parse(stored(from)?)?, CreateTable::parse(stored(to)?)?);
        let table = quote(&to.name);
        let mut text = stored(from)?.to_owned();
        let mut statements = Vec::new();
        for alteration in alterations {
            if let Alteration::DropIndex(index) = alteration
                && !index.constraint
            {
                statements.push(format!("DROP INDEX {}", quote(&index.name)));
            }
        }
        for alteration in alterations {
            let current = CreateTable::parse(&text)?;
            let edited = match alteration {
                Alteration::AddColumn(column) => {
                    let Some(definition) = addable(&after, &column.name) else { return Ok(None) };
                    statements.push(format!("ALTER TABLE {table} ADD COLUMN {definition}"));
                    Some(current.with_column(definition))
                }
                Alteration::DropColumn(column) => {
                    if !self.is_droppable(&before, &current, from, &column.name) {
                        return Ok(None);
                    }
                    statements.push(format!("ALTER TABLE {table} DROP COLUMN {}", quote(&column.name)));
                    current.without_column(&column.name)
                }
                _ => continue,
            };
            let Some(edited) = edited else { return Ok(None) };
            text = edited;
        }
        // Whatever else differs is beyond ALTER TABLE.
        let reached = CreateTable::parse(&text)?.canonical() == after.canonical();
        Ok(reached.then_some(statements))
    }

    /// Whether ALTER TABLE DROP COLUMN takes the column: <https://www.sqlite.org/lang_altertable.html#alter_table_drop_column>.
    fn is_droppable(&self, before: &CreateTable, current: &CreateTable, table: &Table, name: &str) -> bool {
        let Some(item) = before.column(name) else { return false };
        let is_constrained =
            [Kind::PrimaryKey, Kind::Unique, Kind::ForeignKey].into_iter().any(|kind| item.find(kind).is_some());
        let others = current.items.iter().filter(|item| item.column.as_deref().is_none_or(|own| !same_name(own, name)));
        let is_mentioned = others.into_iter().any(|item| mentions(current.text(item), name));
        let own = self.kept.iter().filter(|object| same_name(&object.table, &table.name));
        let is_used = own.into_iter().any(|object| mentions(&object.sql, name));
        !is_constrained && !is_mentioned && !is_used
    }

    fn rebuild(&self, from: &Table, to: &Table, alterations: &[Alteration]) -> Result<Vec<String>, Error> {
        let text = CreateTable::parse(stored(to)?)?;
        let (old, new) = (quote(&from.name), quote(&new_name(&to.name)));
        let (targets, values) = self.copied_columns(from, to, &text)?;
        let mut statements = vec![
            format!(
                "INSERT INTO temp._guard (name, rows_before) SELECT {}, count(*) FROM {old}",
                crate::sql::literal(&to.name)
            ),
            text.renamed(&new_name(&to.name)),
            format!("INSERT INTO {new} ({})\n    SELECT {}\n    FROM {old}", targets.join(", "), values.join(", ")),
        ];
        if text.is_autoincrement() && CreateTable::parse(stored(from)?)?.is_autoincrement() {
            let (old, new) = (crate::sql::literal(&from.name), crate::sql::literal(&new_name(&to.name)));
            statements.push(format!("DELETE FROM sqlite_sequence WHERE name = {new}"));
            statements.push(format!(
                "INSERT INTO sqlite_sequence (name, seq) SELECT {new}, seq FROM sqlite_sequence WHERE name = {old}"
            ));
        }
        statements.push(format!("DROP TABLE {old}"));
        statements.push(format!("ALTER TABLE {new} RENAME TO {}", quote(&to.name)));
        let is_new = |index: &&Index| {
            alterations.iter().any(|alteration| matches!(alteration, Alteration::AddIndex(added) if added == *index))
        };
        let kept = to.indexes.iter().filter(|index| !index.constraint && !is_new(index));
        statements.extend(kept.map(|index| create_index(&to.name, stored_index(from, index))));
        let own = self.kept.iter().filter(|object| same_name(&object.table, &from.name));
        let own = own.filter(|object| matches!(object.kind, ObjectKind::Index | ObjectKind::Trigger));
        statements.extend(own.map(|object| object.sql.clone()));
        Ok(statements)
    }

    /// The columns that a rebuild fills, and the expressions that it fills them with.
    fn copied_columns(
        &self,
        from: &Table,
        to: &Table,
        text: &CreateTable,
    ) -> Result<(Vec<String>, Vec<String>), Error> {
        let (mut targets, mut values) = (Vec::new(), Vec::new());
        let before = CreateTable::parse(stored(from)?)?;
        if let Some(rowid) = hidden_rowid(from, &before, to, text) {
            targets.push(rowid.to_owned());
            values.push(rowid.to_owned());
        }
        for column in &to.columns {
            if text.column(&column.name).is_some_and(|item| item.find(Kind::Generated).is_some()) {
                continue;
            }
            let value = match from.find_column(&column.name) {
                Some(old) => Some(self.copied_value(old, column, to)),
                None if self.direction == Direction::Down && !column.nullable && column.default.is_none() => {
                    Some(filler(to, column, hidden_rowid(from, &before, to, text)))
                }
                None => None,
            };
            if let Some(value) = value {
                targets.push(quote(&column.name));
                values.push(value);
            }
        }
        Ok((targets, values))
    }

    fn copied_value(&self, from: &Column, to: &Column, table: &Table) -> String {
        let name = quote(&from.name);
        let is_text = |ty: &Type| matches!(ty, Type::Text { .. });
        let value = match (&from.ty, &to.ty) {
            (Type::Binary, ty) if is_text(ty) => format!("CAST({name} AS TEXT)"),
            (ty, Type::Binary) if is_text(ty) => format!("CAST({name} AS BLOB)"),
            (Type::Date, Type::Timestamp) => format!("{name} || ' 00:00:00'"),
            (Type::Timestamp, Type::Date) => format!("coalesce(date({name}), {name})"),
            _ => name,
        };
        let may_be_null = from.nullable && !to.nullable && !table.is_sole_key(&to.name);
        match &to.default {
            Some(default) if may_be_null => format!("coalesce({value}, {})", default_sql(default, &to.ty)),
            None if may_be_null && self.direction == Direction::Down => {
                format!("coalesce({value}, {})", filler(table, to, None))
            }
            _ => value,
        }
    }
}

/// The index as the live table has it, with the text that made it.
fn stored_index<'a>(from: &'a Table, index: &'a Index) -> &'a Index {
    let same = |other: &&Index| other.columns == index.columns && other.unique == index.unique && !other.constraint;
    from.indexes.iter().find(same).unwrap_or(index)
}

/// What a downgrade puts where a value is needed and none is known: zero, nothing, or the row's own number where two
/// rows may not be equal.
fn filler(table: &Table, column: &Column, rowid: Option<&str>) -> String {
    let is_unique = table
        .indexes
        .iter()
        .any(|index| index.unique && matches!(index.columns.as_slice(), [only] if same_name(&only.name, &column.name)));
    let number = rowid.map(str::to_owned).or_else(|| match table.primary_key.as_slice() {
        [key] => Some(quote(key)),
        _ => None,
    });
    match (&column.ty, number) {
        (Type::Text { .. }, Some(number)) if is_unique => format!("CAST({number} AS TEXT)"),
        (Type::Binary, Some(number)) if is_unique => format!("CAST({number} AS BLOB)"),
        (_, Some(number)) if is_unique => number,
        (Type::Text { .. }, _) => "''".into(),
        (Type::Binary, _) => "x''".into(),
        (Type::Date, _) => "'1970-01-01'".into(),
        (Type::Time, _) => "'00:00:00'".into(),
        (Type::Timestamp, _) => "'1970-01-01 00:00:00'".into(),
        _ => "0".into(),
    }
}

/// The name by which the number of a row can be copied, where no column has it: SQLite would number the rows anew,
/// and an outside index (FTS5) that knows them by number would point at others.
fn hidden_rowid(from: &Table, before: &CreateTable, to: &Table, after: &CreateTable) -> Option<&'static str> {
    if has_own_number(from, before) || has_own_number(to, after) {
        return None;
    }
    let is_free = |name: &&str| from.find_column(name).is_none() && to.find_column(name).is_none();
    ["rowid", "_rowid_", "oid"].into_iter().find(is_free)
}

/// Whether a table's rows are told apart by a column of its own: `INTEGER PRIMARY KEY`, or WITHOUT ROWID.
fn has_own_number(table: &Table, text: &CreateTable) -> bool {
    let is_integer = |key: &String| text.declared_type(key).is_some_and(|ty| ty.eq_ignore_ascii_case("INTEGER"));
    text.is_without_rowid() || matches!(table.primary_key.as_slice(), [key] if is_integer(key))
}

/// The definition of a column that ALTER TABLE ADD COLUMN takes, whether or not there are rows:
/// <https://www.sqlite.org/lang_altertable.html#alter_table_add_column>.
fn addable<'a>(table: &CreateTable<'a>, column: &str) -> Option<&'a str> {
    let item = table.column(column)?;
    let default = item.find(Kind::Default).map(|default| table.default_text(default));
    let is_constant =
        default.is_none_or(|text| !text.starts_with('(') && !text.to_ascii_uppercase().starts_with("CURRENT_"));
    let is_null = default.is_none_or(|text| text.eq_ignore_ascii_case("NULL"));
    let fits = is_constant
        && item.find(Kind::PrimaryKey).is_none()
        && item.find(Kind::Unique).is_none()
        && item.find(Kind::Generated).is_none()
        && (item.find(Kind::NotNull).is_none() || !is_null)
        && (item.find(Kind::ForeignKey).is_none() || is_null);
    fits.then(|| table.text(item))
}

/// The name of the table that a rebuild fills.
fn new_name(table: &str) -> String {
    format!("_new_{table}")
}

fn terminated(statement: &str) -> String {
    format!("{};", statement.trim_end().trim_end_matches(';'))
}

/// The statements within a transaction of their own, with foreign keys off, and with guards that hold in any runner:
/// even the `sqlite3` shell, which goes on after an error, commits nothing that lost a row.
fn protected(body: &str, rebuilt: &[&str]) -> String {
    let tables = if rebuilt.is_empty() { "tables that refer to each other".to_owned() } else { rebuilt.join(", ") };
    let mut counted = String::new();
    for table in rebuilt {
        let (name, table) = (crate::sql::literal(table), quote(table));
        let _ = writeln!(
            counted,
            "UPDATE temp._guard SET rows_after = (SELECT count(*) FROM {table}) WHERE name = {name};"
        );
    }
    format!(
        "-- Rebuilds {tables}. db_upgrade and db_downgrade keep foreign keys off meanwhile and check the result;\n\
         -- the lines around the rebuild make every other runner do the same.\n\
         PRAGMA foreign_keys = OFF;\n\
         CREATE TEMP TABLE _keys (is_on INTEGER CONSTRAINT \"foreign keys must be off while tables are rebuilt\"\n    \
         CHECK (is_on = 0));\n\
         INSERT OR ROLLBACK INTO temp._keys SELECT foreign_keys FROM pragma_foreign_keys;\n\
         PRAGMA foreign_keys = OFF;\n\
         DROP TABLE IF EXISTS temp._keys;\n\
         SAVEPOINT rebuild;\n\
         PRAGMA legacy_alter_table = ON;\n\
         CREATE TEMP TABLE _guard (name TEXT, rows_before INTEGER, rows_after INTEGER,\n    \
         tables INTEGER CONSTRAINT \"a rebuilt table would lose rows\" CHECK (tables = 0));\n\n\
         {body}\n\n\
         {counted}\
         INSERT OR ROLLBACK INTO temp._guard (tables)\n    \
         SELECT count(*) FROM temp._guard WHERE rows_before IS NOT rows_after;\n\
         DROP TABLE temp._guard;\n\
         PRAGMA legacy_alter_table = OFF;\n\
         RELEASE rebuild;\n\
         PRAGMA foreign_keys = ON;\n"
    )
}
