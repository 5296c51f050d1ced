//! A schema as the source of a `schema!` that declares it.

mod attributes;
mod names;
mod text;
mod types;

use std::fmt::Write as _;

use self::attributes::{Indexes, Written, check, default, foreign_key, impossible_action};
use self::names::{Names, TableNames, is_identifier};
use self::text::{comment, docs};
use self::types::{Customs, type_of};
use crate::kept;
use crate::schema::{
    Clause, ClauseKind, Column, ForeignKey, Index, Object, ObjectKind, Schema, Table, repeats, same_name, same_set,
};
use crate::table_path::name_of;

/// Writes the schema of a live database as `schema!` source. What `schema!` cannot say is named in comments.
pub(crate) fn print_schema(schema: &Schema) -> String {
    let printer = Printer { schema, names: Names::of(schema), customs: Customs::of(schema) };
    let mut indexes = Indexes::of(schema);
    let mut blocks: Vec<_> = printer.customs.module().into_iter().collect();
    let tables = schema.tables.iter().zip(&printer.names.tables);
    blocks.extend(tables.map(|(table, names)| printer.table(table, names, &mut indexes)));
    blocks.extend(printer.objects());
    if blocks.is_empty() {
        return "diesel_autogen::schema! {}\n".to_owned();
    }
    let mut source = String::from("diesel_autogen::schema! {\n");
    for (at, block) in blocks.iter().enumerate() {
        if at > 0 {
            source.push('\n');
        }
        for line in block.lines() {
            let _ = writeln!(source, "{}", format!("    {line}").trim_end());
        }
    }
    source + "}\n"
}

struct Printer<'a> {
    schema: &'a Schema,
    names: Names,
    customs: Customs,
}

impl Printer<'_> {
    fn table(&self, table: &Table, names: &TableNames, indexes: &mut Indexes) -> String {
        if let Some(why) = undeclarable(table) {
            return comment(&format!("table {}, {why}", table.name));
        }
        let mut columns: Vec<_> = table.columns.iter().map(|column| self.column(table, column)).collect();
        let mut above = docs(table.comment.as_deref());
        above.extend(beyond(table, None));
        above.extend(self.indexes_beyond(table));
        above.extend(names.sql_name());
        above.extend(
            table.indexes.iter().filter(|index| index.is_undeclarable()).map(|index| comment(&index.to_string())),
        );
        for index in table.indexes.iter().filter(|index| !index.is_undeclarable()) {
            let (attribute, column) = indexes.attribute(table, names, index, &mut columns);
            match column {
                Some(at) => columns[at].attributes.push(attribute),
                None => above.push(attribute),
            }
        }
        for (at, column) in table.columns.iter().enumerate() {
            columns[at].attributes.extend(default(column).map(|default| format!("#[default{default}]")));
        }
        for (at, own) in table.checks.iter().enumerate() {
            let (attribute, column) = check(table, own, &table.checks[..at]);
            match column {
                Some(at) => columns[at].attributes.push(attribute),
                None => above.push(attribute),
            }
        }
        for (at, key) in table.foreign_keys.iter().enumerate() {
            let earlier = table.foreign_keys[..at].iter().any(|one| is_beside(one, key));
            let why = if earlier { Some(BESIDE) } else { refusal(self.schema, table, key, &self.customs) };
            match (why, key.columns.as_slice()) {
                (Some(why), _) => above.push(comment(&format!("{key}: {why}"))),
                (None, [column]) => {
                    let attribute = format!("#[references({})]", foreign_key(key, self.schema, &self.names));
                    let at = table.columns.iter().position(|own| same_name(&own.name, column)).unwrap_or_default();
                    columns[at].attributes.push(attribute);
                }
                (None, own) => {
                    let own = own.iter().map(|column| names.column(column)).collect::<Vec<_>>().join(", ");
                    above.push(format!("#[foreign_key({own} -> {})]", foreign_key(key, self.schema, &self.names)));
                }
            }
        }
        if names.is_without_key {
            above.push("#[without_primary_key]".into());
        }
        self.declaration(table, names, &above, &columns)
    }

    fn declaration(&self, table: &Table, names: &TableNames, above: &[String], columns: &[Written]) -> String {
        let mut lines = above.to_vec();
        lines.push(format!("{} ({}) {{", names.declared(), names.key.join(", ")));
        if let Some(rowid) = names.rowid {
            lines.push(format!("    {rowid} -> BigInt,"));
        }
        for column in columns {
            let attributes = column.attributes.iter().flat_map(|attribute| attribute.lines());
            lines.extend(attributes.chain([column.declaration.as_str()]).map(|line| format!("    {line}")));
        }
        lines.push("}".into());
        let uses = self.customs.uses(table);
        if uses.is_empty() {
            return lines.join("\n");
        }
        let inner = uses.iter().map(String::as_str).chain([""]).chain(lines.iter().flat_map(|line| line.lines()));
        let inner: Vec<_> = inner.map(|line| format!("    {line}")).collect();
        format!("diesel::table! {{\n{}\n}}", inner.join("\n"))
    }

    fn column(&self, table: &Table, column: &Column) -> Written {
        let names = self.names.of_table(table);
        let ty = type_of(table, column, &self.customs);
        let mut attributes = docs(column.comment.as_deref());
        attributes.extend(beyond(table, Some(column)));
        attributes.extend(names.sql_name_of(&column.name));
        attributes.extend(ty.attribute);
        let ty = if column.nullable { format!("Nullable<{}>", ty.name) } else { ty.name };
        let declaration = format!("{} -> {ty},", names.column(&column.name));
        Written { attributes, declaration, has_index: false }
    }

    fn indexes_beyond(&self, table: &Table) -> Vec<String> {
        let is_own = |object: &&Object| object.kind == ObjectKind::Index && same_name(&object.table, &table.name);
        self.schema.objects().iter().filter(is_own).map(|object| comment(&object.sql)).collect()
    }

    /// Views, triggers and whatever else belongs to no table of `schema!`.
    fn objects(&self) -> Option<String> {
        let objects =
            self.schema.objects().iter().filter(|object| object.kind != ObjectKind::Index && !object.is_note());
        let lines: Vec<_> = objects.map(|object| comment(&object.to_string())).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

const BESIDE: &str = "another foreign key of these columns refers to that table";

/// The foreign keys of a table of a live schema that `schema!` cannot declare beside those that it is to declare.
pub(crate) fn undeclarable_keys<'a>(schema: &Schema, table: &'a Table, declared: &[ForeignKey]) -> Vec<&'a ForeignKey> {
    let customs = Customs::of(schema);
    let is_one = |key: &&ForeignKey| {
        declared.iter().any(|one| is_beside(one, key)) || refusal(schema, table, key, &customs).is_some()
    };
    table.foreign_keys.iter().filter(is_one).collect()
}

