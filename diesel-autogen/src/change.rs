//! One step from a schema to another: a value that describes itself and knows its reverse.

use std::fmt;

use crate::schema::{Action, Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Object, ObjectKind, Table};
use crate::text::literal;

/// One step from a schema to another. It prints in plain words, and knows its reverse.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a plan holds a few of them, and boxes would hinder every match")]
#[non_exhaustive]
pub enum Change {
    /// Creates a table.
    CreateTable(Table),
    /// Drops a table.
    DropTable(Table),
    /// Changes a table.
    AlterTable {
        /// The table before.
        from: Table,
        /// The table after.
        to: Table,
        /// The differences.
        alterations: Vec<Alteration>,
    },
    /// Renames a table or a column. The changes after it use the new name.
    Rename(Rename),
    /// Creates a view, a trigger or an index that the models cannot declare.
    CreateObject(Object),
    /// Drops such an object.
    DropObject(Object),
}

/// One difference within a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alteration {
    /// Adds a column.
    AddColumn(Column),
    /// Drops a column.
    DropColumn(Column),
    /// Changes the type, NULL or default of a column.
    AlterColumn {
        /// The column before.
        from: Column,
        /// The column after.
        to: Column,
    },
    /// Changes the primary key.
    PrimaryKey {
        /// The key's columns before.
        from: Vec<String>,
        /// The key's columns after.
        to: Vec<String>,
    },
    /// Adds an index or a UNIQUE constraint.
    AddIndex(Index),
    /// Drops an index or a UNIQUE constraint.
    DropIndex(Index),
    /// Adds a foreign key.
    AddForeignKey(ForeignKey),
    /// Drops a foreign key.
    DropForeignKey(ForeignKey),
    /// Adds a CHECK constraint.
    AddCheck(Check),
    /// Drops a CHECK constraint.
    DropCheck(Check),
    /// Changes a part of the table's definition that [`schema!`](crate::schema!) cannot declare, such as a COLLATE.
    Rewrite {
        /// The part before.
        from: Option<String>,
        /// The part after.
        to: Option<String>,
    },
}

/// A new name for a table or a column that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rename {
    /// A table.
    Table {
        /// The name before.
        from: String,
        /// The name after.
        to: String,
    },
    /// A column.
    Column {
        /// The table, by its name after the migration.
        table: String,
        /// The name before.
        from: String,
        /// The name after.
        to: String,
    },
}

impl Change {
    /// The change that reverts this one.
    pub(crate) fn reverse(self) -> Self {
        match self {
            Self::CreateTable(table) => Self::DropTable(table),
            Self::DropTable(table) => Self::CreateTable(table),
            Self::AlterTable { from, to, alterations } => Self::AlterTable {
                from: to,
                to: from,
                alterations: alterations.into_iter().map(Alteration::reverse).collect(),
            },
            Self::Rename(rename) => Self::Rename(rename.reverse()),
            Self::CreateObject(object) => Self::DropObject(object),
            Self::DropObject(object) => Self::CreateObject(object),
        }
    }

    /// The table that it creates.
    pub(crate) fn created(&self) -> Option<&Table> {
        if let Self::CreateTable(table) = self { Some(table) } else { None }
    }

    /// The table that it drops.
    pub(crate) fn dropped(&self) -> Option<&Table> {
        if let Self::DropTable(table) = self { Some(table) } else { None }
    }

    /// The table that it changes, before and after, and how.
    pub(crate) fn altered(&self) -> Option<(&Table, &Table, &[Alteration])> {
        if let Self::AlterTable { from, to, alterations } = self { Some((from, to, alterations)) } else { None }
    }

    /// The object that it creates or drops.
    pub(crate) fn object(&self) -> Option<&Object> {
        if let Self::CreateObject(object) | Self::DropObject(object) = self { Some(object) } else { None }
    }

    /// The rename that it is.
    pub(crate) fn rename(&self) -> Option<&Rename> {
        if let Self::Rename(rename) = self { Some(rename) } else { None }
    }

