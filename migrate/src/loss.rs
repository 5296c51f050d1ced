//! What a plan would lose or cannot keep, counted in the rows that are there.

use std::fmt;

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use crate::diff::Alteration;
use crate::render::Options;
use crate::schema::{Column, Table, Type};
use crate::sql::quote;
use crate::{Change, Error};

/// Rows whose values a change would drop, convert or refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The table, and the column where it is about one.
    pub what: String,
    /// The change and the count, in plain words.
    pub words: String,
    /// Whether the database would refuse the change: a value must be given for the rows that have none.
    pub needs_fill: bool,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// Counts what a plan would lose.
pub(crate) fn losses(
    connection: &mut SqliteConnection,
    changes: &[Change],
    options: &Options,
) -> Result<Vec<Loss>, Error> {
    let mut losses = Vec::new();
    for change in changes {
        match change {
            Change::DropTable(table) => losses.extend(dropped_table(connection, table)?),
            Change::AlterTable { from, alterations, .. } => {
                for alteration in alterations {
                    losses.extend(match alteration {
                        Alteration::DropColumn(column) => dropped_column(connection, from, column)?,
                        Alteration::AlterColumn { from: old, to: new } => {
                            altered_column(connection, from, (old, new), options)?
                        }
                        Alteration::AddColumn(column) => added_column(connection, from, column, options)?,
                        _ => Vec::new(),
                    });
                }
            }
            _ => {}
        }
    }
    Ok(losses)
}

fn dropped_table(connection: &mut SqliteConnection, table: &Table) -> Result<Vec<Loss>, Error> {
    let rows = count(connection, table, "1")?;
    let words = format!("drops table {}: it holds {}", table.name, counted(rows, "row"));
    Ok(some_if(rows > 0, table.name.clone(), words))
}

fn dropped_column(connection: &mut SqliteConnection, table: &Table, column: &Column) -> Result<Vec<Loss>, Error> {
    let held = count(connection, table, &format!("{} IS NOT NULL", quote(&column.name)))?;
    let what = format!("{}.{}", table.name, column.name);
    let rows = count(connection, table, "1")?;
    let verb = if held == 1 { "holds" } else { "hold" };
    let words = format!("drops {what}: {} of {} {verb} a value", number(held), counted(rows, "row"));
    Ok(some_if(held > 0, what, words))
}

fn altered_column(
    connection: &mut SqliteConnection,
    table: &Table,
    (old, new): (&Column, &Column),
    options: &Options,
) -> Result<Vec<Loss>, Error> {
    let (name, what) = (quote(&old.name), format!("{}.{}", table.name, old.name));
    let mut losses = Vec::new();
    if let Some(condition) = misfit(&name, &old.ty, &new.ty) {
        let misfits = count(connection, table, &condition)?;
        let examples = examples(connection, table, &name, &condition);
        let (one, many) = kind(&new.ty);
        let are = if misfits == 1 { format!("is not {one}") } else { format!("are not {many}") };
        let words = format!("changes {what} {} → {}: {} {are}{examples}", old.ty, new.ty, counted(misfits, "value"));
        losses.extend(some_if(misfits > 0, what.clone(), words));
    }
    let is_shorter = |length: u32| match &old.ty {
        Type::Text { max_length } => max_length.is_none_or(|old| old > length),
        _ => true,
    };
    if let Type::Text { max_length: Some(length) } = new.ty
        && is_shorter(length)
    {
        // Bytes are counted as the characters that they become.
        let longer = count(connection, table, &format!("length(CAST({name} AS TEXT)) > {length}"))?;
        let are = if longer == 1 { "is" } else { "are" };
        let words = format!("shortens {what} to {length}: {} {are} longer", counted(longer, "row"));
        losses.extend(some_if(longer > 0, what.clone(), words));
    }
    if old.nullable && !new.nullable && !table.is_sole_key(&old.name) {
        let nulls = count(connection, table, &format!("{name} IS NULL"))?;
        let are = if nulls == 1 { "is" } else { "are" };
        let words = format!("makes {what} NOT NULL: {} {are} NULL", counted(nulls, "row"));
        let has_value = new.default.is_some() || options.fill(&table.name, &new.name).is_some();
        let mut found = some_if(nulls > 0, what, words);
        for loss in &mut found {
            loss.needs_fill = !has_value;
        }
        losses.extend(found);
    }
    Ok(losses)
}

