//! A change of a table, chosen by bytes.

use arbitrary::{Result, Unstructured};
use diesel_autogen::schema::{Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type};

use super::grammar;

/// One change of the table's models.
#[derive(Debug)]
pub enum Edit {
    Type(usize, Type),
    Nullable(usize),
    Default(usize, Option<DefaultValue>),
    Drop(usize),
    Rename(usize),
    Add(Column),
    DropIndexes,
    AddIndex(usize, bool),
    DropChecks,
    AddCheck,
    DropForeignKeys,
    AddForeignKey(usize),
    PrimaryKey(usize),
    RenameTable,
    DropTable,
    /// Another text for the same table, both as a live database has them.
    OtherText,
}

/// Where a change leads.
pub enum Target {
    Schema(Schema),
    Text(String),
}

/// The schema as models declare it: without the texts that only a live database has.
pub fn as_models(live: &Schema) -> Schema {
    let mut models = live.clone();
    models.objects = None;
    for table in &mut models.tables {
        (table.stored, table.clauses) = (None, None);
        table.indexes.iter_mut().for_each(|index| index.stored = None);
    }
    models
}

/// Chooses a change that this table can have.
pub fn choose(table: &Table, bytes: &mut Unstructured) -> Result<Edit> {
    let at = bytes.choose_index(table.columns.len())?;
    Ok(match bytes.int_in_range(0..=15)? {
        3 if table.columns.len() == 1 => Edit::DropTable,
        0 => Edit::Type(at, a_type(bytes)?),
        1 => Edit::Nullable(at),
        2 => {
            let given = bytes.arbitrary()?;
            Edit::Default(at, if given { Some(a_default(bytes)?) } else { None })
        }
        3 => Edit::Drop(at),
        4 => Edit::Rename(at),
        5 => {
            let mut column = Column::new("added column", a_type(bytes)?);
            column.nullable = bytes.arbitrary()?;
            if !column.nullable || bytes.arbitrary()? {
                column.default = Some(a_default(bytes)?);
            }
            Edit::Add(column)
        }
        6 => Edit::DropIndexes,
        7 => Edit::AddIndex(at, bytes.arbitrary()?),
        8 => Edit::DropChecks,
        9 => Edit::AddCheck,
        10 => Edit::DropForeignKeys,
        11 => Edit::AddForeignKey(at),
        12 => Edit::PrimaryKey(at),
        13 => Edit::RenameTable,
        14 => Edit::DropTable,
        _ => Edit::OtherText,
    })
}

fn a_type(bytes: &mut Unstructured) -> Result<Type> {
    let types = [
        Type::SmallInt,
        Type::Integer,
        Type::Double,
        Type::Text { max_length: None },
        Type::Text { max_length: Some(9) },
        Type::Binary,
        Type::Bool,
        Type::Date,
        Type::Timestamp,
    ];
    bytes.choose(&types).cloned()
}

fn a_default(bytes: &mut Unstructured) -> Result<DefaultValue> {
    let defaults = [
        DefaultValue::Number("-1".into()),
        DefaultValue::Text("it's".into()),
        DefaultValue::Bool(true),
        DefaultValue::Sql("x'00'".into()),
        DefaultValue::Number("0".into()),
    ];
    bytes.choose(&defaults).cloned()
}

