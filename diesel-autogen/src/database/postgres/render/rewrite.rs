//! What a definition says beyond the fields of a schema: constraints in full, options, collations, expressions.

use std::collections::BTreeMap;

use super::super::sql::{quote, quote_table};
use super::super::statements::mentions;
use super::alter::Statements;
use super::table;
use super::writer::{Writer, add_constraint, drop_constraint, is_exact};
use crate::Error;
use crate::change::Alteration;
use crate::schema::{Clause, ClauseKind, Column, Table, same_name};
use crate::table_path::bare;

/// A constraint that stays under its name in other words, or one that no alteration describes.
pub(super) struct Rewritten {
    pub drop: Option<String>,
    pub add: Option<String>,
}

impl Writer<'_> {
    /// The constraints of tables that stay, foreign keys excepted, where only their full text differs.
    pub(super) fn rewritten_constraints(&self) -> Vec<Rewritten> {
        let mut found = Vec::new();
        for (from, to, alterations) in self.changes.altered() {
            if !is_exact(from, to) {
                continue;
            }
            let (mut before, mut after) = (constraints(from), constraints(to));
            // Another table may hold the name of a primary key after a rename.
            let [old, new] = [from, to].map(table::primary_key_name);
            if old != new {
                before.remove(&old);
                after.remove(&new);
            }
            let is_stated = |name: &str| alterations.iter().any(|alteration| names(alteration, from, to, name));
            let mut all: Vec<_> = before.keys().chain(after.keys()).collect();
            all.sort();
            all.dedup();
            for name in all.into_iter().filter(|name| before.get(*name) != after.get(*name) && !is_stated(name)) {
                found.push(Rewritten {
                    drop: before.get(name).map(|_| drop_constraint(from, name)),
                    add: after.get(name).map(|text| add_constraint(to, text)),
                });
            }
        }
        found
    }

    /// The columns and the options of a table that stays.
    pub(super) fn rewrite(
        &self,
        from: &Table,
        to: &Table,
        alterations: &[Alteration],
        statements: &mut Statements,
    ) -> Result<(), Error> {
        if !is_exact(from, to) {
            return Ok(());
        }
        if from.name != to.name {
            return Err(Error::cannot_express(
                &to.name,
                format!("it differs from {} in capital letters only", from.name),
            ));
        }
        for new in &to.columns {
            let Some(old) = from.find_column(&new.name) else { continue };
            let is_altered = alterations.iter().any(
                |alteration| matches!(alteration, Alteration::AlterColumn { to, .. } if same_name(&to.name, &new.name)),
            );
            let expressions = [(from, old), (to, new)].map(|(table, column)| {
                table::clauses(table, column)
                    .find(|clause| clause.kind == ClauseKind::Generated)
                    .map(|clause| &clause.text)
            });
            if old.generated && new.generated && (expressions[0] != expressions[1] || is_retyped(from, old, to, new)) {
                self.recompute(to, new, statements)?;
            } else if !is_altered && texts(from, old) != texts(to, new) {
                self.alter_column((from, to), (old, new), statements)?;
            }
        }
        let (before, after) = (options(from), options(to));
        for option in before.iter().filter(|option| !after.contains(option)) {
            statements.early.push(without_option(to, option)?);
        }
        for option in after.iter().filter(|option| !before.contains(option)) {
            statements.early.push(with_option(to, option)?);
        }
        Ok(())
    }

    /// A generated column gets another expression: it holds nothing of its own, so that it is dropped and added.
    fn recompute(&self, to: &Table, column: &Column, statements: &mut Statements) -> Result<(), Error> {
        let uses = |text: &str| mentions(text, &column.name);
        let is_in = |names: &[String]| names.iter().any(|name| same_name(name, &column.name));
        let is_used = to.indexes.iter().any(|index| is_in(&index.column_names()))
            || to.checks.iter().any(|check| uses(&check.expression))
            || to.foreign_keys.iter().any(|key| is_in(&key.columns))
            || is_in(&to.primary_key)
            || self.other_objects().any(|object| mentions(&object.sql, &bare(&to.name)) && uses(&object.sql));
        if is_used {
            let why = format!(
                "the expression of the generated column {} changes, and something uses it: write its migration by hand",
                column.name
            );
            return Err(Error::cannot_express(&to.name, why));
        }
        let (name, definition) = (quote_table(&to.name), table::column(to, column)?);
        let not_null = if column.nullable { "" } else { " NOT NULL" };
        statements.early.push(format!("ALTER TABLE {name} DROP COLUMN {}", quote(&column.name)));
        statements.late.push(format!("ALTER TABLE {name} ADD COLUMN {definition}{not_null}"));
        Ok(())
    }
}

