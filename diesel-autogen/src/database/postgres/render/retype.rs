//! A new type for a column while others write the table: a second column of that type, which a trigger keeps in step and
//! batches fill, takes the place of the first. The first is kept in step until the last migration drops it, so that each
//! `down.sql` goes the same way back.

use super::super::convert::keeps_every_value;
use super::super::statements::{mentions, words};
use super::rewrite::constraint_name;
use super::second_column::{Side, definition};
use super::steps::{Parts, alone, together};
use super::writer::{Writer, alter_column};
use crate::Error;
use crate::change::Alteration;
use crate::schema::{Action, Clause, Column, ForeignKey, Index, Object, ObjectKind, Table, same_name};
use crate::table_path::bare;

/// A table, some of whose columns get another type.
pub(super) struct Retyped {
    /// The table before and after.
    from: Table,
    to: Table,
    columns: Vec<(Column, Column)>,
    /// Indexes that `schema!` cannot declare.
    indexes: Vec<Object>,
}

impl Retyped {
    /// The columns for whose new type one of the statements `rewrites` the table.
    pub fn of(
        writer: &Writer<'_>,
        (from, to): (&Table, &Table),
        alterations: &[Alteration],
        rewrites: &[String],
    ) -> Result<Option<Self>, Error> {
        let retyped = alterations.iter().filter_map(|alteration| match alteration {
            Alteration::AlterColumn { from: old, to: new } => {
                let start = alter_column(to, new, "TYPE ");
                let nullable = old.nullable || new.nullable;
                let pair = || (Column { nullable, ..old.clone() }, Column { nullable, ..new.clone() });
                rewrites.iter().any(|statement| statement.starts_with(&start)).then(pair)
            }
            _ => None,
        });
        let columns: Vec<_> = retyped.collect();
        if columns.is_empty() {
            return Ok(None);
        }
        let mut stays = from.clone();
        stays.name.clone_from(&to.name);
        for alteration in alterations {
            match alteration {
                Alteration::DropIndex(index) => stays.indexes.retain(|own| own != index),
                Alteration::DropForeignKey(key) => stays.foreign_keys.retain(|own| own != key),
                Alteration::DropCheck(check) => stays.checks.retain(|own| own != check),
                _ => {}
            }
        }
        let mut retyped = Self { from: stays, to: to.clone(), columns, indexes: Vec::new() };
        let is_meant = |object: &&Object| {
            object.kind == ObjectKind::Index
                && same_name(&object.table, &to.name)
                && retyped.side(true).uses(definition(object))
        };
        retyped.indexes = writer.other_objects().filter(is_meant).cloned().collect();
        retyped.columns.iter().try_for_each(|(old, new)| match retyped.refusal(writer, old, new) {
            None => Ok(()),
            Some(why) => Err(Error::cannot_express(
                &to.name,
                format!(
                    "{} from {} to {} rewrites it, and a second column cannot take its place while others write, because \
                     {why}: do not make that change online",
                    new.name, old.ty, new.ty
                ),
            )),
        })?;
        Ok(Some(retyped))
    }

    /// That column before and after it gets its type, where it gets it this way. Both may hold NULL or neither.
    pub fn pair(&self, column: &Column) -> Option<&(Column, Column)> {
        self.columns.iter().find(|(old, _)| same_name(&old.name, &column.name))
    }

    /// Whether an index has such a column.
    pub fn is_indexed(&self, index: &Index) -> bool {
        self.columns.iter().any(|(old, _)| index.column_names().iter().any(|name| same_name(name, &old.name)))
    }

    /// What the table's definition says of these columns before their types change.
    pub fn keep_clauses(&self, now: &mut Table) {
        let (Some(before), Some(after)) = (&self.from.clauses, &mut now.clauses) else { return };
        let names: Vec<_> = self.side(true).constraints().into_iter().map(|(name, _)| name).collect();
        let is_meant = |clause: &Clause| match &clause.column {
            Some(column) => self.columns.iter().any(|(old, _)| same_name(&old.name, column)),
            None => constraint_name(clause).is_some_and(|name| names.contains(&name)),
        };
        after.retain(|clause| !is_meant(clause));
        after.extend(before.iter().filter(|clause| is_meant(clause)).cloned());
    }

