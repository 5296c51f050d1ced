//! Which conversions between types may lose values, and the SQL of the conversion.

use super::sql::{type_sql, without_modifiers};
use crate::kept::differs_in_kind;
use crate::schema::{Column, Type};

/// Whether the conversion between two columns may lose values.
pub(super) fn loses(from: &Column, to: &Column) -> bool {
    let is_shorter = match (&from.ty, &to.ty) {
        (Type::Text { max_length: old }, Type::Text { max_length: Some(new) }) => old.is_none_or(|old| old > *new),
        _ => false,
    };
    let is_other = matches!(from.ty, Type::Diesel(_) | Type::Array(_) | Type::Other(_));
    let is_narrower = from.ty != to.ty && (is_other || fits("value", &from.ty, &to.ty).is_some());
    differs_in_kind(from, to) || is_shorter || is_narrower && !is_strict(from, to)
}

/// Whether a value that does not fit fails the migration, because nothing could take its place: an integer that is never
/// NULL, such as a key.
pub(super) fn is_strict(from: &Column, to: &Column) -> bool {
    bits(&from.ty).is_some() && bits(&to.ty).is_some() && !from.nullable && !to.nullable
}

/// Whether every value becomes the same value of the other type, and no conversion fails.
pub(super) fn keeps_every_value(from: &Type, to: &Type) -> bool {
    let is_number = |ty: &Type| bits(ty).is_some() || is_real(ty);
    match (from, to) {
        _ if fits("value", from, to).is_some() => false,
        (Type::Text { max_length: old }, Type::Text { max_length: Some(new) }) => old.is_some_and(|old| old <= *new),
        // Not all bytes are UTF-8, and a number of 64 bits gets 15 digits.
        (Type::Binary, Type::Text { .. }) => false,
        (Type::Float | Type::Double, to) if is_numeric(to) => false,
        (_, Type::Text { max_length: None })
        | (Type::Text { .. }, Type::Binary)
        | (Type::Date | Type::Diesel("Timestamptz"), Type::Timestamp)
        | (Type::Date | Type::Timestamp, Type::Diesel("Timestamptz")) => true,
        (from, to) => is_number(to) && (is_number(from) || *from == Type::Bool),
    }
}

/// The condition under which a value becomes the same value of the other type; `None` where every value does.
pub(super) fn fits(name: &str, from: &Type, to: &Type) -> Option<String> {
    if let Some(fits) = fits_modifiers(name, from, to) {
        return Some(fits);
    }
    match (from, to) {
        (from, Type::Float | Type::Double) if is_numeric(from) => {
            Some(format!("{name}::{}::numeric = {name}", type_sql(to).to_lowercase()))
        }
        // Every number of up to 53 bits has an exact DOUBLE PRECISION, and one of up to 24 bits an exact REAL.
        (Type::BigInt, Type::Double) => Some(format!("{name}::double precision::numeric = {name}")),
        (Type::Integer | Type::BigInt, Type::Float) => Some(format!("{name}::real::numeric = {name}")),
        (Type::Double, Type::Float) => Some(format!("{name}::real::double precision = {name}")),
        (from, _) if is_real(from) && bits(to).is_some() => {
            Some(format!("{name} = trunc({name}) AND {}", in_range(name, to)))
        }
        (_, Type::Bool) if bits(from).is_some() => Some(format!("{name} IN (0, 1)")),
        (Type::Timestamp, Type::Date) => Some(format!("{name} = {name}::date")),
        (Type::Diesel("Timestamptz"), Type::Date) => {
            Some(format!("{name} AT TIME ZONE 'UTC' = ({name} AT TIME ZONE 'UTC')::date"))
        }
        // A number counts as one only where it comes back as it was: '007' does not.
        (Type::Text { .. }, to) if !matches!(to, Type::Text { .. }) => {
            let readable = readable(name, from, to);
            let back = format!("{name}::{}::text = {name}", type_sql(to).to_lowercase());
            (!readable.is_empty()).then(|| case(&readable, &back, Some("FALSE")))
        }
        _ => readable(name, from, to).pop(),
    }
}

/// The same for a type with a precision or length, to which a cast rounds or cuts; `None` where it does neither.
fn fits_modifiers(name: &str, from: &Type, to: &Type) -> Option<String> {
    let Type::Other(sql) = to else { return None };
    let modifiers = sql.split_once('(')?.1.split_once(')')?.0;
    if is_numeric(to) && (bits(from).is_some() || is_real(from)) {
        let (precision, scale) = modifiers.split_once(',').unwrap_or((modifiers, "0"));
        let fits = format!("abs({name}::numeric) < 10::numeric ^ ({precision} - ({scale}))");
        return Some(format!("{fits} AND round({name}::numeric, {scale}) = {name}::numeric"));
    }
    let is_cut = without_modifiers(from) == without_modifiers(to);
    let is_text = matches!(from, Type::Text { .. }) && sql.starts_with("character(");
    (from != to && (is_cut || is_text)).then(|| format!("{name}::{sql} = {name}"))
}

