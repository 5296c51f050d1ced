//! How PostgreSQL writes names, values, types and defaults, and how this library reads them back.

use crate::schema::{Action, Column, DefaultValue, Type};
use crate::table_path::split;
use crate::text::literal;

/// Every keyword that PostgreSQL itself quotes when it is a name.
const KEYWORDS: &str = " all analyse analyze and any array as asc asymmetric authorization between bigint binary bit \
    boolean both case cast char character check coalesce collate collation column concurrently constraint create cross \
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec decimal \
    default deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full \
    grant greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull \
    join lateral leading least left like limit localtime localtimestamp national natural nchar none normalize not \
    notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision primary \
    real references returning right row select session_user setof similar smallint some substring symmetric table \
    tablesample then time timestamp to trailing treat trim true union unique user using values varchar variadic verbose \
    when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot \
    xmlserialize xmltable ";

/// The name, in quotes where it needs them.
pub(super) fn quote(name: &str) -> String {
    let is_plain = name.starts_with(|char: char| char.is_ascii_lowercase() || char == '_')
        && name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_');
    if is_plain && !KEYWORDS.contains(&format!(" {name} ")) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The table of that path.
pub(super) fn quote_table(path: &str) -> String {
    let (schema, name) = split(path);
    schema.map_or_else(|| quote(&name), |schema| format!("{}.{}", quote(&schema), quote(&name)))
}

/// The names, separated by commas.
pub(super) fn quote_all<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

/// Diesel's types beyond those that every database has, and what PostgreSQL calls them.
const DIESEL: [(&str, &str); 27] = [
    ("Numeric", "numeric"),
    ("Timestamptz", "timestamp with time zone"),
    ("Interval", "interval"),
    ("Json", "json"),
    ("Jsonb", "jsonb"),
    ("Uuid", "uuid"),
    ("Inet", "inet"),
    ("Cidr", "cidr"),
    ("MacAddr", "macaddr"),
    ("MacAddr8", "macaddr8"),
    ("Money", "money"),
    ("Oid", "oid"),
    ("PgLsn", "pg_lsn"),
    ("CChar", "\"char\""),
    ("Citext", "citext"),
    ("Int4range", "int4range"),
    ("Int8range", "int8range"),
    ("Numrange", "numrange"),
    ("Tsrange", "tsrange"),
    ("Tstzrange", "tstzrange"),
    ("Daterange", "daterange"),
    ("Int4multirange", "int4multirange"),
    ("Int8multirange", "int8multirange"),
    ("Nummultirange", "nummultirange"),
    ("Tsmultirange", "tsmultirange"),
    ("Tstzmultirange", "tstzmultirange"),
    ("Datemultirange", "datemultirange"),
];

/// Whether PostgreSQL has the type.
pub(super) fn has_type(ty: &Type) -> bool {
    match ty {
        Type::Diesel(name) => DIESEL.iter().any(|(own, _)| own == name),
        Type::Array(item) => has_type(item),
        Type::Custom { postgres, .. } => postgres.is_some(),
        _ => true,
    }
}

pub(super) fn type_sql(ty: &Type) -> String {
    match ty {
        Type::Diesel(name) => DIESEL.iter().find(|(own, _)| own == name).map_or(*name, |(_, sql)| sql).to_owned(),
        Type::Array(item) => type_sql(item) + "[]",
        Type::Custom { name, postgres, .. } => postgres.as_ref().unwrap_or(name).clone(),
        Type::SmallInt => "SMALLINT".into(),
        Type::Integer => "INTEGER".into(),
        Type::BigInt => "BIGINT".into(),
        Type::Float => "REAL".into(),
        Type::Double => "DOUBLE PRECISION".into(),
        Type::Text { max_length: None } => "TEXT".into(),
        Type::Text { max_length: Some(length) } => format!("VARCHAR({length})"),
        Type::Binary => "BYTEA".into(),
        Type::Bool => "BOOLEAN".into(),
        Type::Date => "DATE".into(),
        Type::Time => "TIME".into(),
        Type::Timestamp => "TIMESTAMP".into(),
        Type::Other(name) => name.clone(),
    }
}

/// The type that `format_type` describes.
pub(super) fn read_type(text: &str) -> Type {
    match text {
        "smallint" => Type::SmallInt,
        "integer" => Type::Integer,
        "bigint" => Type::BigInt,
        "real" => Type::Float,
        "double precision" => Type::Double,
        "text" | "character varying" => Type::Text { max_length: None },
        "bytea" => Type::Binary,
        "boolean" => Type::Bool,
        "date" => Type::Date,
        "time without time zone" => Type::Time,
        "timestamp without time zone" => Type::Timestamp,
        other => {
            if let Some(item) = other.strip_suffix("[]") {
                return Type::Array(Box::new(read_type(item)));
            }
            if let Some((name, _)) = DIESEL.iter().find(|(_, sql)| *sql == other) {
                return Type::Diesel(name);
            }
            let length = other.strip_prefix("character varying(").and_then(|rest| rest.strip_suffix(')'));
            match length.and_then(|length| length.parse().ok()) {
                Some(length) => Type::Text { max_length: Some(length) },
                None => Type::Other(other.to_owned()),
            }
        }
    }
}

/// The type without the precision, fields or length that Diesel's name for it does not say: `numeric(10,2)`,
/// `timestamp(3) without time zone`, an array of `character varying(20)`.
pub(super) fn without_modifiers(ty: &Type) -> Type {
    match ty {
        Type::Array(item) => Type::Array(Box::new(match without_modifiers(item) {
            Type::Text { .. } => Type::Text { max_length: None },
            other => other,
        })),
        Type::Other(text) if text.starts_with("interval") => Type::Diesel("Interval"),
        Type::Other(text) => {
            // What stands in quotes is a name.
            let (name, rest) = text.split_at(text.rfind('"').map_or(0, |quote| quote + 1));
            match (rest.split_once('('), rest.split_once(')')) {
                (Some((before, _)), Some((_, after))) => read_type(&format!("{name}{before}{after}")),
                _ => ty.clone(),
            }
        }
        other => other.clone(),
    }
}

pub(super) fn default_sql(value: &DefaultValue, ty: &Type) -> String {
    match value {
        DefaultValue::Text(text) => literal(text),
        DefaultValue::Bool(value) => value.to_string().to_uppercase(),
        DefaultValue::Now => match ty {
            Type::Date => "(now() AT TIME ZONE 'utc')::date".into(),
            Type::Time => "(now() AT TIME ZONE 'utc')::time".into(),
            Type::Timestamp => "(now() AT TIME ZONE 'utc')".into(),
            _ => "now()".into(),
        },
        // Operators need parentheses.
        DefaultValue::Sql(text) if text.contains(' ') && !text.starts_with('(') => format!("({text})"),
        DefaultValue::Number(text) | DefaultValue::Sql(text) => text.clone(),
    }
}

/// The text of a block or a function in dollar signs, which no name in it ends.
pub(super) fn dollar_quoted(text: &str) -> String {
    let mut tag = "$$".to_owned();
    while text.contains(&tag) {
        tag.insert(1, '_');
    }
    format!("{tag}{text}{tag}")
}

/// The default that `pg_get_expr` shows; one of NULL is none.
pub(super) fn default_of(text: &str, ty: &Type) -> Option<DefaultValue> {
    (!text.starts_with("NULL::")).then(|| read_default(text, ty))
}

/// The value that `pg_get_expr` shows as a default.
fn read_default(text: &str, ty: &Type) -> DefaultValue {
    if is_now(text, ty) {
        return DefaultValue::Now;
    }
    if let Ok(value) = text.parse() {
        return DefaultValue::Bool(value);
    }
    let quoted = text.rsplit_once("'::").and_then(|(value, _)| value.strip_prefix('\''));
    let quoted = quoted.filter(|value| !value.replace("''", "").contains('\'')).map(|value| value.replace("''", "'"));
    let has_text = matches!(ty, Type::Text { .. } | Type::Date | Type::Time | Type::Timestamp);
    match quoted {
        None if is_number(text) => DefaultValue::Number(text.to_owned()),
        Some(value) if has_text => DefaultValue::Text(value),
        Some(value) if has_numbers(ty) && is_number(&value) => DefaultValue::Number(value),
        _ => DefaultValue::Sql(text.to_owned()),
    }
}

/// Whether PostgreSQL shows that text for the value that is read from it when it stands alone in a definition of a column
/// of that type: `2`, not `'2'::bigint`.
pub(super) fn is_usual_default(text: &str, value: Option<&DefaultValue>, ty: &str) -> bool {
    let cast = text.rsplit_once("'::").map(|(_, cast)| cast);
    match value {
        None => !text.starts_with("NULL::"),
        Some(DefaultValue::Number(number)) => cast.is_none_or(|cast| {
            number.starts_with('-')
                && match (number.parse::<i32>(), number.parse::<i64>()) {
                    (Ok(_), _) => cast == "integer",
                    (_, Ok(_)) => cast == "bigint",
                    _ => cast == "numeric",
                }
        }),
        Some(DefaultValue::Text(_)) => cast == ty.split('(').next(),
        Some(DefaultValue::Now) => is_utc(text) || text == "now()" && ty == "timestamp with time zone",
        Some(_) => true,
    }
}

/// Whether a value in quotes may be one without: `'-5'::integer`, but not `'5'::jsonb` or `'101'::"bit"`.
fn has_numbers(ty: &Type) -> bool {
    match ty {
        Type::SmallInt | Type::Integer | Type::BigInt | Type::Float | Type::Double => true,
        Type::Diesel(name) => *name == "Numeric",
        Type::Other(sql) => sql.starts_with("numeric("),
        _ => false,
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_now(text: &str, ty: &Type) -> bool {
    let text = text.to_lowercase();
    match ty {
        Type::Date | Type::Time | Type::Timestamp if is_utc(&text) => true,
        Type::Date => text == "current_date",
        Type::Time => matches!(text.as_str(), "current_time" | "localtime"),
        Type::Timestamp => matches!(text.as_str(), "now()" | "current_timestamp" | "localtimestamp"),
        Type::Diesel("Timestamptz") => matches!(text.as_str(), "now()" | "current_timestamp"),
        _ => false,
    }
}

/// Whether the text of a default is the current time in UTC, not in the time zone of the session.
fn is_utc(text: &str) -> bool {
    let text = text.to_lowercase();
    let bare = text.split("::date").next().unwrap_or_default().split("::time without").next().unwrap_or_default();
    matches!(bare.trim_matches(['(', ')']), "now() at time zone 'utc'::text" | "timezone('utc'::text, now")
}

/// The value that a downgrade writes where a column may not be NULL and no value is known; `None` where no value of the
/// type is known either.
pub(super) fn filler(column: &Column) -> Option<String> {
    let value = match &column.ty {
        Type::Text { .. } => "''",
        Type::Binary => "'\\x'",
        Type::Bool => "FALSE",
        Type::Date => "'1970-01-01'",
        Type::Time => "'00:00:00'",
        Type::Timestamp | Type::Diesel("Timestamptz") => "'1970-01-01 00:00:00'",
        Type::Diesel("Uuid") => "'00000000-0000-0000-0000-000000000000'",
        Type::Diesel("Json" | "Jsonb") => "'null'",
        Type::Array(_) => "'{}'",
        Type::SmallInt | Type::Integer | Type::BigInt | Type::Float | Type::Double | Type::Diesel("Numeric") => "0",
        Type::Other(name) if name.starts_with("numeric(") => "0",
        Type::Diesel(_) | Type::Custom { .. } | Type::Other(_) => return None,
    };
    Some(column.default.as_ref().map_or_else(|| value.to_owned(), |default| default_sql(default, &column.ty)))
}

/// `ON DELETE` and `ON UPDATE`, in the order in which PostgreSQL shows them.
pub(super) fn actions(on_delete: Action, on_update: Action) -> String {
    let clause = |event: &str, action: Action| match action {
        Action::NoAction => String::new(),
        other => format!(" ON {event} {}", other.to_string().to_uppercase()),
    };
    clause("UPDATE", on_update) + &clause("DELETE", on_delete)
}

/// The action that `pg_constraint` shows as a letter.
pub(super) fn read_action(letter: &str) -> Action {
    match letter {
        "r" => Action::Restrict,
        "c" => Action::Cascade,
        "n" => Action::SetNull,
        "d" => Action::SetDefault,
        _ => Action::NoAction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_a_text_in_dollar_signs() {
        assert_eq!(dollar_quoted("x"), "$$x$$");
        assert_eq!(dollar_quoted(r#""a$$b" "$_$""#), r#"$__$"a$$b" "$_$"$__$"#);
    }

    #[test]
    fn defaults_are_read_as_values() {
        let text = Type::Text { max_length: None };
        let read = |text, ty: &Type| read_default(text, ty).to_string();
        assert_eq!(read("'-1'::integer", &Type::Integer), "-1");
        assert_eq!(read("'it''s'::character varying", &text), "'it''s'");
        assert_eq!(read("'5'::text", &text), "'5'");
        assert_eq!(read("(now() AT TIME ZONE 'utc'::text)", &Type::Timestamp), "now");
        assert_eq!(read("((now() AT TIME ZONE 'utc'::text))::date", &Type::Date), "now");
        assert_eq!(read("timezone('utc'::text, now())", &Type::Timestamp), "now");
        assert_eq!(read("('a'::text || 'b'::text)", &text), "('a'::text || 'b'::text)");
        assert_eq!(read("lower('A'::text)", &text), "lower('A'::text)");
    }

    #[test]
    fn keywords_and_capitals_are_quoted() {
        assert_eq!(["users", "user", "Users", "a b"].map(quote), ["users", "\"user\"", "\"Users\"", "\"a b\""]);
    }
}
