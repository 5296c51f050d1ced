//! Rows that are moved to or from another kind of database.

use diesel::connection::{DefaultLoadingMode, SimpleConnection as _};
use diesel::deserialize::{self, QueryableByName};
use diesel::dsl::sql;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::row::{Field as _, NamedRow, Row as Fields};
use diesel::sql_types::{BigInt, Binary, Double, Nullable, Text};
use diesel::sqlite::{Sqlite as Backend, SqliteType};
use diesel::{RunQueryDsl as _, SqliteConnection, sql_query};

use super::catalog::{number, texts};
use super::ddl::quote;
use crate::Error;
use crate::database::values::{canonical, decimal, double, float};
use crate::database::{Moved, Numbers, Row};
use crate::schema::Type;
use crate::text::{excerpt, literal};

/// A value in its storage class.
#[derive(Debug, Clone)]
enum Stored {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

type Query<'a> = BoxedSqlQuery<'a, Backend, SqlQuery>;

struct StoredRow(Vec<Stored>);

impl QueryableByName<Backend> for StoredRow {
    fn build<'a>(row: &impl NamedRow<'a, Backend>) -> deserialize::Result<Self> {
        let mut values = Vec::with_capacity(row.field_count());
        for at in 0..row.field_count() {
            let field = Fields::get(row, at).ok_or("a column is missing")?;
            values.push(match field.value() {
                None => Stored::Null,
                Some(mut value) => match value.value_type() {
                    None => Stored::Null,
                    Some(SqliteType::Long | SqliteType::Integer | SqliteType::SmallInt) => {
                        Stored::Integer(value.read_long())
                    }
                    Some(SqliteType::Double | SqliteType::Float) => Stored::Real(value.read_double()),
                    Some(SqliteType::Text) => {
                        let text = value.read_text().to_owned();
                        // Diesel replaces what is not UTF-8 by this character.
                        if text.contains('\u{fffd}') && value.read_blob() != text.as_bytes() {
                            Stored::Blob(value.read_blob().to_owned())
                        } else {
                            Stored::Text(text)
                        }
                    }
                    Some(SqliteType::Binary) => Stored::Blob(value.read_blob().to_owned()),
                },
            });
        }
        Ok(Self(values))
    }
}

/// Reads every row of a table.
pub(super) fn read(
    connection: &mut SqliteConnection,
    table: &Moved,
    each: &mut dyn FnMut(Row) -> Result<(), Error>,
) -> Result<(), Error> {
    let column = |(name, ty): &(String, Type)| match (quote(name), is_jsonb(ty)) {
        (name, true) => {
            format!("CASE WHEN typeof({name}) = 'blob' AND json_valid({name}, 8) THEN json({name}) ELSE {name} END")
        }
        (name, false) => name,
    };
    let columns: Vec<_> = table.columns.iter().map(column).collect();
    let query = format!("SELECT {} FROM {}", columns.join(", "), quote(&table.table));
    for row in sql_query(query).load_iter::<StoredRow, DefaultLoadingMode>(connection)? {
        let StoredRow(stored) = row?;
        let mut values = Vec::with_capacity(stored.len());
        for (at, (value, (_, ty))) in stored.iter().zip(&table.columns).enumerate() {
            let text = value.canonical(ty);
            if text.is_none() && !matches!(value, Stored::Null) {
                let shown: Row = stored.iter().map(Stored::shown).collect();
                return Err(table.refuse(Some(at), &shown, value.misfit(ty)));
            }
            values.push(text);
        }
        each(values)?;
    }
    Ok(())
}

