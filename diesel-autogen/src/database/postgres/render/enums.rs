//! An enum whose values change: by ADD VALUE where only values come, else by a new type.

use super::super::sql::{default_sql, quote, quote_table, type_sql};
use super::super::statements::mentions;
use super::writer::Writer;
use crate::Error;
use crate::schema::{ClauseKind, Column, Object, ObjectKind, Table, Type};
use crate::text::literal;

/// Whether the object is an enum.
pub(super) fn is_enum(object: &Object) -> bool {
    object.kind == ObjectKind::Other("enum")
}

impl Writer<'_> {
    /// The statements that give an enum its new values. A row with a value that goes fails the migration.
    pub(super) fn altered_enum(&self, old: &Object, new: &Object) -> Result<Vec<String>, Error> {
        if !self.needs_new_type(old, new) {
            return Ok(added_values(new, &values(old), &values(new)));
        }
        if let Some(user) = self.user_of(old) {
            let why = format!("a value is removed or moved, and {user} uses the type: write its migration by hand");
            return Err(Error::cannot_express(&old.to_string(), why));
        }
        let (name, old_name) = (quote(&new.name), quote(&format!("{}_old", new.name)));
        let mut statements = vec![format!("ALTER TYPE {name} RENAME TO {old_name}"), new.sql.clone()];
        for (table, column) in self.columns_of(old) {
            let alter = |action: String| {
                format!("ALTER TABLE {} ALTER COLUMN {} {action}", quote_table(&table.name), quote(&column.name))
            };
            let array = if matches!(column.ty, Type::Array(_)) { "[]" } else { "" };
            let default = column.default.as_ref().map(|value| default_sql(value, &column.ty));
            statements.extend(default.as_ref().map(|_| alter("DROP DEFAULT".to_owned())));
            let column_name = quote(&column.name);
            statements.push(alter(format!("TYPE {name}{array} USING {column_name}::text{array}::{name}{array}")));
            let is_known = |text: &String| {
                array == "[]" || values(new).iter().any(|value| text.starts_with(&format!("{value}::")))
            };
            statements.extend(default.filter(is_known).map(|text| alter(format!("SET DEFAULT {text}"))));
        }
        statements.push(format!("DROP TYPE {old_name}"));
        let comment = format!("TYPE {name}");
        let notes = self.other_objects().filter(|object| object.is_note() && object.name == comment);
        statements.extend(notes.map(|object| object.sql.clone()));
        Ok(statements)
    }

    /// Whether the type of a column is an enum, before or after this file.
    pub(super) fn is_of_enum(&self, column: &Column) -> bool {
        let changed = [self.changes.created_objects(self.direction), self.changes.dropped_objects(self.direction)];
        let mut objects = self.objects.iter().chain(changed.into_iter().flatten());
        objects.any(|object| is_enum(object) && column.ty == Type::Other(quote(&object.name)))
    }

    /// The columns whose enum becomes a new type in this file.
    pub(super) fn columns_of_new_types(&self) -> Vec<(&Table, &Column)> {
        let created = self.changes.created_objects(self.direction);
        let dropped = self.changes.dropped_objects(self.direction).into_iter().filter(|old| is_enum(old));
        let is_new = |old: &&Object| {
            created.iter().any(|new| is_enum(new) && new.name == old.name && self.needs_new_type(old, new))
        };
        dropped.filter(is_new).flat_map(|old| self.columns_of(old)).collect()
    }

    /// Whether a value goes or moves, or one that comes is used in this file: PostgreSQL allows that after the commit only.
    fn needs_new_type(&self, old: &Object, new: &Object) -> bool {
        let (before, after) = (values(old), values(new));
        let stay: Vec<_> = after.iter().filter(|value| before.contains(value)).collect();
        let is_used = |value: &String| {
            self.changes.0.iter().any(|change| change.to_string().contains(value.as_str()))
                || self
                    .changes
                    .created_objects(self.direction)
                    .iter()
                    .any(|object| !is_enum(object) && object.sql.contains(value.as_str()))
        };
        stay != before.iter().collect::<Vec<_>>() || after.iter().any(|value| !before.contains(value) && is_used(value))
    }

    fn columns_of<'a>(&'a self, own: &Object) -> Vec<(&'a Table, &'a Column)> {
        let name = quote(&own.name);
        let is_own = move |column: &&Column| match &column.ty {
            Type::Array(item) => type_sql(item) == name,
            ty => type_sql(ty) == name,
        };
        let columns = self.before.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column)));
        columns.filter(|(_, column)| is_own(column)).collect()
    }

    /// What names the type beside columns, in words.
    fn user_of(&self, own: &Object) -> Option<String> {
        let uses = |text: &str| mentions(text, &own.name);
        let mut objects = self.other_objects().filter(|object| !object.is_note() && !is_enum(object));
        if let Some(object) = objects.find(|object| uses(&object.sql)) {
            return Some(object.to_string());
        }
        self.before.iter().find_map(|table| {
            let is_of_type = |kind| matches!(kind, ClauseKind::Generated | ClauseKind::Check | ClauseKind::Option);
            let mut clauses = table.clauses.iter().flatten().filter(|clause| is_of_type(clause.kind));
            let is_used =
                table.checks.iter().any(|check| uses(&check.expression)) || clauses.any(|clause| uses(&clause.text));
            is_used.then(|| format!("table {} in a condition", table.name))
        })
    }
}

fn added_values(new: &Object, before: &[String], after: &[String]) -> Vec<String> {
    let name = quote(&new.name);
    let mut statements = Vec::new();
    for (at, value) in after.iter().enumerate().filter(|(_, value)| !before.contains(value)) {
        let place = match (at.checked_sub(1), before.first()) {
            (Some(last), _) => format!(" AFTER {}", after[last]),
            (None, Some(first)) => format!(" BEFORE {first}"),
            (None, None) => String::new(),
        };
        statements.push(format!("ALTER TYPE {name} ADD VALUE {value}{place}"));
    }
    statements
}

/// The values of an enum, as literals.
fn values(own: &Object) -> Vec<String> {
    let list = own.sql.split_once(" AS ENUM (").and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or_default();
    let inner = list.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or_default();
    let values = inner.split("', '").map(|value| literal(&value.replace("''", "'")));
    if inner.is_empty() { Vec::new() } else { values.collect() }
}
