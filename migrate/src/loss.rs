//! What a plan would lose or cannot keep, counted in the rows that are there.

use std::fmt;

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use crate::diff::Alteration;
use crate::render::Options;
use crate::schema::{Column, Table, Type};
use crate::sql::create_table::CreateTable;
use crate::sql::{quote, statements};
use crate::words::{self, Thousands};
use crate::{Change, Error};

/// Rows whose values a change would drop, convert or refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The change, in plain words: `drops users.about_me`.
    pub change: String,
    /// How many rows or values it meets.
    pub count: i64,
    /// The change and the count, in plain words.
    pub words: String,
    /// What becomes of them.
    pub kind: LossKind,
}

/// What becomes of the values that a change meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LossKind {
    /// They are gone after the upgrade.
    Lost,
    /// They are kept aside for the downgrade, in this table, until it is purged.
    Kept(String),
    /// They stay, though the models have no place for such values.
    Stays,
    /// Rows have no value where the models want one: it must be given, by [`Wishes::fills`](crate::Wishes::fills).
    NeedsFill {
        /// The column, as `table.column`, by the names that the models have for them.
        column: String,
        /// The type of the value.
        ty: Type,
    },
    /// What goes looks like what comes: it may be one thing that changes its name.
    Alike {
        /// What goes, a table or `table.column`.
        old: String,
        /// What comes.
        new: String,
        /// The rename, as [`Wishes::renames`](crate::Wishes::renames) takes it.
        rename: String,
    },
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)?;
        match &self.kind {
            LossKind::Lost => f.write_str(", which would be lost"),
            LossKind::Kept(table) => write!(f, ", kept aside in {table}"),
            LossKind::Stays => f.write_str(", left as is"),
            LossKind::NeedsFill { .. } | LossKind::Alike { .. } => Ok(()),
        }
    }
}

/// Counts what a plan would lose, by the names that the live database has. `up` is the SQL that says what is kept aside.
pub(crate) fn losses(
    connection: &mut SqliteConnection,
    changes: &[Change],
    options: &Options,
    up: &str,
) -> Result<Vec<Loss>, Error> {
    let mut losses = Vec::new();
    for change in changes {
        match change {
            Change::DropTable(table) => {
                let found = dropped_table(connection, table)?;
                losses.extend(found.map(|loss| loss.kept(up, options, &table.name, None)));
            }
            Change::AlterTable { from, to, alterations } => {
                for alteration in alterations {
                    let (column, found) = match alteration {
                        Alteration::DropColumn(column) => {
                            (column, dropped_column(connection, from, column)?.into_iter().collect())
                        }
                        Alteration::AlterColumn { from: old, to: new } => {
                            (new, altered_column(connection, (from, to), (old, new), options)?)
                        }
                        Alteration::AddColumn(column) => {
                            (column, added_column(connection, (from, to), column, options)?.into_iter().collect())
                        }
                        _ => continue,
                    };
                    losses.extend(found.into_iter().map(|loss| loss.kept(up, options, &to.name, Some(&column.name))));
                }
            }
            _ => {}
        }
    }
    Ok(losses)
}

impl Loss {
    /// The loss of `count` rows, when that is any. `found` says the count and what it is of.
    fn of(count: i64, change: String, found: &str) -> Option<Self> {
        let words = format!("{change}: {found}");
        (count > 0).then_some(Self { change, count, words, kind: LossKind::Lost })
    }

    fn with(self, kind: LossKind) -> Self {
        Self { kind, ..self }
    }

    /// What would be lost is not when the upgrade makes a side table for it.
    fn kept(self, up: &str, options: &Options, table: &str, column: Option<&str>) -> Self {
        let Some(revision) = options.keep.as_ref().filter(|_| self.kind == LossKind::Lost) else { return self };
        let side = format!("_kept_{revision}_{table}");
        let holds = |text: &&str| {
            let table = CreateTable::parse(text).ok().filter(|table| table.name() == side);
            table.is_some_and(|table| column.is_none_or(|column| table.column(column).is_some()))
        };
        let is_kept = statements(up).unwrap_or_default().iter().any(holds);
        if is_kept { self.with(LossKind::Kept(side)) } else { self }
    }
}