    /// Why a second column cannot take the place of the first.
    fn refusal(&self, writer: &Writer<'_>, old: &Column, new: &Column) -> Option<String> {
        let (table, is) = (&self.from, |name: &String| same_name(name, &old.name));
        if !keeps_every_value(&old.ty, &new.ty) {
            return Some("a value that the new type cannot hold would be lost, or fail a write".into());
        }
        if table.primary_key.iter().chain(&self.to.primary_key).any(is) {
            return Some("it is part of the primary key".into());
        }
        if [old, new].iter().any(|column| column.identity || column.generated) {
            return Some("the database makes its values".into());
        }
        let refers = |key: &&ForeignKey| same_name(&key.table, &table.name) && key.references.iter().any(is);
        let child = writer.before.iter().find(|own| own.foreign_keys.iter().any(|key| refers(&key)));
        if let Some(child) = child {
            return Some(format!("a foreign key of {} refers to it", child.name));
        }
        // The server looks at the second column before the trigger has run.
        let sets = |key: &ForeignKey| [key.on_delete, key.on_update].contains(&Action::SetDefault);
        if table.foreign_keys.iter().any(|key| sets(key) && key.columns.iter().any(is)) {
            return Some("its foreign key sets a default".into());
        }
        let helpers = [true, false].map(|up| self.side(up).helper(&old.name));
        if let Some(helper) =
            helpers.iter().find(|name| table.find_column(name).or(self.to.find_column(name)).is_some())
        {
            return Some(format!("there is a column {helper}"));
        }
        let is_special = |clause: &&Clause| {
            let is_unique = || table.indexes.iter().any(|index| constraint_name(clause).as_ref() == Some(&index.name));
            let is_not_valid = clause.text.ends_with(" NOT VALID");
            let is_excluding = clause.text.contains(" EXCLUDE ");
            clause.column.is_none()
                && mentions(&clause.text, &old.name)
                && (is_unique() || is_not_valid || is_excluding)
                || clause.text.starts_with("REPLICA IDENTITY i")
        };
        if let Some(clause) = table.clauses.iter().flatten().find(is_special) {
            return Some(format!("the table has {}", clause.text));
        }
        let uses = |object: &&Object| self.is_in_the_way(object, old);
        writer.other_objects().find(uses).map(|object| format!("{object} uses it, or runs when a row is filled"))
    }

    fn is_in_the_way(&self, object: &Object, column: &Column) -> bool {
        let is_own = same_name(&object.table, &self.to.name);
        let is_named = mentions(&object.sql, &column.name) && mentions(&object.sql, &bare(&self.to.name));
        match object.kind {
            ObjectKind::Trigger if is_own => {
                let words = words(&object.sql);
                let update = words.iter().position(|word| word == "update");
                let is_fired = update.is_some_and(|at| words.get(at + 1).is_none_or(|next| next != "of"));
                is_fired || is_named || object.name >= self.side(true).trigger(column)
            }
            ObjectKind::Other("rule") => is_own || is_named,
            // An index gets a second one, and the text of a routine finds the column by its name when it runs.
            ObjectKind::Index | ObjectKind::Other("function" | "procedure") => false,
            ObjectKind::Other("comment") => {
                let constraints = self.side(true).constraints();
                let mut names =
                    constraints.iter().map(|(name, _)| name).chain(self.indexes.iter().map(|own| &own.name));
                is_own && names.any(|name| mentions(&object.name, name))
            }
            _ => is_named,
        }
    }

    /// The second column of the upgrade, or that of the downgrade.
    fn side(&self, is_up: bool) -> Side<'_> {
        let columns = self.columns.iter().map(|(old, new)| if is_up { (old, new) } else { (new, old) }).collect();
        let (typed_by, suffix) = if is_up { (&self.to, "_new") } else { (&self.from, "_old") };
        Side { table: &self.from, typed_by, columns, indexes: &self.indexes, suffix }
    }
}

/// The migrations, for all tables at once.
pub(super) fn parts(retyped: &[Retyped]) -> Parts {
    let all = |is_up: bool, write: &dyn Fn(&Side<'_>, &Side<'_>) -> Vec<String>| {
        retyped.iter().flat_map(|own| write(&own.side(is_up), &own.side(!is_up))).collect::<Vec<_>>()
    };
    let nothing = |way: &str| vec![format!("-- The {way} fills the second column here.\nSELECT 1")];
    if retyped.is_empty() {
        return Vec::new();
    }
    vec![
        ("copy", together(&all(true, &|side, _| side.add()), &all(true, &|side, _| side.drop()))),
        ("fill", alone(&all(true, &|side, _| side.fill()), &nothing("upgrade"))),
        ("swap", together(&all(true, &|side, other| side.swap(other)), &all(false, &|side, other| side.swap(other)))),
        ("refill", alone(&nothing("downgrade"), &all(false, &|side, _| side.fill()))),
        ("drop", together(&all(false, &|side, _| side.drop()), &all(false, &|side, _| side.add()))),
    ]
}