/// The conditions, in order, under which a value can be converted at all; none where the database decides.
fn readable(name: &str, from: &Type, to: &Type) -> Vec<String> {
    const DATE: &str = "\\d{4}-\\d\\d-\\d\\d";
    const TIME: &str = "\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?";
    let is_like = |pattern: &str| vec![format!("{name} ~ '^\\s*{pattern}\\s*$'")];
    match (from, to) {
        _ if !is_castable(from, to) => vec!["FALSE".into()],
        (Type::Text { .. }, ty) if bits(ty).is_some() => {
            [is_like("[-+]?\\d+"), vec![in_range(&format!("{name}::numeric"), ty)]].concat()
        }
        (Type::Text { .. }, ty) if is_real(ty) => is_like("[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d\\d?)?"),
        (Type::Text { .. }, Type::Bool) => vec![format!("lower({name}) IN ('true', 'false', 't', 'f', '1', '0')")],
        (Type::Text { .. }, Type::Date) => is_like(DATE),
        (Type::Text { .. }, Type::Time) => is_like(TIME),
        (Type::Text { .. }, Type::Timestamp) => is_like(&format!("{DATE}([ T]{TIME})?")),
        (Type::Text { .. }, Type::Diesel("Uuid")) => is_like("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
        (from, ty) if is_real(from) && bits(ty).is_some() => vec![in_range(name, ty)],
        (from, to) if bits(from) > bits(to) && bits(to).is_some() => vec![in_range(name, to)],
        _ => Vec::new(),
    }
}

/// Whether PostgreSQL converts values of one type to the other. Types without a counterpart here may have a conversion.
fn is_castable(from: &Type, to: &Type) -> bool {
    let group = |ty: &Type| match ty {
        ty if bits(ty).is_some() || is_real(ty) || *ty == Type::Bool => "number",
        Type::Date | Type::Timestamp | Type::Diesel("Timestamptz") => "date",
        Type::Other(name) if name.starts_with("timestamp") => "date",
        Type::Time => "time",
        Type::Binary => "binary",
        Type::Text { .. } => "text",
        _ => "other",
    };
    let groups = (group(from), group(to));
    groups.0 == groups.1 || groups.0 == "text" || groups.1 == "text" || (from, to) == (&Type::Timestamp, &Type::Time)
}

/// The value where all conditions hold. PostgreSQL looks at them in this order in a CASE only, not with AND.
fn case(conditions: &[String], value: &str, otherwise: Option<&str>) -> String {
    let otherwise_or_null = otherwise.unwrap_or("NULL");
    let otherwise = otherwise.map_or(String::new(), |otherwise| format!(" ELSE {otherwise}"));
    match conditions {
        [never] if never == "FALSE" => otherwise_or_null.to_owned(),
        [like, fits] => {
            let unlike = like.replacen(" ~ ", " !~ ", 1);
            format!("CASE WHEN {unlike} THEN {otherwise_or_null} WHEN {fits} THEN {value}{otherwise} END")
        }
        conditions => format!("CASE WHEN {} THEN {value}{otherwise} END", conditions.join(" AND ")),
    }
}

fn bits(ty: &Type) -> Option<u32> {
    match ty {
        Type::SmallInt => Some(16),
        Type::Integer => Some(32),
        Type::BigInt => Some(64),
        _ => None,
    }
}

fn is_real(ty: &Type) -> bool {
    match ty {
        Type::Float | Type::Double => true,
        other => is_numeric(other),
    }
}

fn is_numeric(ty: &Type) -> bool {
    match ty {
        Type::Other(name) => name.starts_with("numeric("),
        other => *other == Type::Diesel("Numeric"),
    }
}

fn in_range(value: &str, ty: &Type) -> String {
    let limit = 1_i128 << (bits(ty).unwrap_or(64) - 1);
    format!("{value} BETWEEN {} AND {}", -limit, limit - 1)
}

/// The expression that follows `USING`; `None` where PostgreSQL converts by itself. A value that cannot be converted
/// becomes `missing`, or else NULL.
pub(super) fn conversion(name: &str, from: &Type, to: &Type, missing: Option<&str>) -> Option<String> {
    let conditions = readable(name, from, to);
    let converted = strict_conversion(name, from, to)?;
    if conditions.is_empty() {
        return Some(converted);
    }
    let case = case(&conditions, &converted, missing);
    Some(if is_castable(from, to) { case } else { format!("({case})::{}", type_sql(to).to_lowercase()) })
}

/// The expression, which fails at a value that cannot be converted; `None` where PostgreSQL converts by itself.
pub(super) fn strict_conversion(name: &str, from: &Type, to: &Type) -> Option<String> {
    let ty = type_sql(to).to_lowercase();
    let is_number = |ty: &Type| bits(ty).is_some() || is_real(ty);
    let is_wider = bits(from).is_some() && bits(from) <= bits(to) || (from, to) == (&Type::Float, &Type::Double);
    let is_longer = match (from, to) {
        (Type::Text { .. }, Type::Text { max_length: None }) => true,
        (Type::Text { max_length: Some(old) }, Type::Text { max_length: Some(new) }) => old <= new,
        _ => false,
    };
    Some(match (from, to) {
        _ if is_wider || is_longer => return None,
        // A TIMESTAMP is in UTC, whatever the time zone of the session.
        (Type::Timestamp, Type::Diesel("Timestamptz")) | (Type::Diesel("Timestamptz"), Type::Timestamp) => {
            format!("{name} AT TIME ZONE 'UTC'")
        }
        (Type::Diesel("Timestamptz"), Type::Date) => format!("({name} AT TIME ZONE 'UTC')::date"),
        (Type::Date, Type::Diesel("Timestamptz")) => format!("{name}::timestamp AT TIME ZONE 'UTC'"),
        (Type::Binary, Type::Text { .. }) => format!("convert_from({name}, 'UTF8')"),
        (Type::Text { .. }, Type::Binary) => format!("convert_to({name}, 'UTF8')"),
        (Type::Bool, to) if is_number(to) && *to != Type::Integer => format!("{name}::integer::{ty}"),
        (from, Type::Bool) if is_number(from) => format!("{name} <> 0"),
        _ => format!("{name}::{ty}"),
    })
}
