//! The same migration for the other kind of database, and the schema that it starts from where no database of that kind is
//! at hand: the models without the changes.

use std::path::PathBuf;

use crate::Error;
use crate::change::{Alteration, Change};
use crate::migration::{Place, Sql};
use crate::schema::{Check, Column, DefaultValue, Index, Schema, Table, Type, same_name};

/// A planned migration for the other kind of database, in a program that has a folder for each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counterpart {
    /// The kind of database: `sqlite`, `postgresql`.
    pub dialect: &'static str,
    /// What it changes there; nothing where only one of the databases sees a difference.
    pub changes: Vec<Change>,
    /// Its SQL.
    pub sql: Sql,
    /// Whether it was run up, down and up again on a scratch database of its kind.
    pub is_rehearsed: bool,
    /// The folder of the migrations.
    pub(crate) folder: PathBuf,
}

impl Counterpart {
    /// Where it is written.
    pub(crate) fn place(&self, name: &str) -> Result<Place, Error> {
        Place::new(&self.folder, name)
    }
}

/// What a migration does here that is a later part of a migration which was planned online for the other kind.
pub(crate) fn done_in(name: &str) -> Sql {
    no_change(&format!("here: {name} has made the change, which the other kind of database makes in steps."))
}

/// What a migration without changes does: Diesel refuses an empty file.
pub(crate) fn nothing() -> Sql {
    no_change("on this kind of database.")
}

fn no_change(which: &str) -> Sql {
    let text = format!("-- Nothing changes {which}\nSELECT 1;\n");
    Sql { up: text.clone(), down: text, own_transaction: false }
}

/// The models before the changes, which were read from another kind of database. Renames are left out: the schema that a
/// migration's SQL starts from has the new names.
///
/// # Errors
///
/// [`Error::CannotExpress`] names what is known of that other database only.
pub(crate) fn before(models: &Schema, changes: &[Change]) -> Result<Schema, Error> {
    let mut before = Schema::new(models.tables.iter().cloned());
    for change in changes {
        match change {
            Change::Rename(_) => {}
            Change::CreateTable(table) => before.tables.retain(|own| !same_name(&own.name, &table.name)),
            Change::DropTable(table) => before.tables.push(translated(table)?),
            Change::AlterTable { from, to, alterations } => {
                let own = before.tables.iter_mut().find(|own| same_name(&own.name, &to.name));
                let own = own.ok_or_else(|| unknown(&to.name, "the models do not have it"))?;
                for alteration in alterations {
                    revert(own, from, alteration)?;
                }
            }
            Change::CreateObject(object) | Change::DropObject(object) => {
                return Err(unknown(&object.to_string(), "models cannot declare it"));
            }
        }
    }
    before.tables.iter_mut().for_each(name_checks);
    Ok(before)
}

fn unknown(object: &str, why: &str) -> Error {
    let why = format!("{why}, so that its form on the other kind of database is not known: rehearse on one");
    Error::cannot_express(object, why)
}

/// Undoes an alteration. `from` is the table in the other database.
fn revert(own: &mut Table, from: &Table, alteration: &Alteration) -> Result<(), Error> {
    match alteration {
        Alteration::AddColumn(column) => own.columns.retain(|own| !same_name(&own.name, &column.name)),
        Alteration::DropColumn(column) => own.columns.push(translated_column(from, column)?),
        Alteration::AlterColumn { from: old, to } => {
            let name = own.name.clone();
            let column = own.columns.iter_mut().find(|own| same_name(&own.name, &to.name));
            let column = column.ok_or_else(|| unknown(&name, "the models lack a column"))?;
            let translated = translated_column(from, old)?;
            if old.ty != to.ty {
                column.ty = translated.ty;
            }
            if old.nullable != to.nullable {
                column.nullable = old.nullable;
            }
            if old.default != to.default {
                column.default = translated.default;
            }
        }
        Alteration::PrimaryKey { from, .. } => own.primary_key.clone_from(from),
        Alteration::AddIndex(index) => {
            remove(&mut own.indexes, |own| own.unique == index.unique && own.column_names() == index.column_names());
        }
        Alteration::DropIndex(index) => own.indexes.push(translated_index(&own.name, index)),
        Alteration::AddForeignKey(key) => {
            remove(&mut own.foreign_keys, |own| own.columns == key.columns && same_name(&own.table, &key.table));
        }
        Alteration::DropForeignKey(key) => own.foreign_keys.push(key.clone()),
        Alteration::AddCheck(check) => remove(&mut own.checks, |own| own.expression == check.expression),
        Alteration::DropCheck(check) => {
            let unnamed = from.checks.iter().filter(|check| check.name.is_none()).count();
            if check.name.is_none() && unnamed > 1 {
                return Err(unknown(&check.to_string(), "it has no name, and is one of several"));
            }
            own.checks.push(translated_check(check));
        }
        Alteration::Rewrite { from, to } => {
            let text = from.as_ref().or(to.as_ref()).cloned().unwrap_or_default();
            return Err(unknown(&text, "models cannot declare it"));
        }
    }
    Ok(())
}

fn remove<T>(items: &mut Vec<T>, is_meant: impl Fn(&T) -> bool) {
    if let Some(at) = items.iter().position(is_meant) {
        items.remove(at);
    }
}

/// A table as models declare it.
fn translated(table: &Table) -> Result<Table, Error> {
    let columns = table.columns.iter().map(|column| {
        let own = translated_column(table, column)?;
        let is_key = table.primary_key.iter().any(|key| same_name(key, &own.name));
        Ok(Column { nullable: own.nullable && !is_key, ..own })
    });
    Ok(Table {
        name: table.name.clone(),
        columns: columns.collect::<Result<_, Error>>()?,
        primary_key: table.primary_key.clone(),
        indexes: table.indexes.iter().map(|index| translated_index(&table.name, index)).collect(),
        foreign_keys: table.foreign_keys.clone(),
        checks: table.checks.iter().map(translated_check).collect(),
        ..Table::default()
    })
}

/// A column as models declare it, where its type and default are the same on every database.
fn translated_column(table: &Table, column: &Column) -> Result<Column, Error> {
    let object = format!("{}.{}", table.name, column.name);
    if column.generated {
        return Err(unknown(&object, "it is a generated column"));
    }
    if matches!(column.ty, Type::Diesel(_) | Type::Array(_) | Type::Custom { .. } | Type::Other(_)) {
        return Err(unknown(&object, &format!("it has the type {}", column.ty)));
    }
    if let Some(DefaultValue::Sql(text)) = &column.default {
        return Err(unknown(&object, &format!("it has the default {text}")));
    }
    Ok(Column {
        default: column.default.clone(),
        nullable: column.nullable,
        ..Column::new(&column.name, column.ty.clone())
    })
}

/// An index as models declare it. The database itself names a UNIQUE constraint.
fn translated_index(table: &str, index: &Index) -> Index {
    let usual = Index::new(table, index.columns.clone(), index.unique);
    let name = if index.constraint { usual.name.clone() } else { index.name.clone() };
    Index { name, constraint: index.constraint, ..usual }
}

fn translated_check(check: &Check) -> Check {
    Check { name: check.name.clone(), ..Check::new(&check.expression) }
}

/// Gives unnamed checks the names that this library writes for a database that needs them.
fn name_checks(table: &mut Table) {
    let mut names =
        std::iter::once(format!("{}_check", table.name)).chain((1..).map(|at| format!("{}_check{at}", table.name)));
    for check in table.checks.iter_mut().filter(|check| check.name.is_none()) {
        check.name = names.next();
    }
}