    /// The change in one line.
    pub(crate) fn summary(&self) -> String {
        let text = self.to_string();
        match text.split_once('\n') {
            Some((first, parts)) => format!("{first} {}", parts.lines().map(str::trim).collect::<Vec<_>>().join("; ")),
            None => text,
        }
    }
}

impl Alteration {
    /// The column that it drops.
    pub(crate) fn dropped_column(&self) -> Option<&Column> {
        if let Self::DropColumn(column) = self { Some(column) } else { None }
    }

    /// The index that it adds.
    pub(crate) fn added_index(&self) -> Option<&Index> {
        if let Self::AddIndex(index) = self { Some(index) } else { None }
    }

    /// The index that it drops.
    pub(crate) fn dropped_index(&self) -> Option<&Index> {
        if let Self::DropIndex(index) = self { Some(index) } else { None }
    }

    fn reverse(self) -> Self {
        match self {
            Self::AddColumn(column) => Self::DropColumn(column),
            Self::DropColumn(column) => Self::AddColumn(column),
            Self::AlterColumn { from, to } => Self::AlterColumn { from: to, to: from },
            Self::PrimaryKey { from, to } => Self::PrimaryKey { from: to, to: from },
            Self::AddIndex(index) => Self::DropIndex(index),
            Self::DropIndex(index) => Self::AddIndex(index),
            Self::AddForeignKey(key) => Self::DropForeignKey(key),
            Self::DropForeignKey(key) => Self::AddForeignKey(key),
            Self::AddCheck(check) => Self::DropCheck(check),
            Self::DropCheck(check) => Self::AddCheck(check),
            Self::Rewrite { from, to } => Self::Rewrite { from: to, to: from },
        }
    }
}

impl Rename {
    /// The rename that reverts this one.
    pub(crate) fn reverse(self) -> Self {
        match self {
            Self::Table { from, to } => Self::Table { from: to, to: from },
            Self::Column { table, from, to } => Self::Column { table, from: to, to: from },
        }
    }
}

impl fmt::Display for Rename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table { from, to } => write!(f, "renames table {from} to {to}"),
            Self::Column { table, from, to } => write!(f, "renames {table}.{from} to {to}"),
        }
    }
}

impl fmt::Display for Change {
    /// One line, and an indented line for each part of the change.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateTable(table) => {
                write!(f, "creates table {}:", table.name)?;
                table.columns.iter().try_for_each(|column| write!(f, "\n  {}", Described(column)))?;
                if !table.primary_key.is_empty() {
                    write!(f, "\n  primary key ({})", table.primary_key.join(", "))?;
                }
                table.indexes.iter().try_for_each(|index| write!(f, "\n  {index}"))?;
                table.foreign_keys.iter().try_for_each(|key| write!(f, "\n  {key}"))?;
                table.checks.iter().try_for_each(|check| write!(f, "\n  {check}"))
            }
            Self::DropTable(table) => write!(f, "drops table {}", table.name),
            Self::AlterTable { to, alterations, .. } => {
                write!(f, "changes table {}:", to.name)?;
                alterations.iter().try_for_each(|alteration| write!(f, "\n  {alteration}"))
            }
            Self::Rename(rename) => write!(f, "{rename}"),
            Self::CreateObject(object) => write!(f, "creates {object}"),
            Self::DropObject(object) => write!(f, "drops {object}"),
        }
    }
}

