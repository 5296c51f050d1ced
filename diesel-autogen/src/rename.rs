//! Renames: declared in the models, or asked for; never guessed.

use crate::Error;
use crate::change::{Alteration, Change, Rename};
use crate::loss::{Loss, LossKind};
use crate::options::RenderOptions;
use crate::schema::{Column, Schema, Table, same_name};

impl Rename {
    /// Reads `posts.text=body`, or `posts=articles` for a table. A table of another schema has its path on both sides:
    /// `auth.users=auth.people`.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] when it has another form.
    pub(crate) fn parse(text: &str, models: &Schema) -> Result<Self, Error> {
        let bad =
            || Error::Option { option: text.to_owned(), why: "write table.column=new_name, or table=new_name".into() };
        let (old, new) = text.split_once('=').ok_or_else(bad)?;
        let is_table = !old.contains('.') || new.contains('.') && models.table(new).is_some();
        let (table, column) = match old.rsplit_once('.').filter(|_| !is_table) {
            Some((table, column)) => (table, Some(column)),
            None => (old, None),
        };
        let is_name = |name: &str| !name.is_empty() && (!name.contains('.') || models.table(name).is_some());
        if !is_name(new) || column.is_some_and(str::is_empty) || !is_table && !is_name(table) || table.is_empty() {
            return Err(bad());
        }
        let (table, to) = (table.to_owned(), new.to_owned());
        Ok(match column {
            Some(column) => Self::Column { table, from: column.to_owned(), to },
            None => Self::Table { from: table, to },
        })
    }

    /// Fails when the models do not have the new name: it is a typing mistake then.
    pub(crate) fn require_target(&self, models: &Schema) -> Result<(), Error> {
        let has = |column: &str, table: &Table| table.find_column(column).is_some();
        let (is_there, what) = match self {
            Self::Table { to, .. } => (models.table(to).is_some(), format!("table {to}")),
            // The table may get another name as well.
            Self::Column { table, to, .. } => match models.table(table) {
                Some(found) => (has(to, found), format!("column {table}.{to}")),
                None => (models.tables.iter().any(|table| has(to, table)), format!("column {to}")),
            },
        };
        if is_there {
            return Ok(());
        }
        Err(Error::Option { option: self.to_string(), why: format!("the models have no {what}") })
    }

    /// Fails unless the live schema has the old name and lacks the new one.
    pub(crate) fn require(&self, live: &Schema) -> Result<(), Error> {
        let bad = |why: String| Err(Error::Option { option: self.to_string(), why });
        match self {
            Self::Table { from, .. } if live.table(from).is_none() => bad(format!("there is no table {from}")),
            Self::Table { to, .. } if live.table(to).is_some() => bad(format!("table {to} already exists")),
            Self::Table { .. } => Ok(()),
            Self::Column { table, from, to } => match live.table(table) {
                None => bad(format!("there is no table {table}")),
                Some(found) if found.find_column(from).is_none() => bad(format!("table {table} has no column {from}")),
                Some(found) if found.find_column(to).is_some() => bad(format!("column {table}.{to} already exists")),
                Some(_) => Ok(()),
            },
        }
    }
}

/// The renames that the models declare and the live database has not seen, tables before columns.
pub(crate) fn declared(live: &Schema, models: &Schema) -> Vec<Rename> {
    let mut tables = Vec::new();
    let mut columns = Vec::new();
    for table in &models.tables {
        let before =
            table.renamed_from.as_ref().filter(|old| live.table(old).is_some() && live.table(&table.name).is_none());
        if let Some(from) = before {
            tables.push(Rename::Table { from: from.clone(), to: table.name.clone() });
        }
        let Some(found) = live.table(before.unwrap_or(&table.name)) else { continue };
        for column in &table.columns {
            let is_new = |old: &&String| found.find_column(old).is_some() && found.find_column(&column.name).is_none();
            if let Some(from) = column.renamed_from.as_ref().filter(is_new) {
                let (table, to) = (table.name.clone(), column.name.clone());
                columns.push(Rename::Column { table, from: from.clone(), to });
            }
        }
    }
    tables.append(&mut columns);
    tables
}

