//! Looks at rows: those that a change would lose, and those that differ after a rehearsal.

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{RunQueryDsl as _, SqliteConnection};

use super::catalog::number;
use super::ddl::quote;
use crate::Error;
use crate::database::rows::{self, Dialect};
use crate::database::{Compared, RowChange};
use crate::loss::{Condition, Found, Probe};
use crate::schema::{Column, Storage, Type};

/// Counts the rows that a change would lose, convert or refuse, with some of their values.
pub(super) fn found(connection: &mut SqliteConnection, probe: &Probe) -> Result<Found, Error> {
    let name = quote(&probe.column);
    let condition = match &probe.condition {
        Condition::Any => Some("1".to_owned()),
        Condition::Held => Some(format!("{name} IS NOT NULL")),
        Condition::Null => Some(format!("{name} IS NULL")),
        // Bytes are counted as the characters that they become.
        Condition::Longer(length) => Some(format!("length(CAST({name} AS TEXT)) > {length}")),
        Condition::Misfit(from, to) => misfit(&name, &from.ty, &to.ty).or_else(|| converted(&name, from, to)),
    };
    let Some(condition) = condition else { return Ok(Found::default()) };
    let query = format!("SELECT count(*) FROM {} WHERE {condition}", quote(&probe.table));
    let rows = number(connection, &query)?.unsigned_abs();
    let has_examples = rows > 0 && matches!(probe.condition, Condition::Misfit(..));
    let examples = if has_examples { examples(connection, &probe.table, &name, &condition) } else { Vec::new() };
    Ok(Found { rows, examples })
}

/// The condition under which a column of the same type and another affinity stores another value; `None` where it
/// never does.
fn converted(name: &str, from: &Column, to: &Column) -> Option<String> {
    let (from, to) = from.storage.zip(to.storage).filter(|(a, b)| a != b && from.ty == to.ty)?;
    // SQLite ignores the white space around a number.
    let others = "'*[^-+0-9.eE ' || char(9, 10, 11, 12, 13) || ']*'";
    let is_number = format!("(typeof({name}) = 'text' AND {name} GLOB '*[0-9]*' AND NOT {name} GLOB {others})");
    Some(match to {
        Storage::Any => return None,
        Storage::Text => format!("typeof({name}) IN ('integer', 'real')"),
        Storage::Numeric if from == Storage::Real => return None,
        Storage::Numeric => is_number,
        Storage::Real => {
            format!("{is_number} OR typeof({name}) = 'integer' AND CAST(CAST({name} AS REAL) AS INTEGER) <> {name}")
        }
    })
}

