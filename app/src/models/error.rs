//! Why a row was not stored: rejected by the models, or by a constraint of the database.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use unicode_segmentation::UnicodeSegmentation as _;

use super::unicode;

/// Why a user or a post was not stored.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The field has no visible character.
    #[error("the {field} must not be empty")]
    Empty {
        /// The column.
        field: &'static str,
    },
    /// The field has too many characters.
    #[error("the {field} has {length} characters, and {max} are allowed")]
    TooLong {
        /// The column.
        field: &'static str,
        /// Its number of characters.
        length: usize,
        /// The allowed number of characters.
        max: usize,
    },
    /// Another row has the same value in a unique column.
    #[error("this {field} is taken")]
    Taken {
        /// The column.
        field: &'static str,
    },
    /// Any other error of the database.
    #[error(transparent)]
    Database(#[from] DieselError),
}

impl ModelError {
    /// Checks a text field: not blank, at most `max` characters.
    pub(super) fn check(field: &'static str, text: &str, max: usize) -> Result<(), Self> {
        let length = text.chars().count();
        if unicode::is_blank(text) {
            Err(Self::Empty { field })
        } else if length > max {
            Err(Self::TooLong { field, length, max })
        } else {
            Ok(())
        }
    }

    /// Checks a user's text: not blank, at most `max` grapheme clusters, and at most `column_length` characters.
    pub(super) fn check_graphemes(
        field: &'static str,
        text: &str,
        max: usize,
        column_length: usize,
    ) -> Result<(), Self> {
        let length = text.graphemes(true).count();
        if length > max { Err(Self::TooLong { field, length, max }) } else { Self::check(field, text, column_length) }
    }

    /// Converts the error of an INSERT or UPDATE. `unique` are the columns of the table with a unique index, on the value
    /// or on its lower case.
    pub(super) fn from_write(error: DieselError, table: &str, unique: &[&'static str]) -> Self {
        if let DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, information) = &error
            && let Some(field) = unique.iter().find(|column| violates(information.as_ref(), table, column))
        {
            return Self::Taken { field };
        }
        Self::Database(error)
    }
}

/// PostgreSQL names the constraint (`users_nickname_key`). SQLite has a message with the column, or with the index if the
/// index is on an expression.
fn violates(information: &(dyn DatabaseErrorInformation + Send + Sync), table: &str, column: &str) -> bool {
    let indexes = ["key", "lower"].map(|kind| format!("{table}_{column}_{kind}"));
    if let Some(name) = information.constraint_name() {
        indexes.iter().any(|index| index == name)
    } else {
        let what = information.message().strip_prefix("UNIQUE constraint failed: ").unwrap_or_default();
        what == format!("{table}.{column}") || indexes.iter().any(|index| what == format!("index '{index}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Violation {
        message: &'static str,
        constraint: Option<&'static str>,
    }

    impl DatabaseErrorInformation for Violation {
        fn message(&self) -> &str {
            self.message
        }
        fn details(&self) -> Option<&str> {
            None
        }
        fn hint(&self) -> Option<&str> {
            None
        }
        fn table_name(&self) -> Option<&str> {
            None
        }
        fn column_name(&self) -> Option<&str> {
            None
        }
        fn constraint_name(&self) -> Option<&str> {
            self.constraint
        }
        fn statement_position(&self) -> Option<i32> {
            None
        }
    }

    fn convert(message: &'static str, constraint: Option<&'static str>) -> ModelError {
        let violation = Box::new(Violation { message, constraint });
        let error = DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, violation);
        ModelError::from_write(error, "users", &["nickname", "email"])
    }

    #[test]
    fn the_taken_field_is_named() {
        for message in ["UNIQUE constraint failed: users.email", "UNIQUE constraint failed: index 'users_email_lower'"]
        {
            let sqlite = convert(message, None);
            assert!(matches!(sqlite, ModelError::Taken { field: "email" }), "{sqlite:?}");
        }
        let postgresql =
            convert("duplicate key value violates unique constraint \"users_email_key\"", Some("users_email_key"));
        assert!(matches!(postgresql, ModelError::Taken { field: "email" }), "{postgresql:?}");
    }

    #[test]
    fn other_violations_are_database_errors() {
        for error in [convert("UNIQUE constraint failed: users.id", None), convert("", Some("users_pkey"))] {
            assert!(matches!(error, ModelError::Database(_)), "{error:?}");
        }
    }
}