/// The changes and options with the names that the live database still has, to count its rows by.
pub(crate) fn in_old_names(changes: &[Change], options: &RenderOptions) -> (Vec<Change>, RenderOptions) {
    let renames: Vec<_> = changes.iter().filter_map(Change::rename).collect();
    let old_table = |name: &str| {
        let from = renames.iter().find_map(|rename| match rename {
            Rename::Table { from, to } if same_name(to, name) => Some(from),
            _ => None,
        });
        from.map_or(name, String::as_str).to_owned()
    };
    let old_column = |table: &str, name: &str| {
        let from = renames.iter().find_map(|rename| match rename {
            Rename::Column { table: own, from, to } if same_name(own, table) && same_name(to, name) => Some(from),
            _ => None,
        });
        from.map_or(name, String::as_str).to_owned()
    };
    let mut changes = changes.to_vec();
    for change in &mut changes {
        let Change::AlterTable { from: table, alterations, .. } = change else { continue };
        for alteration in alterations {
            if let Alteration::DropColumn(column) | Alteration::AlterColumn { from: column, .. } = alteration {
                column.name = old_column(&table.name, &column.name);
            }
        }
        table.name = old_table(&table.name);
    }
    let mut options = options.clone();
    for fill in &mut options.fills {
        fill.column = old_column(&fill.table, &fill.column);
        fill.table = old_table(&fill.table);
    }
    (changes, options)
}

/// Where a plan drops a column or table and adds a similar one, which may be a rename.
pub(crate) fn similar(changes: &[Change]) -> Vec<Loss> {
    let mut found = Vec::new();
    for change in changes {
        match change {
            Change::DropTable(old) => {
                let similar = changes.iter().filter_map(Change::created).filter(|new| are_similar(old, new));
                found.extend(similar.map(|new| loss(&old.name, &new.name, &new.name)));
            }
            Change::AlterTable { to: table, alterations, .. } => {
                for old in alterations {
                    let Alteration::DropColumn(old) = old else { continue };
                    for new in alterations {
                        if let Alteration::AddColumn(new) = new
                            && new.ty == old.ty
                        {
                            let name = |column: &Column| format!("{}.{}", table.name, column.name);
                            found.push(loss(&name(old), &name(new), &new.name));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn loss(old: &str, new: &str, new_name: &str) -> Loss {
    let change = format!("drops {old} and adds {new}");
    let rename = format!("{old}={new_name}");
    let text = format!("{change}, which are similar: the rename {rename} would keep the values");
    Loss { change, count: 0, text, kind: LossKind::Similar { old: old.to_owned(), new: new.to_owned(), rename } }
}

/// Whether at least half of the columns of both tables have the same name and type.
fn are_similar(a: &Table, b: &Table) -> bool {
    let is_shared =
        |column: &&Column| b.columns.iter().any(|other| same_name(&other.name, &column.name) && other.ty == column.ty);
    let shared = a.columns.iter().filter(is_shared).count();
    a.schema == b.schema && shared > 0 && shared * 2 >= a.columns.len().max(b.columns.len())
}

/// Of the renames that statements make one after the other, those that lead from a name of the one schema to a name of
/// the other, tables first.
pub(crate) fn effective(live: &Schema, goal: &Schema, statements: &[Rename]) -> Vec<Rename> {
    let tables = statements.iter().filter_map(|rename| match rename {
        Rename::Table { from, to } => Some((from, to)),
        Rename::Column { .. } => None,
    });
    let is_effective = |(from, to): &(&String, &String)| {
        live.table(from).is_some() && live.table(to).is_none() && goal.table(to).is_some()
    };
    let tables: Vec<_> = tables.filter(is_effective).collect();
    let columns = statements.iter().filter_map(|rename| match rename {
        Rename::Table { .. } => None,
        Rename::Column { table, from, to } => {
            // The statement may stand before the table's own rename, or after it.
            let names = |(old, new): &&(&String, &String)| same_name(old, table) || same_name(new, table);
            let (old, new) = tables.iter().find(names).copied().unwrap_or((table, table));
            let (before, after) = (live.table(old)?, goal.table(new)?);
            let moves = |schema: &Table, has: &str, lacks: &str| {
                schema.find_column(has).is_some() && schema.find_column(lacks).is_none()
            };
            let is_effective = moves(before, from, to) && moves(after, to, from);
            is_effective.then(|| Rename::Column { table: new.clone(), from: from.clone(), to: to.clone() })
        }
    });
    let columns: Vec<_> = columns.collect();
    tables.into_iter().map(|(from, to)| Rename::Table { from: from.clone(), to: to.clone() }).chain(columns).collect()
}