fn dropped_table(connection: &mut SqliteConnection, table: &Table) -> Result<Option<Loss>, Error> {
    let rows = count(connection, table, "1")?;
    Ok(Loss::of(rows, format!("drops table {}", table.name), &format!("it holds {}", counted(rows, "row"))))
}

fn dropped_column(connection: &mut SqliteConnection, table: &Table, column: &Column) -> Result<Option<Loss>, Error> {
    let held = count(connection, table, &format!("{} IS NOT NULL", quote(&column.name)))?;
    let rows = count(connection, table, "1")?;
    let verb = if held == 1 { "holds" } else { "hold" };
    let found = format!("{} of {} {verb} a value", Thousands(held.unsigned_abs()), counted(rows, "row"));
    Ok(Loss::of(held, format!("drops {}.{}", table.name, column.name), &found))
}

fn altered_column(
    connection: &mut SqliteConnection,
    (table, to): (&Table, &Table),
    (old, new): (&Column, &Column),
    options: &Options,
) -> Result<Vec<Loss>, Error> {
    let (name, what) = (quote(&old.name), format!("{}.{}", table.name, old.name));
    // SQLite does not cut a text, nor a number that is stored as it was.
    let is_number = |ty: &Type| matches!(ty, Type::SmallInt | Type::Integer | Type::BigInt | Type::Bool);
    let is_text = |ty: &Type| matches!(ty, Type::Text { .. });
    let stays = [is_number, is_text].iter().any(|is| is(&old.ty) && is(&new.ty));
    let fate = || if stays { LossKind::Stays } else { LossKind::Lost };
    let mut losses = Vec::new();
    if let Some(condition) = misfit(&name, &old.ty, &new.ty) {
        let misfits = count(connection, table, &condition)?;
        let examples = examples(connection, table, &name, &condition);
        let (one, many) = kind(&new.ty);
        let are = if misfits == 1 { format!("is not {one}") } else { format!("are not {many}") };
        let (change, found) = (
            format!("changes {what} {} → {}", old.ty, new.ty),
            format!("{} {are}{examples}", counted(misfits, "value")),
        );
        losses.extend(Loss::of(misfits, change, &found).map(|loss| loss.with(fate())));
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
        let found = format!("{} {are} longer", counted(longer, "row"));
        losses.extend(Loss::of(longer, format!("shortens {what} to {length}"), &found).map(|loss| loss.with(fate())));
    }
    if old.nullable && !new.nullable && !table.is_sole_key(&old.name) {
        let nulls = count(connection, table, &format!("{name} IS NULL"))?;
        let are = if nulls == 1 { "is" } else { "are" };
        let found = format!("{} {are} NULL", counted(nulls, "row"));
        let loss = Loss::of(nulls, format!("makes {what} NOT NULL"), &found);
        let has_value = new.default.is_some() || options.fill(&table.name, &old.name).is_some();
        losses.extend(loss.map(|loss| if has_value { loss } else { loss.with(needs_fill(to, new)) }));
    }
    Ok(losses)
}

/// A new column loses nothing, but a NOT NULL one needs a value for the rows that are there.
fn added_column(
    connection: &mut SqliteConnection,
    (table, to): (&Table, &Table),
    column: &Column,
    options: &Options,
) -> Result<Option<Loss>, Error> {
    if column.nullable || column.default.is_some() || options.fill(&table.name, &column.name).is_some() {
        return Ok(None);
    }
    let rows = count(connection, table, "1")?;
    let need = if rows == 1 { "needs" } else { "need" };
    let change = format!("adds {}.{} NOT NULL without a default", table.name, column.name);
    let loss = Loss::of(rows, change, &format!("{} {need} a value", counted(rows, "row")));
    Ok(loss.map(|loss| loss.with(needs_fill(to, column))))
}

fn needs_fill(table: &Table, column: &Column) -> LossKind {
    LossKind::NeedsFill { column: format!("{}.{}", table.name, column.name), ty: column.ty.clone() }
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
    words::counted(count.unsigned_abs(), noun)
}
