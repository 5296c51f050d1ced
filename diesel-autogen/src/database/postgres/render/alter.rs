//! `ALTER TABLE`: columns and the primary key of a table that stays.

use super::super::convert::{conversion, is_strict, strict_conversion};
use super::super::sql::{default_sql, filler, quote, quote_table};
use super::numbering::{Numbering, numbering, sequence_type};
use super::table;
use super::writer::{Writer, alter_column, is_exact};
use crate::Error;
use crate::change::{Alteration, Change};
use crate::database::changes::parents_first;
use crate::migration::Direction;
use crate::schema::{Column, DefaultValue, ObjectKind, Table, Type, same_name};

/// The statements of one table: those that change its columns, and those that need the values in them.
#[derive(Default)]
pub(super) struct Statements {
    pub early: Vec<String>,
    pub late: Vec<String>,
}

impl Writer<'_> {
    /// The statements of all tables: first what prepares the values, then what needs them. A table whose rows refer to
    /// another's comes after it.
    pub(super) fn altered_tables(&self) -> Result<Vec<String>, Error> {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let tables: Vec<_> = self.changes.altered().map(|(_, to, _)| to).collect();
        for table in parents_first(&tables).0 {
            let is_own = |(_, to, _): &(&Table, &Table, &[Alteration])| same_name(&to.name, &table.name);
            let Some((from, to, alterations)) = self.changes.altered().find(is_own) else { continue };
            let (prepared, finished) = self.alter(from, to, alterations)?;
            first.extend(prepared);
            second.extend(finished);
        }
        first.extend(second);
        Ok(first)
    }

    fn alter(&self, from: &Table, to: &Table, alterations: &[Alteration]) -> Result<(Vec<String>, Vec<String>), Error> {
        let name = quote_table(&to.name);
        let side = self.side_table(from, to);
        let mut first = self.before_change(side.as_ref(), from, to);
        let key = alterations.iter().any(|alteration| matches!(alteration, Alteration::PrimaryKey { .. }));
        if key && !from.primary_key.is_empty() {
            let key = quote(&table::primary_key_name(from));
            first.push(format!("ALTER TABLE {name} DROP CONSTRAINT {key}"));
        }
        let mut columns = Statements::default();
        for alteration in alterations {
            match alteration {
                Alteration::AddColumn(column) => self.add_column(to, column, &mut columns)?,
                Alteration::AlterColumn { from: old, to: new } => {
                    self.alter_column((from, to), (old, new), &mut columns)?;
                }
                _ => {}
            }
        }
        self.rewrite(from, to, alterations, &mut columns)?;
        first.extend(columns.early);
        let mut second: Vec<_> = self.restored_columns(side.as_ref(), to).into_iter().collect();
        second.extend(columns.late);
        second.extend(self.noted(side.as_ref()));
        let dropped = alterations.iter().filter_map(Alteration::dropped_column);
        second.extend(dropped.map(|column| format!("ALTER TABLE {name} DROP COLUMN {}", quote(&column.name))));
        if key && !to.primary_key.is_empty() {
            second.push(format!("ALTER TABLE {name} ADD {}", table::primary_key(to)));
        }
        if let (Some(side), Direction::Down) = (&side, self.direction) {
            second.push(format!("DROP TABLE {}", quote(&side.name)));
        }
        Ok((first, self.without_triggers(to, second)))
    }

    fn add_column(&self, to: &Table, column: &Column, statements: &mut Statements) -> Result<(), Error> {
        let definition = format!("ALTER TABLE {} ADD COLUMN {}", quote_table(&to.name), table::column(to, column)?);
        let default = table::default_clause(to, column);
        let fill = self.fill(to, column);
        let is_filled = fill.is_some() || self.direction == Direction::Down && column.default.is_none();
        if column.nullable || column.generated || column.identity || !is_filled {
            let not_null = if column.nullable || column.generated { "" } else { " NOT NULL" };
            statements.early.push(format!("{definition}{not_null}{default}"));
            return Ok(());
        }
        statements.early.push(definition);
        self.require_value(to, column, statements);
        if !default.is_empty() {
            statements.late.push(alter_column(to, column, &format!("SET{default}")));
        }
        Ok(())
    }

    pub(super) fn alter_column(
        &self,
        (from, to): (&Table, &Table),
        (old, new): (&Column, &Column),
        statements: &mut Statements,
    ) -> Result<(), Error> {
        if old.generated != new.generated {
            let why =
                format!("{} cannot become a generated column, or cease to be one: drop it and add another", new.name);
            return Err(Error::cannot_express(&to.name, why));
        }
        if is_exact(from, to) && old.name != new.name {
            let why = format!("{} and {} differ in capital letters only", old.name, new.name);
            return Err(Error::cannot_express(&to.name, why));
        }
        let alter = |action: &str| alter_column(to, new, action);
        let (old_default, new_default) = (table::default_clause(from, old), table::default_clause(to, new));
        let (old_type, new_type) = (table::column_type(from, old), table::column_type(to, new));
        let mut default = old_default != new_default;
        let numbers = if is_exact(from, to) { numbering(from, old, to, new)? } else { Numbering::default() };
        statements.early.extend(numbers.early);
        if new.nullable && !old.nullable {
            statements.early.push(alter("DROP NOT NULL"));
        }
        if old_type != new_type {
            let missing = self.missing(to, new).or_else(|| filler(new)).filter(|_| !old.nullable && !new.nullable);
            let is_key = to.primary_key.iter().any(|key| same_name(key, &new.name));
            // PostgreSQL converts no enum to another but by way of text.
            let by_text = if [old, new].iter().all(|column| self.is_of_enum(column)) { "::text" } else { "" };
            let name = quote(&new.name) + by_text;
            let using = if is_key || is_strict(old, new) {
                strict_conversion(&name, &old.ty, &new.ty)
            } else {
                conversion(&name, &old.ty, &new.ty, missing.as_deref())
            };
            if using.is_some() && !old_default.is_empty() {
                statements.early.push(alter("DROP DEFAULT"));
                default = !new_default.is_empty();
            }
            let using = using.map_or(String::new(), |using| {
                let space = if using.starts_with("CASE") { "\n    " } else { " " };
                format!("{space}USING {using}")
            });
            // A default that stays keeps the type of its text: `'x'::character varying` in a column of type text.
            let is_text = matches!(new.default, Some(DefaultValue::Text(_)));
            let is_other = old_type.split('(').next() != new_type.split('(').next();
            default |= !new_default.is_empty() && (is_exact(from, to) || is_text && is_other);
            statements.early.push(alter(&format!("TYPE {new_type}{using}")));
            statements.early.extend(sequence_type(from, old, to, new));
        }
        if default {
            let action = if new_default.is_empty() { "DROP DEFAULT".to_owned() } else { format!("SET{new_default}") };
            statements.early.push(alter(&action));
        }
        if old.nullable && !new.nullable {
            self.require_value(to, new, statements);
        }
        statements.late.extend(numbers.late);
        Ok(())
    }

    /// Fills in a value where there is none, and makes the column NOT NULL.
    fn require_value(&self, to: &Table, column: &Column, statements: &mut Statements) {
        let name = quote(&column.name);
        if let Some(value) = self.missing(to, column).filter(|_| !to.is_sole_key(&column.name)) {
            statements.late.push(format!("UPDATE {} SET {name} = {value} WHERE {name} IS NULL", quote_table(&to.name)));
        }
        statements.late.push(alter_column(to, column, "SET NOT NULL"));
    }

    /// What a row gets that has no value: what the caller gave or the default, and in a downgrade always something.
    fn missing(&self, to: &Table, column: &Column) -> Option<String> {
        if let Some(fill) = self.fill(to, column) {
            return Some(fill);
        }
        if column.default.is_some() || self.direction == Direction::Up {
            return column.default.as_ref().map(|default| default_sql(default, &column.ty));
        }
        let number =
            to.columns.iter().find(|own| own.identity && to.is_sole_key(&own.name)).map(|own| quote(&own.name));
        match (&column.ty, number.filter(|_| to.is_unique(&column.name))) {
            (Type::SmallInt | Type::Integer | Type::BigInt | Type::Float | Type::Double, Some(number)) => Some(number),
            (Type::Text { .. }, Some(number)) => Some(format!("{number}::text")),
            _ => filler(column),
        }
    }

    /// The statements, with the table's own triggers off where they write rows: a migration is no change by a user.
    fn without_triggers(&self, table: &Table, statements: Vec<String>) -> Vec<String> {
        let is_stable = |name: &str| {
            !self.changes.0.iter().any(|change| match change {
                Change::CreateObject(object) | Change::DropObject(object) => object.name == name,
                _ => false,
            })
        };
        let writes = format!("UPDATE {} ", quote_table(&table.name));
        let triggers = self.objects.iter().filter(|object| {
            object.kind == ObjectKind::Trigger
                && same_name(&object.table, &table.name)
                && is_stable(&object.name)
                && !object.sql.contains(";\nALTER TABLE")
        });
        let names: Vec<_> = triggers.map(|object| quote(&object.name)).collect();
        let mut all = Vec::new();
        for statement in statements {
            let is_write = statement.starts_with(&writes);
            let switch = |verb| {
                names.iter().map(move |name| format!("ALTER TABLE {} {verb} TRIGGER {name}", quote_table(&table.name)))
            };
            all.extend(switch("DISABLE").filter(|_| is_write));
            all.push(statement);
            all.extend(switch("ENABLE").filter(|_| is_write));
        }
        all
    }
}
