//! Which conversions between types may lose values, and the SQL of the conversion.

use super::sql::type_sql;
use crate::kept::differs_in_kind;
use crate::schema::{Column, Type};

/// Whether the conversion between two columns may lose values. A number that the database counts up is a key: it is
/// converted, or the conversion fails.
pub(super) fn loses(from: &Column, to: &Column) -> bool {
    let is_other = |ty: &Type| matches!(ty, Type::Other(_));
    let is_shorter = match (&from.ty, &to.ty) {
        (Type::Text { max_length: old }, Type::Text { max_length: Some(new) }) => old.is_none_or(|old| old > *new),
        _ => false,
    };
    let is_narrower = from.ty != to.ty && (is_other(&from.ty) || fits("value", &from.ty, &to.ty).is_some());
    differs_in_kind(from, to) || is_shorter || is_narrower && !from.identity && !to.identity
}

/// The condition under which a value becomes the same value of the other type; `None` where every value does.
pub(super) fn fits(name: &str, from: &Type, to: &Type) -> Option<String> {
    let is_text = |ty: &Type| matches!(ty, Type::Text { .. });
    match (from, to) {
        // Every number of up to 53 bits has an exact DOUBLE PRECISION, and one of up to 24 bits an exact REAL.
        (Type::BigInt, Type::Double) => Some(format!("{name}::double precision::numeric = {name}")),
        (Type::Integer | Type::BigInt, Type::Float) => Some(format!("{name}::real::numeric = {name}")),
        (Type::Double, Type::Float) => Some(format!("{name}::real::double precision = {name}")),
        (Type::Float | Type::Double, _) if bits(to).is_some() => {
            Some(format!("{name} = trunc({name}) AND {}", in_range(name, to)))
        }
        (_, Type::Bool) if bits(from).is_some() => Some(format!("{name} IN (0, 1)")),
        (Type::Timestamp, Type::Date) => Some(format!("{name} = {name}::date")),
        // A number counts as one only where it comes back as it was: '007' does not.
        (from, to) if is_text(from) && !is_text(to) => {
            let readable = readable(name, from, to);
            let back = format!("{name}::{}::text = {name}", type_sql(to).to_lowercase());
            (!readable.is_empty()).then(|| case(&readable, &back, Some("FALSE")))
        }
        _ => readable(name, from, to).pop(),
    }
}

/// The conditions, in order, under which a value can be converted at all; none where the database decides.
fn readable(name: &str, from: &Type, to: &Type) -> Vec<String> {
    let is_like = |pattern: &str| format!("{name} ~ '^\\s*{pattern}\\s*$'");
    match (from, to) {
        (Type::Text { .. }, ty) if bits(ty).is_some() => {
            vec![is_like("[-+]?\\d+"), in_range(&format!("{name}::numeric"), ty)]
        }
        (Type::Text { .. }, Type::Float | Type::Double) => {
            vec![is_like("[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d\\d?)?")]
        }
        (Type::Text { .. }, Type::Bool) => vec![format!("lower({name}) IN ('true', 'false', 't', 'f', '1', '0')")],
        (Type::Text { .. }, Type::Date) => vec![is_like("\\d{4}-\\d\\d-\\d\\d")],
        (Type::Text { .. }, Type::Time) => vec![is_like("\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?")],
        (Type::Text { .. }, Type::Timestamp) => {
            vec![is_like("\\d{4}-\\d\\d-\\d\\d([ T]\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?)?")]
        }
        (Type::Float | Type::Double, ty) if bits(ty).is_some() => vec![in_range(name, ty)],
        (from, to) if bits(from) > bits(to) && bits(to).is_some() => vec![in_range(name, to)],
        _ => Vec::new(),
    }
}

/// The value where all conditions hold. PostgreSQL looks at them in this order in a CASE only, not with AND.
fn case(conditions: &[String], value: &str, otherwise: Option<&str>) -> String {
    let otherwise_or_null = otherwise.unwrap_or("NULL");
    let otherwise = otherwise.map_or(String::new(), |otherwise| format!(" ELSE {otherwise}"));
    match conditions {
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

fn in_range(value: &str, ty: &Type) -> String {
    let limit = 1_i128 << (bits(ty).unwrap_or(64) - 1);
    format!("{value} BETWEEN {} AND {}", -limit, limit - 1)
}

/// The expression that follows `USING`; `None` where PostgreSQL converts by itself. A value that cannot be converted
/// becomes `missing`, or else NULL.
pub(super) fn conversion(name: &str, from: &Type, to: &Type, missing: Option<&str>) -> Option<String> {
    let conditions = readable(name, from, to);
    let converted = strict_conversion(name, from, to)?;
    Some(if conditions.is_empty() { converted } else { case(&conditions, &converted, missing) })
}

/// The expression, which fails at a value that cannot be converted; `None` where PostgreSQL converts by itself.
pub(super) fn strict_conversion(name: &str, from: &Type, to: &Type) -> Option<String> {
    let ty = type_sql(to).to_lowercase();
    let is_number = |ty: &Type| bits(ty).is_some() || matches!(ty, Type::Float | Type::Double);
    let converted = match (from, to) {
        (Type::Binary, Type::Text { .. }) => format!("convert_from({name}, 'UTF8')"),
        (Type::Text { .. }, Type::Binary) => format!("convert_to({name}, 'UTF8')"),
        (_, Type::Binary) => format!("convert_to({name}::text, 'UTF8')"),
        (Type::Bool, Type::Integer) => format!("{name}::integer"),
        (Type::Bool, to) if is_number(to) => format!("{name}::integer::{ty}"),
        (from, Type::Bool) if is_number(from) => format!("{name} <> 0"),
        (Type::Timestamp, Type::Date | Type::Time)
        | (Type::Date, Type::Timestamp)
        | (Type::Text { .. } | Type::Other(_), _)
        | (_, Type::Text { .. } | Type::Other(_)) => format!("{name}::{ty}"),
        (from, to) if is_number(from) && is_number(to) => format!("{name}::{ty}"),
        // No cast leads from a time to a number, or from a date to a time.
        _ => format!("{name}::text::{ty}"),
    };
    let is_wider = bits(from).is_some() && bits(from) <= bits(to) || (from, to) == (&Type::Float, &Type::Double);
    let is_longer = match (from, to) {
        (Type::Text { .. }, Type::Text { max_length: None }) => true,
        (Type::Text { max_length: Some(old) }, Type::Text { max_length: Some(new) }) => old <= new,
        _ => false,
    };
    (!is_wider && !is_longer).then_some(converted)
}
