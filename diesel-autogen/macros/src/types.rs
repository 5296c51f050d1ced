//! The types that a column may have: those that SQLite and PostgreSQL share in Diesel.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{GenericArgument, Ident, PathArguments, PathSegment, Type, TypePath};

use crate::errors::{did_you_mean, list};

/// A type without its NULL and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// Each kind under the names that Diesel has for it, its own first.
const NAMES: [(Kind, &[&str]); 11] = [
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

impl Kind {
    /// The kind that Diesel calls by this name.
    fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, names)| names.contains(&name)).map(|(kind, _)| *kind)
    }

    /// Diesel's own name for it, which is also the name of its variant in `diesel_autogen::schema::Type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SmallInt => "SmallInt",
            Self::Integer => "Integer",
            Self::BigInt => "BigInt",
            Self::Float => "Float",
            Self::Double => "Double",
            Self::Text => "Text",
            Self::Binary => "Binary",
            Self::Bool => "Bool",
            Self::Date => "Date",
            Self::Time => "Time",
            Self::Timestamp => "Timestamp",
        }
    }
}

/// The type of one column.
pub struct ColumnType {
    pub kind: Kind,
    pub nullable: bool,
    /// Where its name is written.
    pub span: Span,
}

impl ColumnType {
    /// Reads `Integer`, `Nullable<Integer>`, `diesel::sql_types::Integer`.
    pub fn read(path: &TypePath) -> syn::Result<Self> {
        let inner = nullable_inner(path)?;
        let (kind, span) = read_kind(inner.unwrap_or(path))?;
        Ok(Self { kind, nullable: inner.is_some(), span })
    }

    /// The type in Diesel's words. The full path needs no `use` in the table and cannot meet another type of the
    /// same name.
    pub fn diesel(&self) -> TokenStream {
        let name = Ident::new(self.kind.name(), self.span);
        let ty = quote_spanned!(self.span=> ::diesel::sql_types::#name);
        if self.nullable { quote!(::diesel::sql_types::Nullable<#ty>) } else { ty }
    }
}

/// What stands in `Nullable<…>`, or `None` when the type is not nullable.
fn nullable_inner(path: &TypePath) -> syn::Result<Option<&TypePath>> {
    let Some(segment) = last(path).filter(|segment| segment.ident == "Nullable") else { return Ok(None) };
    if let PathArguments::AngleBracketed(arguments) = &segment.arguments
        && let [GenericArgument::Type(Type::Path(inner))] = arguments.args.iter().collect::<Vec<_>>().as_slice()
    {
        return Ok(Some(inner));
    }
    Err(syn::Error::new_spanned(path, "`Nullable` takes one type: `Nullable<Integer>`"))
}

/// The kind, and where it is named.
fn read_kind(path: &TypePath) -> syn::Result<(Kind, Span)> {
    let mut name = String::new();
    if let Some(segment) = last(path) {
        name = segment.ident.to_string();
        if let Some(kind) = Kind::named(&name).filter(|_| segment.arguments.is_none() && path.qself.is_none()) {
            return Ok((kind, segment.ident.span()));
        }
    }
    let hint = match name.as_str() {
        "Timestamptz" | "TimestamptzSqlite" => "; SQLite has no time zones: store UTC in a `Timestamp`".to_owned(),
        "Nullable" => "; `Nullable` cannot stand in `Nullable`".to_owned(),
        _ => did_you_mean(&name, NAMES.iter().flat_map(|(_, names)| names.iter())),
    };
    let allowed = list(NAMES.iter().map(|(kind, _)| kind.name()));
    Err(syn::Error::new_spanned(
        path,
        format!(
            "a column cannot have this type{hint} (allowed: {allowed}, Diesel's other names for these, such as `VarChar` \
             and `Int8`, and `Nullable<…>` of each)"
        ),
    ))
}

fn last(path: &TypePath) -> Option<&PathSegment> {
    path.path.segments.last()
}

#[cfg(test)]
mod tests {
    use super::{Kind, NAMES};

    #[test]
    fn the_first_name_of_a_kind_is_its_own() {
        for (kind, names) in NAMES {
            assert_eq!(names[0], kind.name());
            assert_eq!(Kind::named(names[0]), Some(kind));
        }
    }
}
