//! Views, triggers, types, functions, comments and what else belongs to no column.

use super::super::sql::{quote, quote_table};
use super::super::statements::mentions;
use super::enums::is_enum;
use super::table::column_type;
use super::writer::Writer;
use crate::Error;
use crate::change::{Alteration, Change};
use crate::schema::{Column, Object, ObjectKind, Table, same_name};
use crate::table_path::{bare, beside};

impl Writer<'_> {
    /// What uses tables goes before they change: triggers, views, comments. A view that is in the way is put back.
    pub(super) fn dropped_objects(&self) -> Result<Vec<String>, Error> {
        let in_the_way = self.views_in_the_way();
        let views = in_the_way.iter().rev().map(|view| drop_statement(view)).collect::<Result<Vec<_>, _>>()?;
        let mut statements: Vec<_> = views.into_iter().flatten().collect();
        let dropped = self.changes.dropped_objects(self.direction).into_iter();
        // What belongs to a table or view goes with it.
        let goes_along = |object: &Object| {
            matches!(object.kind, ObjectKind::Other(_)) && self.loses_owner(object) && drop_statement(object).is_ok()
        };
        let own = dropped.filter(|object| !self.is_part(object) && !goes_along(object) && !self.is_replaced(object));
        for object in own {
            statements.extend(drop_statement(object)?);
        }
        Ok(statements)
    }

    /// What tables use goes after they changed: types, sequences, functions.
    pub(super) fn dropped_parts(&self) -> Result<Vec<String>, Error> {
        let dropped = self.changes.dropped_objects(self.direction).into_iter();
        let mut statements = Vec::new();
        for object in dropped.filter(|object| self.is_part(object) && !self.is_replaced(object)) {
            statements.extend(drop_statement(object)?);
        }
        Ok(statements)
    }

    /// What tables use comes before them.
    pub(super) fn created_parts(&self) -> Result<Vec<String>, Error> {
        let created = self.changes.created_objects(self.direction).into_iter().filter(|object| self.is_part(object));
        let mut statements = Vec::new();
        for object in created {
            match self.replaced_by(object) {
                Some(old) if is_enum(object) => statements.extend(self.altered_enum(old, object)?),
                Some(old) if is_routine(object) => {
                    if header(old) != header(object) {
                        statements.extend(drop_statement(old)?);
                    }
                    statements.push(object.sql.clone());
                }
                Some(_) => {
                    return Err(Error::cannot_express(
                        &object.to_string(),
                        "it is changed, and what uses it with it: write its migration by hand",
                    ));
                }
                _ => statements.push(create_statement(object)?),
            }
        }
        Ok(statements)
    }

    /// What uses tables comes after they changed.
    pub(super) fn created_objects(&self) -> Result<Vec<String>, Error> {
        let in_the_way = self.views_in_the_way();
        let created = self.changes.created_objects(self.direction);
        let mut statements = Vec::new();
        // A view may select from one that is put back, or the other way round: those that are older come first.
        let is_user = |view: &Object| created.iter().any(|new| is_view(new) && mentions(&view.sql, &new.name));
        let (late, early): (Vec<&Object>, Vec<&Object>) = in_the_way.iter().partition(|view| is_user(view));
        statements.extend(early.iter().map(|view| view.sql.clone()));
        let (views, others): (Vec<&Object>, Vec<&Object>) =
            created.iter().filter(|object| !self.is_part(object)).partition(|object| is_view(object));
        for object in views {
            statements.push(create_statement(object)?);
        }
        statements.extend(late.iter().map(|view| view.sql.clone()));
        for object in others {
            statements.push(create_statement(object)?);
        }
        let is_back = |object: &&Object| {
            let is_recreated = in_the_way.iter().any(|view| view.name == object.table || is_comment_on(object, view))
                || self
                    .changes
                    .dropped_objects(self.direction)
                    .iter()
                    .any(|old| is_view(old) && old.name == object.table);
            is_recreated && !is_view(object) && self.stays(object)
        };
        statements.extend(self.objects.iter().filter(is_back).map(|object| object.sql.clone()));
        Ok(statements)
    }

    /// The views that stay, and select from a column whose type changes, or from a view that goes: a view before those
    /// that select from it.
    fn views_in_the_way(&self) -> Vec<&Object> {
        let mut found: Vec<&Object> = Vec::new();
        let dropped = self.changes.dropped_objects(self.direction);
        let retyped = self.columns_of_new_types();
        for view in self.objects.iter().filter(|object| is_view(object) && self.stays(object)) {
            let selects = |table: &Table, column: &Column| {
                mentions(&view.sql, &bare(&table.name)) && mentions(&view.sql, &column.name)
            };
            let is_disturbed = self.changes.alterations().any(|(table, to_table, alteration)| match alteration {
                Alteration::AlterColumn { from, to } => {
                    column_type(table, from) != column_type(to_table, to) && selects(table, from)
                }
                Alteration::Rewrite { .. } => table.columns.iter().any(|column| {
                    to_table
                        .find_column(&column.name)
                        .is_some_and(|to| column_type(table, column) != column_type(to_table, to))
                        && selects(table, column)
                }),
                _ => false,
            }) || retyped.iter().any(|(table, column)| selects(table, column));
            let uses = |other: &&Object| is_view(other) && mentions(&view.sql, &other.name);
            if is_disturbed || found.iter().any(uses) || dropped.iter().any(uses) {
                found.push(view);
            }
        }
        found
    }

    /// Whether no change creates or drops the object.
    fn stays(&self, object: &Object) -> bool {
        !self.changes.0.iter().any(|change| match change {
            Change::CreateObject(other) | Change::DropObject(other) => is_same(other, object),
            _ => false,
        })
    }

    /// Whether its table or view is dropped by this file, with all that belongs to it.
    fn loses_owner(&self, object: &Object) -> bool {
        let is_owner = |other: &&Object| is_view(other) && other.name == object.table && other.name != object.name;
        self.changes.drops(&object.table) || self.changes.dropped_objects(self.direction).iter().any(is_owner)
    }

    /// Whether tables may use it, and it uses none that changes.
    fn is_part(&self, object: &Object) -> bool {
        const TYPES: [&str; 6] = ["extension", "enum", "domain", "composite type", "sequence", "range type"];
        let ObjectKind::Other(kind) = object.kind else { return false };
        let tables = || {
            let (created, dropped) = (self.changes.created(), self.changes.dropped().0);
            created.into_iter().chain(dropped).map(|table| &table.name)
        };
        TYPES.contains(&kind)
            || is_routine(object) && !tables().any(|table| mentions(checked_text(object), &bare(table)))
    }

    /// Whether a created object of the same name takes the place of this one, which needs no DROP of its own.
    fn is_replaced(&self, object: &Object) -> bool {
        let created = self.changes.created_objects(self.direction);
        let new = created.iter().find(|new| is_same(new, object));
        new.is_some_and(|new| self.is_part(object) || is_routine(object) && header(new) == header(object))
    }

    fn replaced_by(&self, object: &Object) -> Option<&Object> {
        self.changes.dropped_objects(self.direction).into_iter().find(|old| is_same(old, object))
    }

    /// The objects of the database before this file runs.
    pub(super) fn other_objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(|object| self.stays(object))
    }
}