/// Why `schema!` refuses a foreign key that the database has.
fn refusal(schema: &Schema, table: &Table, key: &ForeignKey, customs: &Customs) -> Option<&'static str> {
    let Some(other) = schema.table(&key.table).filter(|other| undeclarable(other).is_none()) else {
        return Some("schema! has no such table");
    };
    if key.columns.len() != key.references.len() || repeats(&key.columns) {
        return Some("each column refers to one column");
    }
    let is_unique = |index: &Index| index.unique && same_set(&index.column_names(), &key.references);
    let is_primary = !key.references.is_empty() && same_set(&other.primary_key, &key.references);
    if !is_primary && !other.indexes.iter().any(is_unique) {
        return Some("these columns are not unique");
    }
    let pairs = key.columns.iter().zip(&key.references);
    let mut pairs = pairs.filter_map(|(own, there)| Some((table.find_column(own)?, other.find_column(there)?)));
    let kind = |table, column| types::kind(table, column, customs);
    if pairs.any(|(own, there)| kind(table, own) != kind(other, there)) {
        return Some("the columns have types of different kinds");
    }
    impossible_action(table, key)
}

/// Whether two foreign keys are of the same columns, to the same table.
fn is_beside(one: &ForeignKey, key: &ForeignKey) -> bool {
    same_name(&one.table, &key.table) && same_set(&one.columns, &key.columns)
}

/// Why `schema!` cannot declare a table.
pub(crate) fn undeclarable(table: &Table) -> Option<&'static str> {
    let name = name_of(table).to_ascii_lowercase();
    if ["sqlite_", "__diesel"].iter().any(|prefix| name.starts_with(prefix)) || kept::is_reserved(&name) {
        Some("whose name is reserved")
    } else if table.columns.is_empty() {
        Some("which has no columns")
    } else if name.is_empty() || table.columns.iter().any(|column| column.name.is_empty()) {
        Some("where a name is empty")
    } else if table.schema.as_ref().is_some_and(|schema| !is_identifier(schema)) {
        Some("whose schema has a name that is none in Rust")
    } else {
        None
    }
}

/// The parts of a definition that `schema!` cannot say, of one column or of the table itself.
fn beyond(table: &Table, column: Option<&Column>) -> Vec<String> {
    let is_meant = |clause: &&Clause| match (&clause.column, column) {
        (Some(name), Some(column)) => same_name(name, &column.name),
        (None, None) => true,
        _ => false,
    };
    let words = ["autoincrement", "on conflict", "deferrable", "initially", " match ", " desc"];
    // Another text of the value that the models state.
    let has_zone = column.is_some_and(|column| column.ty == crate::schema::Type::Diesel("Timestamptz"));
    let is_spelling = |text: &str| {
        text.strip_prefix("DEFAULT ").is_some_and(|text| has_zone || text.starts_with('\'') || text.starts_with("NULL"))
    };
    let is_numbered = column.is_some_and(|column| column.identity && table.is_sole_key(&column.name));
    let is_beyond = |clause: &&Clause| match clause.kind {
        // The models number a whole key, too.
        ClauseKind::Option if is_numbered => clause.normalized != "SERIAL",
        ClauseKind::Option if is_spelling(&clause.text) => false,
        ClauseKind::Collation | ClauseKind::Generated | ClauseKind::Option => true,
        ClauseKind::Type => false,
        // Where a whole text is stored, every constraint has its clause; elsewhere only an unusual one.
        _ => table.stored.is_none() || words.iter().any(|word| clause.normalized.to_lowercase().contains(word)),
    };
    let clauses = table.clauses.iter().flatten().filter(is_meant).filter(is_beyond);
    let tight = |text: &str| text.replace("( ", "(").replace(" )", ")").replace(" ,", ",");
    clauses.map(|clause| comment(&tight(&clause.normalized))).collect()
}
