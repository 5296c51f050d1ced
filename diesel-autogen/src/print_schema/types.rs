//! How a column's type is written, and the types that the program must define for Diesel.

use super::names::is_reserved;
use super::text::quoted;
use crate::schema::{Column, Schema, Table, Type};

/// A type as it is written.
pub(super) struct WrittenType {
    /// The type in Diesel's words.
    pub name: String,
    /// What these do not say: a length, or the type in the database's words.
    pub attribute: Option<String>,
}

/// Types of the database for which Diesel has none.
pub(super) struct Customs {
    customs: Vec<Custom>,
}

struct Custom {
    ident: String,
    path: Path,
}

/// A type's name, after the name of its schema where that is needed.
#[derive(PartialEq, Eq)]
struct Path {
    schema: Option<String>,
    name: String,
}

impl Customs {
    pub fn of(schema: &Schema) -> Self {
        let mut customs: Vec<Custom> = Vec::new();
        for path in schema.tables.iter().flat_map(paths) {
            if customs.iter().any(|own| own.path == path) {
                continue;
            }
            let mut ident = camel_case(&path.name);
            while is_reserved(&ident) || customs.iter().any(|own| own.ident == ident) {
                ident.push('_');
            }
            customs.push(Custom { ident, path });
        }
        Self { customs }
    }

    /// The module that defines them.
    pub fn module(&self) -> Option<String> {
        let custom = |Custom { ident, path }: &Custom| {
            let schema = path.schema.as_ref().map(|schema| format!(", schema = {}", quoted(schema)));
            let name = quoted(&path.name) + &schema.unwrap_or_default();
            format!(
                "    #[derive(diesel::query_builder::QueryId, diesel::sql_types::SqlType)]\n    \
                 #[diesel(postgres_type(name = {name}))]\n    pub struct {ident};\n"
            )
        };
        let customs: Vec<_> = self.customs.iter().map(custom).collect();
        (!customs.is_empty()).then(|| format!("pub mod sql_types {{\n{}}}", customs.join("\n")))
    }

    /// The imports that a table needs.
    pub fn uses(&self, table: &Table) -> Vec<String> {
        let mut idents: Vec<_> = paths(table).map(|path| self.ident(&path)).collect();
        idents.sort_unstable();
        idents.dedup();
        idents.into_iter().map(|ident| ["use super", "sql_types", ident].join("::") + ";").collect()
    }

    fn ident(&self, path: &Path) -> &str {
        self.customs.iter().find(|own| own.path == *path).map_or("", |own| &own.ident)
    }
}

/// The type of a column as it is written, without its `Nullable`.
pub(super) fn type_of(table: &Table, column: &Column, customs: &Customs) -> WrittenType {
    if let Type::Text { max_length: Some(length) } = column.ty {
        return WrittenType { name: "VarChar".into(), attribute: Some(format!("#[max_length = {length}]")) };
    }
    let (name, is_exact) = written(table, &column.ty, customs);
    let attribute = (!is_exact).then(|| format!("#[sql_type = {}]", quoted(&sql(&column.ty))));
    WrittenType { name, attribute }
}

/// The kind of a type: a foreign key may refer to a column of another type of its kind.
pub(super) fn kind(table: &Table, column: &Column, customs: &Customs) -> String {
    let name = type_of(table, column, customs).name;
    match name.as_str() {
        "SmallInt" | "Integer" | "BigInt" => "integer".into(),
        "Float" | "Double" | "Numeric" => "number".into(),
        "Text" | "VarChar" | "Bpchar" | "Citext" => "text".into(),
        _ => name,
    }
}

/// A type in Diesel's words, and whether these say all of it.
fn written(table: &Table, ty: &Type, customs: &Customs) -> (String, bool) {
    match ty {
        Type::Array(item) => {
            let (item, is_exact) = written(table, item, customs);
            (format!("Array<Nullable<{item}>>"), is_exact)
        }
        Type::Text { max_length } => ("Text".into(), max_length.is_none()),
        Type::Other(sql) => match base(table, sql) {
            Base::Diesel(name) => (name.into(), false),
            Base::Custom(path, is_exact) => (customs.ident(&path).into(), is_exact),
        },
        other => (other.to_string(), true),
    }
}

/// What a type in the database's words is in Rust.
enum Base {
    Diesel(&'static str),
    /// A type of its own, and whether its name says all of it.
    Custom(Path, bool),
}

fn base(table: &Table, sql: &str) -> Base {
    // A database that stores texts takes any word for a type; its values are what is written into it.
    if table.stored.is_some() {
        return Base::Diesel("Text");
    }
    // What stands in quotes is a name, whatever it holds.
    let bare = sql.rsplit('"').next().unwrap_or(sql);
    let name = bare.find('(').map_or(sql, |at| &sql[..sql.len() - bare.len() + at]).trim();
    let (is_precise, has_zone) = (bare.contains('(') || bare.contains(' '), bare.ends_with("with time zone"));
    let own = |name: &str| Base::Custom(Path { schema: None, name: name.into() }, false);
    match name {
        "numeric" => Base::Diesel("Numeric"),
        "character" | "bpchar" => Base::Diesel("Bpchar"),
        "timestamp" if has_zone => Base::Diesel("Timestamptz"),
        "timestamp" => Base::Diesel("Timestamp"),
        "time" | "time with time zone" if has_zone => own("timetz"),
        "time" => Base::Diesel("Time"),
        "bit varying" => own("varbit"),
        name if name.starts_with("interval") => Base::Diesel("Interval"),
        name => Base::Custom(path(name), !is_precise),
    }
}

/// The parts of a name, each in quotes or not: `public."Mood"`.
fn path(name: &str) -> Path {
    let mut parts = vec![String::new()];
    let (mut is_quoted, mut chars) = (false, name.chars().peekable());
    while let Some(char) = chars.next() {
        match (char, parts.last_mut()) {
            ('"', Some(part)) if is_quoted && chars.peek() == Some(&'"') => part.extend(chars.next()),
            ('"', _) => is_quoted = !is_quoted,
            ('.', _) if !is_quoted => parts.push(String::new()),
            (char, Some(part)) => part.push(char),
            (_, None) => {}
        }
    }
    let name = parts.pop().unwrap_or_default();
    Path { schema: parts.pop(), name }
}

/// The types of a table for which Diesel has none.
fn paths(table: &Table) -> impl Iterator<Item = Path> {
    table.columns.iter().filter_map(|column| {
        let mut ty = &column.ty;
        while let Type::Array(item) = ty {
            ty = item;
        }
        let Type::Other(sql) = ty else { return None };
        if let Base::Custom(path, _) = base(table, sql) { Some(path) } else { None }
    })
}

/// A type in the database's words.
fn sql(ty: &Type) -> String {
    match ty {
        Type::Array(item) => sql(item) + "[]",
        Type::Text { max_length: Some(length) } => format!("varchar({length})"),
        other => other.to_string(),
    }
}

fn camel_case(name: &str) -> String {
    let words = name.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let ident: String = words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect();
    if ident.starts_with(|first: char| first.is_ascii_alphabetic()) { ident } else { format!("Type{ident}") }
}
