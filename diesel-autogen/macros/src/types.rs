//! The types that a column may have: Diesel's own, arrays of them, and those that the program defines.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, Item, ItemMod, LitStr, PathArguments, PathSegment, Type, TypePath};

use crate::errors::{did_you_mean, list};

/// A type without its NULL and its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    SmallInt,
    Integer,
    BigInt,
    Float,
    Double,
    Text,
    Binary,
    Bool,
    Date,
    Time,
    Timestamp,
    /// Another type of Diesel's, by Diesel's name.
    Diesel(&'static str),
    /// A type of PostgreSQL that is `Text` or `Binary` in Diesel: the name in SQL.
    Sql(&'static str),
    Array(Box<Kind>),
    Custom(Custom),
}

/// A type that the program defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    pub name: String,
    /// The type on PostgreSQL, as SQL writes it.
    pub postgres: Option<String>,
    /// The type by which SQLite stores it.
    pub sqlite: Option<String>,
}

/// The kinds that both databases have under the names that Diesel has for them, its own first.
const SHARED: [(Kind, &[&str]); 11] = [
    (Kind::SmallInt, &["SmallInt", "Int2", "SmallSerial", "Smallint"]),
    (Kind::Integer, &["Integer", "Int4", "Serial"]),
    (Kind::BigInt, &["BigInt", "Int8", "BigSerial", "Bigint"]),
    (Kind::Float, &["Float", "Float4"]),
    (Kind::Double, &["Double", "Float8"]),
    (Kind::Text, &["Text", "VarChar", "Varchar"]),
    (Kind::Binary, &["Binary", "Bytea", "Blob"]),
    (Kind::Bool, &["Bool"]),
    (Kind::Date, &["Date"]),
    (Kind::Time, &["Time"]),
    (Kind::Timestamp, &["Timestamp"]),
];

/// The other types of Diesel's that a column may have.
const DIESEL: [&str; 28] = [
    "CChar",
    "Cidr",
    "Citext",
    "Datemultirange",
    "Daterange",
    "Inet",
    "Int4multirange",
    "Int4range",
    "Int8multirange",
    "Int8range",
    "Interval",
    "Json",
    "Jsonb",
    "MacAddr",
    "MacAddr8",
    "Money",
    "Numeric",
    "Nummultirange",
    "Numrange",
    "Oid",
    "PgLsn",
    "Timestamptz",
    "TimestamptzSqlite",
    "Tsmultirange",
    "Tsrange",
    "Tstzmultirange",
    "Tstzrange",
    "Uuid",
];

impl Kind {
    /// The kind that Diesel calls by this name.
    fn named(name: &str) -> Option<Self> {
        let other = match name {
            "Bpchar" => Some(Self::Sql("bpchar")),
            "Bit" => Some(Self::Sql("bit")),
            "Decimal" => Some(Self::Diesel("Numeric")),
            "Macaddr" => Some(Self::Diesel("MacAddr")),
            "Macaddr8" => Some(Self::Diesel("MacAddr8")),
            _ => DIESEL.into_iter().find(|own| *own == name).map(Self::Diesel),
        };
        other.or_else(|| SHARED.into_iter().find(|(_, names)| names.contains(&name)).map(|(kind, _)| kind))
    }

    /// The range, or multirange, of values of this kind.
    fn range(&self, suffix: &str) -> Option<Self> {
        let prefix = match self {
            Self::Integer => "Int4",
            Self::BigInt => "Int8",
            Self::Date => "Date",
            Self::Diesel("Numeric") => "Num",
            Self::Timestamp => "Ts",
            Self::Diesel("Timestamptz") => "Tstz",
            _ => return None,
        };
        Self::named(&format!("{prefix}{suffix}"))
    }

    /// Its name in Diesel, or in the program.
    pub fn name(&self) -> String {
        match self {
            Self::Diesel(name) => (*name).to_owned(),
            Self::Sql("bit") => "Bit".to_owned(),
            Self::Sql(_) => "Bpchar".to_owned(),
            Self::Array(item) => format!("Array<{}>", item.name()),
            Self::Custom(custom) => custom.name.clone(),
            shared => format!("{shared:?}"),
        }
    }

