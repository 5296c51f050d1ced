//! Values as texts that are the same on every database, so that rows can be moved and compared.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use super::json;
use crate::schema::Type;

/// The text that stands for a value of that type on every database, from the text that one of them writes; `None` where
/// it is no such value, or one that only a single kind of database has, as a date before the year 1.
///
/// Dates and times are written as Diesel writes them to SQLite, bytes as PostgreSQL does, in hexadecimal.
pub(crate) fn canonical(ty: &Type, text: &str) -> Option<String> {
    match ty {
        Type::Float => text.parse().ok().map(float),
        Type::Double => text.parse().ok().map(double),
        Type::Diesel("Numeric") => decimal(text),
        Type::Diesel("Jsonb") => json::canonical(text),
        Type::Date => Some(NaiveDate::parse_from_str(text, "%F").ok()?.format("%F").to_string()),
        Type::Time => {
            let text = in_utc(text);
            let time = ["%T%.f", "%R"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok())?;
            Some(time.format("%T%.f").to_string())
        }
        Type::Timestamp => timestamp(in_utc(text)).map(|time| time.format("%F %T%.f").to_string()),
        Type::Diesel("Timestamptz") => {
            let text = text.replacen('T', " ", 1);
            let zoned = DateTime::parse_from_str(&text, "%F %T%.f%#z").map(|time| time.with_timezone(&Utc));
            let time = zoned.ok().or_else(|| Some(timestamp(in_utc(&text))?.and_utc()))?;
            Some(time.format("%F %T%.f%:z").to_string())
        }
        _ => Some(text.to_owned()),
    }
}

/// The time without its zone, where that is UTC.
fn in_utc(text: &str) -> &str {
    ["Z", "+00:00"].iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text)
}

fn timestamp(text: &str) -> Option<NaiveDateTime> {
    let text = text.replacen('T', " ", 1);
    ["%F %T%.f", "%F %R"].iter().find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())
}

/// The shortest decimal number that is this one.
pub(crate) fn double(number: f64) -> String {
    format!("{number:?}")
}

pub(crate) fn float(number: f32) -> String {
    format!("{number:?}")
}

/// A decimal number as its digits and a power of ten: `15e-1`.
pub(crate) fn decimal(text: &str) -> Option<String> {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (number, power) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let power = power.parse::<i64>().ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let short = digits.trim_end_matches('0');
    let zeros = i64::try_from(digits.len() - short.len()).ok()?;
    match short.trim_start_matches('0') {
        "" => Some("0".into()),
        short => Some(format!("{sign}{short}e{}", power.checked_add(zeros)?)),
    }
}