impl Edit {
    pub fn apply(&self, live: &Schema, bytes: &mut Unstructured) -> Target {
        let mut models = as_models(live);
        let at = models.tables.iter().position(|table| table.name != "other").unwrap_or_default();
        let table = &mut models.tables[at];
        match self {
            Self::Type(at, ty) => {
                table.columns[*at].ty = ty.clone();
                table.columns[*at].default = None;
            }
            Self::Nullable(at) => table.columns[*at].nullable = !table.columns[*at].nullable,
            Self::Default(at, default) => table.columns[*at].default.clone_from(default),
            Self::Drop(at) => {
                let name = table.columns.remove(*at).name;
                // What stands on it goes with it.
                table.indexes.retain(|index| index.columns.iter().all(|column| column.name != name));
                table.foreign_keys.retain(|key| !key.columns.contains(&name) && !key.references.contains(&name));
                table.primary_key.retain(|key| *key != name);
            }
            Self::Rename(at) => {
                let new = "new \"name".to_owned();
                let old = std::mem::replace(&mut table.columns[*at].name, new.clone());
                table.columns[*at].renamed_from = Some(old.clone());
                let own = table.name.clone();
                let rename = |name: &mut String| {
                    if name.eq_ignore_ascii_case(&old) {
                        name.clone_from(&new);
                    }
                };
                table.primary_key.iter_mut().for_each(rename);
                table
                    .indexes
                    .iter_mut()
                    .flat_map(|index| &mut index.columns)
                    .for_each(|column| rename(&mut column.name));
                for key in &mut table.foreign_keys {
                    key.columns.iter_mut().for_each(rename);
                    if key.table.eq_ignore_ascii_case(&own) {
                        key.references.iter_mut().for_each(rename);
                    }
                }
                return Target::Schema(models);
            }
            Self::Add(column) => table.columns.push(column.clone()),
            Self::DropIndexes => table.indexes.clear(),
            Self::AddIndex(at, unique) => {
                let column = IndexColumn::asc(&table.columns[*at].name);
                table.indexes.push(Index::new("an", [column], *unique));
            }
            Self::DropChecks => table.checks.clear(),
            Self::AddCheck => table.checks.push(Check::new("1 <> 2")),
            Self::DropForeignKeys => table.foreign_keys.clear(),
            Self::AddForeignKey(at) => {
                table.foreign_keys.push(ForeignKey::new([table.columns[*at].name.as_str()], "other", ["id"]));
            }
            Self::PrimaryKey(at) => {
                table.columns[*at].nullable = false;
                let name = table.columns[*at].name.clone();
                // UNIQUE of the primary key says nothing.
                table.indexes.retain(|index| !matches!(index.columns.as_slice(), [only] if only.name == name));
                table.primary_key = vec![name];
            }
            Self::RenameTable => {
                let new = "new table".to_owned();
                let old = std::mem::replace(&mut table.name, new.clone());
                for key in &mut table.foreign_keys {
                    if key.table.eq_ignore_ascii_case(&old) {
                        key.table.clone_from(&new);
                    }
                }
                table.renamed_from = Some(old);
            }
            Self::DropTable => {
                models.tables.remove(at);
            }
            Self::OtherText => {
                let name = table.name.clone();
                return grammar::create_table(bytes, &name).map_or(Target::Schema(models), Target::Text);
            }
        }
        Target::Schema(models)
    }

    /// Whether SQLite itself may refuse the change: an expression uses a column that goes, for example.
    pub fn may_be_refused(&self, table: &Table) -> bool {
        let text = table.stored.as_deref().unwrap_or_default().to_ascii_uppercase();
        let has_expressions = !table.checks.is_empty() || table.columns.iter().any(|column| column.generated);
        let is_key = |at: usize| table.primary_key.contains(&table.columns[at].name);
        let key_is_not_null = text.contains("STRICT") || text.contains("WITHOUT");
        match self {
            // An index with a collation of its own is no index that models know.
            Self::Drop(at) => has_expressions || text.contains("COLLATE") || is_key(*at) && text.contains("WITHOUT"),
            // SQLite rewrites a name in single quotes in double quotes. It does not find a column `rowid` that is the
            // rowid in a UNIQUE.
            Self::Rename(_) => has_expressions || text.contains('\'') || text.contains("ROWID"),
            Self::Nullable(at) => is_key(*at) && key_is_not_null,
            Self::Type(at, _) => text.contains("STRICT") || is_key(*at) && text.contains("AUTOINCREMENT"),
            Self::Add(_) => text.contains("STRICT"),
            Self::PrimaryKey(at) if table.columns[*at].generated || !table.primary_key.is_empty() => true,
            // A key to the table itself that names no column means the primary key, whichever that is.
            Self::PrimaryKey(_) => table.foreign_keys.iter().any(|key| key.table.eq_ignore_ascii_case(&table.name)),
            _ => false,
        }
    }
}