    /// Whether a foreign key may lead from a column of this kind to one of the other.
    pub fn may_refer_to(&self, other: &Self) -> bool {
        let family = |kind: &Self| match kind {
            Self::SmallInt | Self::Integer | Self::BigInt => "integer".to_owned(),
            Self::Float | Self::Double | Self::Diesel("Numeric") => "number".to_owned(),
            Self::Text | Self::Sql("bpchar") | Self::Diesel("Citext") => "text".to_owned(),
            other => other.name(),
        };
        family(self) == family(other)
    }
}

/// The type of one column.
pub struct ColumnType {
    pub kind: Kind,
    pub nullable: bool,
    /// The type in Diesel's words, with its NULL.
    pub diesel: TokenStream,
}

impl ColumnType {
    /// Reads `Integer`, `Nullable<Integer>`, `diesel::sql_types::Integer`, or one of the program's own types. A type
    /// whose name in the database is stated may be any other, too.
    pub fn read(path: &TypePath, customs: &[Custom], is_stated: bool) -> syn::Result<Self> {
        let inner = argument(path, "Nullable")?;
        let reader = Reader { customs, is_stated };
        let (kind, diesel) = reader.read(inner.unwrap_or(path))?;
        let diesel = if inner.is_some() { quote!(::diesel::sql_types::Nullable<#diesel>) } else { diesel };
        Ok(Self { kind, nullable: inner.is_some(), diesel })
    }
}

struct Reader<'a> {
    customs: &'a [Custom],
    is_stated: bool,
}

impl Reader<'_> {
    /// The kind, and the type in Diesel's words. The full path of a type of Diesel's needs no `use` in the table and
    /// cannot meet another type of the same name.
    fn read(&self, path: &TypePath) -> syn::Result<(Kind, TokenStream)> {
        if let Some(item) = argument(path, "Array")? {
            let inner = argument(item, "Nullable")?;
            let (kind, mut diesel) = self.read(inner.unwrap_or(item))?;
            if inner.is_some() {
                diesel = quote!(::diesel::sql_types::Nullable<#diesel>);
            }
            return Ok((Kind::Array(Box::new(kind)), quote!(::diesel::sql_types::Array<#diesel>)));
        }
        for (name, suffix) in [("Range", "range"), ("Multirange", "multirange")] {
            if let Some(item) = argument(path, name)? {
                let kind = self.read(item)?.0.range(suffix).ok_or_else(|| self.unknown(path))?;
                return Ok((kind.clone(), diesel_type(&kind.name(), path.span())));
            }
        }
        let segment = last(path).filter(|segment| segment.arguments.is_none() && path.qself.is_none());
        let Some(segment) = segment else { return Err(self.unknown(path)) };
        let (name, span) = (segment.ident.to_string(), segment.ident.span());
        let is_diesels = path.path.segments.first().is_some_and(|first| first.ident == "diesel");
        if let Some(custom) = self.customs.iter().find(|custom| custom.name == name && !is_diesels) {
            return Ok((Kind::Custom(custom.clone()), path.to_token_stream()));
        }
        match Kind::named(&name) {
            Some(kind @ Kind::Sql(sql)) => Ok((kind, diesel_type(if sql == "bit" { "Binary" } else { "Text" }, span))),
            Some(kind) => Ok((kind.clone(), diesel_type(&kind.name(), span))),
            None if self.is_stated => {
                Ok((Kind::Custom(Custom { name, postgres: None, sqlite: None }), path.to_token_stream()))
            }
            None => Err(self.unknown(path)),
        }
    }

    fn unknown(&self, path: &TypePath) -> syn::Error {
        let name = last(path).map(|segment| segment.ident.to_string()).unwrap_or_default();
        let known = SHARED.into_iter().flat_map(|(_, names)| names).copied().chain(DIESEL);
        let known = known.chain(self.customs.iter().map(|custom| custom.name.as_str()));
        let problem = match name.as_str() {
            "Nullable" => "`Nullable` stands around the whole type, or around the type in an `Array`".to_owned(),
            "Char" => "`Char` is `Text` in Diesel and \"char\" in PostgreSQL: write `Text` or `CChar`".to_owned(),
            "Range" | "Multirange" => {
                let of = ["Integer", "BigInt", "Numeric", "Date", "Timestamp", "Timestamptz"];
                format!("`{name}` takes one of {}", list(of))
            }
            _ => {
                const OWN: &str = "; define a type of your own in `pub mod sql_types` inside `schema!`, or name its type \
                                   in the database: `#[sql_type = \"…\"]`";
                let near = did_you_mean(&name, known);
                let hint = if near.is_empty() { OWN } else { &near };
                format!("Diesel has no type `{name}` for SQLite or PostgreSQL{hint}")
            }
        };
        syn::Error::new_spanned(path, problem)
    }
}

fn diesel_type(name: &str, span: Span) -> TokenStream {
    let name = Ident::new(name, span);
    quote_spanned!(span=> ::diesel::sql_types::#name)
}

/// What stands in `Nullable<…>`, or in another type of that name; `None` when the type has another name.
fn argument<'a>(path: &'a TypePath, name: &str) -> syn::Result<Option<&'a TypePath>> {
    let Some(segment) = last(path).filter(|segment| segment.ident == name) else { return Ok(None) };
    if let PathArguments::AngleBracketed(arguments) = &segment.arguments
        && let [GenericArgument::Type(Type::Path(inner))] = arguments.args.iter().collect::<Vec<_>>().as_slice()
    {
        return Ok(Some(inner));
    }
    Err(syn::Error::new_spanned(path, format!("`{name}` takes one type: `{name}<Integer>`")))
}

fn last(path: &TypePath) -> Option<&PathSegment> {
    path.path.segments.last()
}

/// The types that a module defines, by their `#[diesel(postgres_type(…))]` and `#[diesel(sqlite_type(…))]`.
pub fn customs(module: &ItemMod) -> syn::Result<Vec<Custom>> {
    let mut customs = Vec::new();
    for item in module.content.iter().flat_map(|(_, items)| items) {
        let Item::Struct(item) = item else { continue };
        let mut custom = Custom { name: item.ident.to_string(), postgres: None, sqlite: None };
        for attribute in item.attrs.iter().filter(|attribute| attribute.path().is_ident("diesel")) {
            attribute.parse_nested_meta(|meta| {
                let (mut name, mut schema) = (None, None);
                let is_type = meta.path.is_ident("postgres_type") || meta.path.is_ident("sqlite_type");
                if meta.input.peek(syn::token::Paren) {
                    meta.parse_nested_meta(|option| {
                        let value: syn::Lit = option.value()?.parse()?;
                        match value {
                            syn::Lit::Str(text) if option.path.is_ident("name") => name = Some(text),
                            syn::Lit::Str(text) if option.path.is_ident("schema") => schema = Some(text),
                            _ => {}
                        }
                        Ok(())
                    })?;
                }
                if is_type && meta.path.is_ident("sqlite_type") {
                    custom.sqlite = name.map(|name| name.value());
                } else if is_type {
                    custom.postgres = name.map(|name| postgres_name(schema.as_ref(), &name));
                }
                Ok(())
            })?;
        }
        customs.push(custom);
    }
    Ok(customs)
}

fn postgres_name(schema: Option<&LitStr>, name: &LitStr) -> String {
    let quoted = |part: &LitStr| format!("\"{}\"", part.value().replace('"', "\"\""));
    let schema = schema.map(|schema| quoted(schema) + ".").unwrap_or_default();
    schema + &quoted(name)
}

#[cfg(test)]
mod tests {
    use super::{DIESEL, Kind, SHARED};

    #[test]
    fn the_first_name_of_a_kind_is_its_own() {
        for (kind, names) in SHARED {
            assert_eq!(names[0], kind.name());
            assert_eq!(Kind::named(names[0]), Some(kind));
        }
        for name in DIESEL {
            assert_eq!(Kind::named(name), Some(Kind::Diesel(name)));
        }
    }
}