fn is_retyped(from: &Table, old: &Column, to: &Table, new: &Column) -> bool {
    table::column_type(from, old) != table::column_type(to, new)
}

fn texts<'a>(table: &'a Table, column: &'a Column) -> Vec<&'a str> {
    table::clauses(table, column).map(|clause| clause.text.as_str()).collect()
}

/// The constraints by name, as ALTER TABLE adds them.
fn constraints(table: &Table) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    if !table.primary_key.is_empty() {
        all.insert(table::primary_key_name(table), table::primary_key(table));
    }
    let uniques = table.indexes.iter().filter(|index| index.constraint);
    all.extend(uniques.map(|index| (index.name.clone(), table::unique(table, index))));
    all.extend(table.checks.iter().map(|check| (check.name.clone().unwrap_or_default(), table::check(table, check))));
    let others = table.clauses.iter().flatten().filter(|clause| clause.kind == ClauseKind::Option);
    all.extend(others.filter_map(|clause| Some((constraint_name(clause)?, clause.text.clone()))));
    all
}

/// The name in `CONSTRAINT name …`, without quotes.
pub(super) fn constraint_name(clause: &Clause) -> Option<String> {
    let rest = clause.text.strip_prefix("CONSTRAINT ")?;
    let Some(quoted) = rest.strip_prefix('"') else { return rest.split(' ').next().map(str::to_owned) };
    Some(quoted.split("\" ").next()?.replace("\"\"", "\""))
}

/// Whether an alteration adds or drops the constraint of that name already.
fn names(alteration: &Alteration, from: &Table, to: &Table, name: &str) -> bool {
    match alteration {
        Alteration::PrimaryKey { .. } => [from, to].iter().any(|table| table::primary_key_name(table) == name),
        Alteration::AddIndex(index) | Alteration::DropIndex(index) => index.constraint && index.name == name,
        Alteration::AddCheck(check) | Alteration::DropCheck(check) => check.name.as_deref() == Some(name),
        _ => false,
    }
}

/// The options of the table itself: UNLOGGED, WITH (…).
fn options(table: &Table) -> Vec<&str> {
    let own =
        table.clauses.iter().flatten().filter(|clause| clause.column.is_none() && clause.kind == ClauseKind::Option);
    own.map(|clause| clause.text.as_str()).filter(|text| !text.starts_with("CONSTRAINT ")).collect()
}

fn with_option(table: &Table, option: &str) -> Result<String, Error> {
    let action = match (option, option.strip_prefix("WITH ")) {
        ("UNLOGGED", _) => "SET UNLOGGED".to_owned(),
        ("REPLICA IDENTITY f", _) => "REPLICA IDENTITY FULL".to_owned(),
        ("REPLICA IDENTITY n", _) => "REPLICA IDENTITY NOTHING".to_owned(),
        (_, Some(list)) => format!("SET {list}"),
        _ => return Err(Error::cannot_express(&table.name, format!("it gets the option {option}"))),
    };
    Ok(format!("ALTER TABLE {} {action}", quote_table(&table.name)))
}

fn without_option(table: &Table, option: &str) -> Result<String, Error> {
    let action = match (option, option.strip_prefix("WITH (")) {
        ("UNLOGGED", _) => "SET LOGGED".to_owned(),
        (text, _) if text.starts_with("REPLICA IDENTITY ") => "REPLICA IDENTITY DEFAULT".to_owned(),
        (_, Some(list)) => {
            let names: Vec<_> =
                list.trim_end_matches(')').split(", ").filter_map(|part| part.split('=').next()).collect();
            format!("RESET ({})", names.join(", "))
        }
        _ => return Err(Error::cannot_express(&table.name, format!("it loses the option {option}"))),
    };
    Ok(format!("ALTER TABLE {} {action}", quote_table(&table.name)))
}