impl fmt::Display for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddColumn(column) => write!(f, "adds {}", Described(column)),
            Self::DropColumn(column) => write!(f, "drops {}", column.name),
            Self::AlterColumn { from, to } => describe_column_change(f, from, to),
            Self::PrimaryKey { from, to } => {
                write!(f, "changes the primary key from ({}) to ({})", from.join(", "), to.join(", "))
            }
            Self::AddIndex(index) => write!(f, "adds {index}"),
            Self::DropIndex(index) => write!(f, "drops {index}"),
            Self::AddForeignKey(key) => write!(f, "adds {key}"),
            Self::DropForeignKey(key) => write!(f, "drops {key}"),
            Self::AddCheck(check) => write!(f, "adds {check}"),
            Self::DropCheck(check) => write!(f, "drops {check}"),
            Self::Rewrite { from, to } => match (from, to) {
                (Some(from), Some(to)) => write!(f, "rewrites `{from}` as `{to}`"),
                (Some(gone), None) => write!(f, "drops `{gone}`"),
                (None, Some(new)) => write!(f, "adds `{new}`"),
                (None, None) => Ok(()),
            },
        }
    }
}

fn describe_column_change(f: &mut fmt::Formatter<'_>, from: &Column, to: &Column) -> fmt::Result {
    let mut parts = Vec::new();
    if from.generated != to.generated {
        parts.push(if to.generated {
            format!("makes {} a generated column", to.name)
        } else {
            format!("makes {} a plain column", to.name)
        });
    }
    if from.ty != to.ty {
        parts.push(format!("changes {} from {} to {}", to.name, from.ty, to.ty));
    }
    if from.ty == to.ty && from.storage.zip(to.storage).is_some_and(|(from, to)| from != to) {
        parts.push(format!("changes how {} is stored", to.name));
    }
    if from.nullable != to.nullable {
        parts.push(format!("{} {}", if to.nullable { "allows NULL in" } else { "makes NOT NULL" }, to.name));
    }
    if from.default != to.default {
        parts.push(match &to.default {
            Some(default) => format!("sets the default of {} to {default}", to.name),
            None => format!("drops the default of {}", to.name),
        });
    }
    if parts.is_empty() && from.identity != to.identity {
        parts.push(format!("{} new rows in {}", if to.identity { "numbers" } else { "no longer numbers" }, to.name));
    }
    f.write_str(&parts.join("; "))
}

/// A column as a plan describes it.
struct Described<'a>(&'a Column);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.name, self.0.ty)?;
        if self.0.nullable {
            f.write_str(", may be NULL")?;
        }
        self.0.default.as_ref().map_or(Ok(()), |default| write!(f, ", default {default}"))
    }
}

impl fmt::Display for DefaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(text) | Self::Sql(text) => f.write_str(text),
            Self::Text(text) => f.write_str(&literal(text)),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Now => f.write_str("now"),
        }
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<_> = self.columns.iter().map(IndexColumn::to_string).collect();
        let kind = if self.unique { "unique index" } else { "index" };
        if self.constraint {
            write!(f, "UNIQUE ({})", columns.join(", "))
        } else {
            write!(f, "{kind} {} ({})", self.name, columns.join(", "))
        }
    }
}

impl fmt::Display for IndexColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, if self.descending { " desc" } else { "" })
    }
}

impl fmt::Display for ForeignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "foreign key ({}) to {}", self.columns.join(", "), self.table)?;
        if !self.references.is_empty() {
            write!(f, " ({})", self.references.join(", "))?;
        }
        if self.on_delete != Action::NoAction {
            write!(f, ", on delete {}", self.on_delete)?;
        }
        if self.on_update != Action::NoAction {
            write!(f, ", on update {}", self.on_update)?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAction => "no action",
            Self::Restrict => "restrict",
            Self::Cascade => "cascade",
            Self::SetNull => "set null",
            Self::SetDefault => "set default",
        })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "check {name} ({})", self.expression),
            None => write!(f, "check ({})", self.expression),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ObjectKind::Index => write!(f, "index {} on {}", self.name, self.table),
            ObjectKind::Trigger => write!(f, "trigger {} on {}", self.name, self.table),
            ObjectKind::View => write!(f, "view {}", self.name),
            ObjectKind::VirtualTable => write!(f, "virtual table {}", self.name),
            ObjectKind::Other(kind) if self.table == self.name => write!(f, "{kind} {}", self.name),
            ObjectKind::Other(kind) => write!(f, "{kind} {} on {}", self.name, self.table),
        }
    }
}
