//! Declared types and defaults: what SQLite makes of them, and how they are written.

use super::{canonical, is_bare_name, tidy, tokens};
use crate::schema::{DefaultValue, Storage, Type};
use crate::text::literal;

/// The type that a declared type stands for: as `diesel print-schema` reads it, and the length in its parentheses.
pub(crate) fn column_type(declared: &str) -> Type {
    let name = declared.to_ascii_lowercase();
    let has = |part: &str| name.contains(part);
    if name == "boolean" || name == "bool" || has("tiny") && has("int") {
        Type::Bool
    } else if name == "int2" || has("small") && has("int") {
        Type::SmallInt
    } else if name == "int8" || has("big") && has("int") {
        Type::BigInt
    } else if has("int") {
        Type::Integer
    } else if has("char") || has("clob") || has("text") {
        Type::Text { max_length: length(&name) }
    } else if has("blob") || has("binary") || name.is_empty() {
        Type::Binary
    } else if has("float") || has("real") {
        Type::Float
    } else if has("double") || has("num") || has("dec") {
        Type::Double
    } else {
        match name.as_str() {
            "datetime" | "timestamp" => Type::Timestamp,
            "date" => Type::Date,
            "time" => Type::Time,
            _ => Type::Other(declared.to_owned()),
        }
    }
}

/// The type by which SQLite stores a type of the models; `None` where it has none.
pub(crate) fn stored_type(ty: &Type) -> Option<Type> {
    Some(match ty {
        Type::Diesel("Numeric") => Type::Double,
        Type::Diesel("TimestamptzSqlite") => Type::Timestamp,
        Type::Diesel("Json") => Type::Text { max_length: None },
        Type::Diesel("Jsonb") => Type::Binary,
        Type::Diesel(_) | Type::Array(_) => return None,
        Type::Custom { sqlite, .. } => match sqlite.as_deref()? {
            "SmallInt" => Type::SmallInt,
            "Integer" => Type::Integer,
            "Long" => Type::BigInt,
            "Float" => Type::Float,
            "Double" => Type::Double,
            "Text" => Type::Text { max_length: None },
            "Binary" => Type::Binary,
            _ => return None,
        },
        Type::Other(declared) => column_type(declared),
        shared => shared.clone(),
    })
}

/// Whether a column of the models may stay as it is declared: Diesel reads the declared type as the model's, or the
/// declared type has the model's name and holds its values.
pub(crate) fn may_stay(model: &Type, live: &Type) -> bool {
    match (model, live) {
        // An INTEGER of SQLite has 64 bits, and a length is not enforced.
        (Type::BigInt, Type::Integer) | (Type::Text { max_length: None }, Type::Text { .. }) => true,
        (model, Type::Other(declared)) => {
            let name = model.to_string();
            name.strip_suffix("Sqlite").unwrap_or(&name).eq_ignore_ascii_case(declared)
        }
        _ => false,
    }
}

/// The length in a declared type, where models can state it too. SQLite itself does not regard it.
fn length(name: &str) -> Option<u32> {
    let (_, rest) = name.split_once('(')?;
    rest.split_once(')')?.0.trim().parse().ok().filter(|length| (1..=10_485_760).contains(length))
}

/// The declared type that reads back as this type, or as the nearest one that a STRICT table allows. A sole integer key
/// is always INTEGER: SQLite numbers the rows of no other.
pub(crate) fn declared_type(ty: &Type, is_key: bool, is_strict: bool) -> String {
    let declared = match ty {
        Type::SmallInt | Type::Integer | Type::BigInt if is_key => "INTEGER",
        Type::SmallInt | Type::BigInt | Type::Bool if is_strict => "INTEGER",
        Type::Float | Type::Double if is_strict => "REAL",
        Type::Text { .. } | Type::Date | Type::Time | Type::Timestamp if is_strict => "TEXT",
        Type::SmallInt => "SMALLINT",
        Type::Integer => "INTEGER",
        Type::BigInt => "BIGINT",
        Type::Float => "FLOAT",
        Type::Double => "DOUBLE",
        Type::Text { max_length: None } => "TEXT",
        Type::Text { max_length: Some(length) } => return format!("VARCHAR({length})"),
        Type::Binary => "BLOB",
        Type::Bool => "BOOLEAN",
        Type::Date => "DATE",
        Type::Time => "TIME",
        Type::Timestamp => "TIMESTAMP",
        Type::Other(name) => name,
        other => return other.to_string(),
    };
    declared.to_owned()
}

/// How SQLite stores the values of a column:
/// <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>.
pub(crate) fn storage(declared: &str, is_strict: bool) -> Storage {
    let declared = declared.to_ascii_uppercase();
    let has = |part: &str| declared.contains(part);
    if has("INT") {
        Storage::Numeric
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Storage::Text
    } else if has("BLOB") || declared.is_empty() || is_strict && declared == "ANY" {
        Storage::Any
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Storage::Real
    } else {
        Storage::Numeric
    }
}

/// The value that the text after DEFAULT stands for; `None` for NULL, which says nothing.
pub(crate) fn default_value(text: &str, ty: &Type) -> Option<DefaultValue> {
    let bare = canonical(text);
    let number = bare.replace(' ', "");
    let number = number.strip_prefix('+').unwrap_or(&number).to_owned();
    match bare.as_str() {
        "null" => return None,
        "current_timestamp" if *ty == Type::Timestamp => return Some(DefaultValue::Now),
        "current_date" if *ty == Type::Date => return Some(DefaultValue::Now),
        "current_time" if *ty == Type::Time => return Some(DefaultValue::Now),
        "true" | "1" if *ty == Type::Bool => return Some(DefaultValue::Bool(true)),
        "false" | "0" if *ty == Type::Bool => return Some(DefaultValue::Bool(false)),
        _ => {}
    }
    if number.parse::<f64>().is_ok_and(f64::is_finite) && !number.contains(|char: char| char.is_alphabetic()) {
        return Some(DefaultValue::Number(number));
    }
    // SQLite takes a name for a text where no column can stand, in quotes or not.
    if let Ok([token]) = tokens(text).as_deref()
        && (token.text.starts_with(['"', '[', '`']) || is_bare_name(token.text))
    {
        return Some(DefaultValue::Text(token.name()));
    }
    Some(match bare.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) if !inner.replace("''", "").contains('\'') => DefaultValue::Text(inner.replace("''", "'")),
        _ => DefaultValue::Sql(tidy(text)),
    })
}

/// A default as a column's definition writes it.
pub(crate) fn default_sql(value: &DefaultValue, ty: &Type) -> String {
    match value {
        DefaultValue::Number(number) => number.clone(),
        DefaultValue::Text(text) => literal(text),
        DefaultValue::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        DefaultValue::Now => match ty {
            Type::Date => "CURRENT_DATE",
            Type::Time => "CURRENT_TIME",
            _ => "CURRENT_TIMESTAMP",
        }
        .to_owned(),
        DefaultValue::Sql(sql) => format!("({sql})"),
    }
}