impl Stored {
    /// The canonical text of a value of that type; `None` where it is none, and for NULL.
    fn canonical(&self, ty: &Type) -> Option<String> {
        match (ty, self) {
            (Type::SmallInt, Self::Integer(number)) => i16::try_from(*number).ok().map(|number| number.to_string()),
            (Type::Integer, Self::Integer(number)) => i32::try_from(*number).ok().map(|number| number.to_string()),
            (Type::BigInt | Type::Other(_), Self::Integer(number)) => Some(number.to_string()),
            (Type::Bool, Self::Integer(number @ 0..=1)) => Some((*number == 1).to_string()),
            (Type::Double | Type::Other(_), Self::Real(number)) => Some(double(*number)),
            (Type::Float, Self::Real(number)) => single(*number),
            // A column of numeric affinity stores a whole number as an integer.
            (Type::Float | Type::Double, Self::Integer(number)) => {
                canonical(ty, &number.to_string()).filter(|text| decimal(text) == decimal(&number.to_string()))
            }
            (Type::Diesel("Numeric"), Self::Integer(number)) => decimal(&number.to_string()),
            (Type::Diesel("Numeric"), Self::Real(number)) => decimal(&double(*number)),
            (Type::Binary, Self::Blob(bytes)) => Some(hexadecimal(bytes)),
            (ty, Self::Text(text)) if !is_stored_otherwise(ty) => canonical(ty, text),
            _ => None,
        }
    }

    /// The value to store for a canonical text; `None` where SQLite has no such value.
    fn of(ty: &Type, text: &str) -> Option<Self> {
        Some(match ty {
            Type::SmallInt | Type::Integer | Type::BigInt => Self::Integer(text.parse().ok()?),
            Type::Bool => Self::Integer(i64::from(text == "true")),
            // NaN would be stored as NULL.
            Type::Double => Self::Real(text.parse().ok().filter(|number: &f64| !number.is_nan())?),
            Type::Float => Self::Real(f64::from(text.parse::<f32>().ok().filter(|number| !number.is_nan())?)),
            Type::Diesel("Numeric") => {
                let whole = text.split_once('e').and_then(|(digits, power)| {
                    digits.parse::<i64>().ok()?.checked_mul(10_i64.checked_pow(power.parse().ok()?)?)
                });
                let real = text.parse().ok().filter(|number| decimal(&double(*number)).as_deref() == Some(text));
                whole.map(Self::Integer).or_else(|| real.map(Self::Real))?
            }
            Type::Binary => Self::Blob(bytes(text)?),
            _ => Self::Text(text.to_owned()),
        })
    }

    fn shown(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Integer(number) => number.to_string(),
            Self::Real(number) => double(*number),
            Self::Text(text) => excerpt(text),
            Self::Blob(bytes) => excerpt(&hexadecimal(bytes)),
        })
    }

    fn misfit(&self, ty: &Type) -> String {
        let what = match self {
            Self::Null => "NULL",
            Self::Integer(_) => "the integer",
            Self::Real(_) => "the number",
            Self::Text(_) => "the text",
            Self::Blob(_) => "the bytes",
        };
        format!("{what} {} is not a value of {ty}", self.shown().unwrap_or_default())
    }

    fn bind(self, query: Query<'_>) -> Query<'_> {
        match self {
            Self::Null => query.bind::<Nullable<Text>, _>(None::<String>),
            Self::Integer(number) => query.bind::<BigInt, _>(number),
            Self::Real(number) => query.bind::<Double, _>(number),
            Self::Text(text) => query.bind::<Text, _>(text),
            Self::Blob(bytes) => query.bind::<Binary, _>(bytes),
        }
    }
}

/// Whether SQLite stores the value in its own binary form of JSON, as Diesel does.
fn is_jsonb(ty: &Type) -> bool {
    *ty == Type::Diesel("Jsonb")
}

/// Whether a text is no value of that type.
fn is_stored_otherwise(ty: &Type) -> bool {
    use Type::{BigInt, Binary, Bool, Double, Float, Integer, SmallInt};
    matches!(ty, SmallInt | Integer | BigInt | Float | Double | Binary | Bool)
}

/// A 32-bit number, which Diesel stores in 64 bits, or one whose decimal digits it has room for.
fn single(number: f64) -> Option<String> {
    #[expect(clippy::cast_possible_truncation, reason = "what is cut off is compared")]
    let short = number as f32;
    let is_same = f64::from(short).to_bits() == number.to_bits() || decimal(&float(short)) == decimal(&double(number));
    is_same.then(|| float(short))
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits =
        bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)]));
    "\\x".chars().chain(digits).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// Inserts rows, one after the other.