fn is_same(a: &Object, b: &Object) -> bool {
    a.kind == b.kind && a.table == b.table && same_name(&a.name, &b.name)
}

fn is_view(object: &Object) -> bool {
    matches!(object.kind, ObjectKind::View | ObjectKind::Other("materialized view"))
}

fn is_routine(object: &Object) -> bool {
    matches!(object.kind, ObjectKind::Other("function" | "procedure"))
}

fn is_comment_on(object: &Object, view: &Object) -> bool {
    object.kind == ObjectKind::Other("comment") && object.table == view.name
}

/// Name, arguments and result of a routine: while they stay, CREATE OR REPLACE changes the rest.
fn header(object: &Object) -> &str {
    object.sql.match_indices('\n').nth(1).map_or(object.sql.as_str(), |(end, _)| &object.sql[..end])
}

/// What PostgreSQL checks when it creates a routine: the body of one in SQL too.
fn checked_text(object: &Object) -> &str {
    if object.sql.contains("\n LANGUAGE sql") { &object.sql } else { header(object) }
}

/// The statement that creates an object.
pub(crate) fn create_statement(object: &Object) -> Result<String, Error> {
    drop_statement(object).map(|_| object.sql.clone())
}

/// The statement that drops an object; none where it goes with something else.
fn drop_statement(object: &Object) -> Result<Option<String>, Error> {
    let (name, table) = (quote(&object.name), quote_table(&object.table));
    Ok(Some(match object.kind {
        ObjectKind::Index => format!("DROP INDEX {}", quote_table(&beside(&object.table, &object.name))),
        ObjectKind::View => format!("DROP VIEW {name}"),
        ObjectKind::Trigger => format!("DROP TRIGGER {name} ON {table}"),
        ObjectKind::Other("materialized view") => format!("DROP MATERIALIZED VIEW {name}"),
        ObjectKind::Other("enum" | "composite type") => format!("DROP TYPE {name}"),
        ObjectKind::Other("extension") => format!("DROP EXTENSION {name}"),
        ObjectKind::Other("domain") => format!("DROP DOMAIN {name}"),
        ObjectKind::Other("sequence") => format!("DROP SEQUENCE {name}"),
        ObjectKind::Other("function") => format!("DROP FUNCTION {}", object.name),
        ObjectKind::Other("procedure") => format!("DROP PROCEDURE {}", object.name),
        ObjectKind::Other("policy") => format!("DROP POLICY {name} ON {table}"),
        ObjectKind::Other("rule") => format!("DROP RULE {name} ON {table}"),
        ObjectKind::Other("statistics") => {
            format!("DROP STATISTICS {}", quote_table(&beside(&object.table, &object.name)))
        }
        ObjectKind::Other("comment") => format!("COMMENT ON {} IS NULL", object.name),
        ObjectKind::Other("owner") => format!("ALTER TABLE {table} OWNER TO CURRENT_USER"),
        ObjectKind::Other("row security") => {
            object.sql.replace(" ENABLE ROW ", " DISABLE ROW ").replace(" FORCE ROW ", " NO FORCE ROW ")
        }
        ObjectKind::Other("privilege") => {
            let grant = object.sql.trim_start_matches("GRANT ").trim_end_matches(" WITH GRANT OPTION");
            let (what, role) = grant.rsplit_once(" TO ").unwrap_or((grant, ""));
            format!("REVOKE {what} FROM {role}")
        }
        ObjectKind::VirtualTable | ObjectKind::Other(_) => {
            return Err(Error::cannot_express(
                &object.to_string(),
                "objects of this kind are compared only: write its migration by hand",
            ));
        }
    }))
}