/// A new column loses nothing, but a NOT NULL one needs a value for the rows that are there.
fn added_column(
    connection: &mut SqliteConnection,
    table: &Table,
    column: &Column,
    options: &Options,
) -> Result<Vec<Loss>, Error> {
    if column.nullable || column.default.is_some() || options.fill(&table.name, &column.name).is_some() {
        return Ok(Vec::new());
    }
    let rows = count(connection, table, "1")?;
    let what = format!("{}.{}", table.name, column.name);
    let need = if rows == 1 { "needs" } else { "need" };
    let words = format!("adds {what} NOT NULL without a default: {} {need} a value", counted(rows, "row"));
    let mut found = some_if(rows > 0, what, words);
    for loss in &mut found {
        loss.needs_fill = true;
    }
    Ok(found)
}

/// The condition under which a value of one type is none of the other; `None` where every value is.
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
    // SQLite takes a number for a day, and 'now' for a time: Diesel does not.
    let fits = format!("typeof({name}) = 'text' AND {name} LIKE '{form}' AND {function}({name}) IS NOT NULL");
    Some(match (from, to) {
        (Type::Timestamp, Type::Date) => format!("{is_there} AND time({name}) IS NOT '00:00:00'"),
        (_, Type::Date) => format!("{is_there} AND NOT ({fits} AND date({name}) = {name})"),
        _ => format!("{is_there} AND NOT ({fits})"),
    })
}

/// Some of the values, in parentheses, as SQL writes them.
fn examples(connection: &mut SqliteConnection, table: &Table, name: &str, condition: &str) -> String {
    let query = format!(
        "SELECT DISTINCT CASE WHEN typeof({name}) = 'blob' AND length({name}) > 10 \
         THEN quote(substr({name}, 1, 10)) || '…' \
         WHEN typeof({name}) = 'text' AND length({name}) > 20 THEN quote(substr({name}, 1, 20) || '…') \
         ELSE quote({name}) END FROM {} WHERE {condition} LIMIT 3",
        quote(&table.name)
    );
    // A text that is not UTF-8 cannot be shown; it is counted all the same.
    let values: Vec<Option<String>> = sql::<Nullable<Text>>(&query).load(connection).unwrap_or_default();
    let values: Vec<_> = values.into_iter().flatten().collect();
    let shown = if values.len() == 3 { format!("{}, …", values[..2].join(", ")) } else { values.join(", ") };
    // It goes to a terminal.
    let shown: String = shown.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    if shown.is_empty() { shown } else { format!(" ({shown})") }
}

fn count(connection: &mut SqliteConnection, table: &Table, condition: &str) -> Result<i64, Error> {
    let query = format!("SELECT count(*) FROM {} WHERE {condition}", quote(&table.name));
    Ok(sql::<BigInt>(&query).get_result(connection)?)
}

fn some_if(is_there: bool, what: String, words: String) -> Vec<Loss> {
    if is_there { vec![Loss { what, words, needs_fill: false }] } else { Vec::new() }
}

/// What a value is that is of that type, and what several are.
fn kind(ty: &Type) -> (&'static str, &'static str) {
    match ty {
        Type::SmallInt => ("a 16-bit integer", "16-bit integers"),
        Type::Integer => ("a 32-bit integer", "32-bit integers"),
        Type::BigInt => ("an integer", "integers"),
        Type::Float | Type::Double => ("a number that keeps its digits", "numbers that keep their digits"),
        Type::Bool => ("0 or 1", "0 or 1"),
        Type::Date => ("a date alone", "dates alone"),
        Type::Time => ("a time", "times"),
        Type::Timestamp => ("a timestamp", "timestamps"),
        _ => ("fit for it", "fit for it"),
    }
}

fn counted(count: i64, noun: &str) -> String {
    format!("{} {noun}{}", number(count), if count == 1 { "" } else { "s" })
}

/// A number with commas between its thousands.
fn number(count: i64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