pub(super) fn write(connection: &mut SqliteConnection, table: &Moved, rows: &[Row]) -> Result<(), Error> {
    let columns: Vec<_> = table.columns.iter().map(|(name, _)| quote(name)).collect();
    let places: Vec<_> = table.columns.iter().map(|(_, ty)| if is_jsonb(ty) { "jsonb(?)" } else { "?" }).collect();
    let (columns, places) = (columns.join(", "), places.join(", "));
    let statement = format!("INSERT INTO {} ({columns}) VALUES ({places})", quote(&table.table));
    for row in rows {
        let mut query = sql_query(statement.clone()).into_boxed::<Backend>();
        for (at, (value, (_, ty))) in row.iter().zip(&table.columns).enumerate() {
            let stored = match value {
                None => Stored::Null,
                Some(text) => Stored::of(ty, text)
                    .ok_or_else(|| table.refuse(Some(at), row, format!("SQLite cannot hold {}", excerpt(text))))?,
            };
            query = stored.bind(query);
        }
        query.execute(connection).map_err(|error| table.refuse(None, row, error.to_string()))?;
    }
    Ok(())
}

/// Drops all triggers. Returns the statements that create them.
pub(super) fn take_triggers(connection: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let triggers: Vec<(String, String)> =
        sql::<(Text, Text)>("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid")
            .load(connection)?;
    for (name, _) in &triggers {
        connection.batch_execute(&format!("DROP TRIGGER {}", quote(name)))?;
    }
    Ok(triggers.into_iter().map(|(_, sql)| sql).collect())
}

/// Fills the full text indexes of tables. Returns the names of the virtual tables that nothing can fill.
pub(super) fn fill_indexes(connection: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let query = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual'";
    let mut empty = Vec::new();
    for name in texts(connection, query)? {
        let refers =
            format!("SELECT count(*) FROM sqlite_master WHERE name = {} AND sql LIKE '%content%'", literal(&name));
        let (table, is_index) = (quote(&name), number(connection, &refers)? > 0);
        let rebuild = format!("INSERT INTO {table} ({table}) VALUES ('rebuild')");
        if !is_index || connection.batch_execute(&rebuild).is_err() {
            empty.push(name);
        }
    }
    Ok(empty)
}

/// Fails when a row refers to a row that is not there.
pub(super) fn require_references(connection: &mut SqliteConnection) -> Result<(), Error> {
    let query = "SELECT \"table\", parent FROM pragma_foreign_key_check LIMIT 1";
    let found: Vec<(String, String)> = sql::<(Text, Text)>(query).load(connection)?;
    found.into_iter().next().map_or(Ok(()), |(object, parent)| {
        Err(Error::CannotMove { object, why: format!("a row of it refers to a row that {parent} does not have") })
    })
}

const HAS_NUMBERS: &str = "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_sequence'";

/// The newest rowids of the tables with AUTOINCREMENT.
pub(super) fn last_numbers(connection: &mut SqliteConnection) -> Result<Numbers, Error> {
    if number(connection, HAS_NUMBERS)? == 0 {
        return Ok(Numbers::new());
    }
    let query = "SELECT lower(s.name), lower(i.name), CAST(s.seq AS INTEGER) FROM sqlite_sequence s, \
         pragma_table_info(s.name) i WHERE i.pk = 1";
    let rows: Vec<(String, String, i64)> = sql::<(Text, Text, BigInt)>(query).load(connection)?;
    Ok(rows.into_iter().map(|(table, column, last)| ((table, column), last)).collect())
}

/// Numbers new rows of the tables with AUTOINCREMENT after these; those of the other tables follow the rows.
pub(super) fn number_after(connection: &mut SqliteConnection, last: &Numbers) -> Result<(), Error> {
    if number(connection, HAS_NUMBERS)? == 0 {
        return Ok(());
    }
    for ((table, _), last) in last {
        let name = format!("lower(name) = {}", literal(table));
        connection.batch_execute(&format!(
            "INSERT INTO sqlite_sequence (name, seq) SELECT name, 0 FROM sqlite_master WHERE type = 'table' AND {name} \
                 AND sql LIKE '%AUTOINCREMENT%' AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE {name}); \
             UPDATE sqlite_sequence SET seq = max(seq, {last}) WHERE {name}"
        ))?;
    }
    Ok(())
}
