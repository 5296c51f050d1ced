//! Whether the default of a column fits its type.

use crate::errors::Errors;
use crate::model::Column;
use crate::types::Kind;
use crate::values::DefaultValue;

pub fn check(column: &Column, errors: &mut Errors) {
    let Some(default) = &column.default else { return };
    if let Some(problem) = problem(&default.value, column) {
        errors.push(syn::Error::new(default.span, problem));
    }
}

fn problem(value: &DefaultValue, column: &Column) -> Option<String> {
    let kind = &column.ty.kind;
    match (value, kind) {
        (DefaultValue::Integer(number), Kind::SmallInt) => {
            out_of_range(*number, i16::MIN.into(), i16::MAX.into(), kind)
        }
        (DefaultValue::Integer(number), Kind::Integer) => out_of_range(*number, i32::MIN.into(), i32::MAX.into(), kind),
        (DefaultValue::Integer(number), Kind::BigInt) => out_of_range(*number, i64::MIN.into(), i64::MAX.into(), kind),
        (DefaultValue::Float(number), Kind::Float) => infinite(number.parse().is_ok_and(f32::is_finite), kind),
        (DefaultValue::Float(number), Kind::Double) => infinite(number.parse().is_ok_and(f64::is_finite), kind),
        (DefaultValue::Text(text), Kind::Text) => too_long(text, column),
        (DefaultValue::Integer(_), Kind::Float | Kind::Double)
        | (DefaultValue::Integer(_) | DefaultValue::Float(_), Kind::Diesel("Numeric"))
        | (DefaultValue::Bool(_), Kind::Bool)
        | (
            DefaultValue::Now,
            Kind::Date | Kind::Time | Kind::Timestamp | Kind::Diesel("Timestamptz" | "TimestamptzSqlite"),
        )
        | (DefaultValue::Text(_), Kind::Diesel(_) | Kind::Sql(_) | Kind::Array(_) | Kind::Custom(_))
        | (DefaultValue::Sql(_), _) => None,
        _ => Some(format!("the default of a column of type `{}` is {}", kind.name(), allowed(kind))),
    }
}

fn out_of_range(number: i128, least: i128, greatest: i128, kind: &Kind) -> Option<String> {
    (!(least..=greatest).contains(&number))
        .then(|| format!("`{}` holds numbers from {least} to {greatest}", kind.name()))
}

fn infinite(finite: bool, kind: &Kind) -> Option<String> {
    (!finite).then(|| format!("this number is too large for `{}`", kind.name()))
}

fn too_long(text: &str, column: &Column) -> Option<String> {
    let longest: usize = column.max_length.as_ref()?.base10_parse().ok()?;
    let length = text.chars().count();
    (length > longest).then(|| format!("this default has {length} characters, and the column holds {longest}"))
}

/// What a default of this type may be, in words.
fn allowed(kind: &Kind) -> &'static str {
    match kind {
        Kind::SmallInt | Kind::Integer | Kind::BigInt => "a whole number, or `#[default(sql = \"…\")]`",
        Kind::Float | Kind::Double | Kind::Diesel("Numeric") => "a number, or `#[default(sql = \"…\")]`",
        Kind::Text | Kind::Diesel(_) | Kind::Sql(_) | Kind::Array(_) | Kind::Custom(_) => {
            "a text in quotes, or `#[default(sql = \"…\")]`"
        }
        Kind::Bool => "`true`, `false`, or `#[default(sql = \"…\")]`",
        Kind::Date | Kind::Time | Kind::Timestamp => "`now`, or `#[default(sql = \"…\")]`",
        Kind::Binary => "`#[default(sql = \"…\")]`",
    }
}
