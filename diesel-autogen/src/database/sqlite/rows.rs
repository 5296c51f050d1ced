//! Compares the rows of a copy with those of a snapshot.

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{RunQueryDsl as _, SqliteConnection};

use super::catalog::number;
use super::ddl::quote;
use crate::Error;
use crate::database::rows::{self, Dialect};
use crate::database::{Compared, RowChange};

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
