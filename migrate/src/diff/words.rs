//! Changes in plain words, as a plan prints them.

use std::fmt;

use super::{Alteration, Change, same_default};
use crate::schema::{Action, Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Object, ObjectKind};

impl fmt::Display for Change {
    /// Says the change in plain words: one line, and an indented one for each part of it.
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
            format!("computes {}, whose own values go", to.name)
        } else {
            format!("no longer computes {}", to.name)
        });
    }
    if from.ty != to.ty {
        parts.push(format!("changes {} from {} to {}", to.name, from.ty, to.ty));
    }
    if from.nullable != to.nullable {
        parts.push(format!("{} {}", if to.nullable { "lets NULL into" } else { "makes NOT NULL" }, to.name));
    }
    if !same_default(from, to) {
        parts.push(match &to.default {
            Some(default) => format!("sets the default of {} to {default}", to.name),
            None => format!("drops the default of {}", to.name),
        });
    }
    f.write_str(&parts.join("; "))
}

/// A column in the words of a plan.
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
            Self::Text(text) => f.write_str(&crate::sql::literal(text)),
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
        }
    }
}