/// The condition under which a value of one type is not one of the other; `None` where every value is.
fn misfit(name: &str, from: &Type, to: &Type) -> Option<String> {
    let bits = |ty: &Type| match ty {
        Type::SmallInt => Some(16),
        Type::Integer => Some(32),
        Type::BigInt => Some(64),
        _ => None,
    };
    let is_real = |ty: &Type| matches!(ty, Type::Float | Type::Double);
    let is_there = format!("{name} IS NOT NULL");
    match (bits(from), bits(to)) {
        _ if from == to || (is_real(from) && is_real(to)) => return None,
        (Some(from), Some(to)) if from <= to => return None,
        (_, Some(bits)) => {
            let limit = 1_i128 << (bits - 1);
            // A text counts as a number only when it comes back as it was: '007' and ' 7' do not. A real number may
            // be whole, but what is 2^63 or more has no integer.
            let whole = format!(
                "CASE typeof({name}) WHEN 'integer' THEN 1 \
                 WHEN 'real' THEN {name} = CAST({name} AS INTEGER) AND abs({name}) < 9223372036854775808.0 \
                 WHEN 'text' THEN CAST(CAST({name} AS INTEGER) AS TEXT) = {name} ELSE 0 END"
            );
            let fits = if bits == 64 {
                whole
            } else {
                format!("{whole} AND CAST({name} AS INTEGER) BETWEEN {} AND {}", -limit, limit - 1)
            };
            return Some(format!("{is_there} AND NOT ({fits})"));
        }
        _ => {}
    }
    let (function, form) = match to {
        Type::Date => ("date", "____-__-__%"),
        Type::Time => ("time", "__:__%"),
        Type::Timestamp => ("datetime", "____-__-__%"),
        Type::Bool => return Some(format!("{name} NOT IN (0, 1)")),
        Type::Float | Type::Double => {
            // An integer of more than 53 bits loses its last digits.
            return Some(format!(
                "{is_there} AND NOT (CASE typeof({name}) WHEN 'real' THEN 1 \
                 WHEN 'integer' THEN CAST(CAST({name} AS REAL) AS INTEGER) = {name} \
                 WHEN 'text' THEN CAST({name} AS REAL) || '' = {name} OR (CAST({name} AS INTEGER) || '' = {name} \
                 AND CAST(CAST({name} AS REAL) AS INTEGER) = CAST({name} AS INTEGER)) ELSE 0 END)"
            ));
        }
        _ => return None,
    };
    // SQLite accepts a number as a day, and 'now' as a time: Diesel does not.
    let fits = format!("typeof({name}) = 'text' AND {name} LIKE '{form}' AND {function}({name}) IS NOT NULL");
    Some(match (from, to) {
        (Type::Timestamp, Type::Date) => format!("{is_there} AND time({name}) IS NOT '00:00:00'"),
        (_, Type::Date) => format!("{is_there} AND NOT ({fits} AND date({name}) = {name})"),
        _ => format!("{is_there} AND NOT ({fits})"),
    })
}

/// Up to three of the values, as SQL writes them.
fn examples(connection: &mut SqliteConnection, table: &str, name: &str, condition: &str) -> Vec<String> {
    let query = format!(
        "SELECT DISTINCT CASE WHEN typeof({name}) = 'blob' AND length({name}) > 10 \
         THEN quote(substr({name}, 1, 10)) || '…' \
         WHEN typeof({name}) = 'text' AND length({name}) > 20 THEN quote(substr({name}, 1, 20) || '…') \
         ELSE quote({name}) END FROM {} WHERE {condition} LIMIT 3",
        quote(table)
    );
    // A text that is not UTF-8 cannot be shown; it is counted all the same.
    let values: Vec<Option<String>> = sql::<Nullable<Text>>(&query).load(connection).unwrap_or_default();
    values.into_iter().flatten().collect()
}

const DIALECT: Dialect = Dialect { quote, key: str::to_owned, text, differs };

/// How the rows of the main database differ from those of the attached database `before`.
pub(super) fn compare(connection: &mut SqliteConnection, compared: &Compared) -> Result<Vec<RowChange>, Error> {
    let (before, after) =
        (format!("before.{}", quote(&compared.before.name)), format!("main.{}", quote(&compared.after)));
    let mut run = |query: &str| match sql::<(BigInt, Nullable<Text>)>(query).get_result(connection) {
        // SQLite stores any bytes as a text.
        Err(diesel::result::Error::DeserializationError(_)) => {
            let number =
                number(connection, &format!("WITH found (number, text) AS ({query}) SELECT number FROM found"))?;
            Ok((number, Some("a text that is not UTF-8".to_owned())))
        }
        found => Ok(found?),
    };
    rows::compare(compared, (&before, &after), &DIALECT, &mut run)
}

/// `quote()` stops at a zero.
fn text(value: &str) -> String {
    format!(
        "CASE WHEN typeof({value}) = 'text' AND instr({value}, char(0)) \
         THEN 'CAST(x''' || hex({value}) || ''' AS TEXT)' ELSE quote({value}) END"
    )
}

/// In the storage class and the letter case too.
fn differs(old: &str, new: &str) -> String {
    format!("(typeof({old}) <> typeof({new}) OR {old} IS NOT {new} COLLATE BINARY)")
}
