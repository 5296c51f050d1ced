//! Why a row was refused: by the models before it reached the database, or by a constraint there.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use unicode_segmentation::UnicodeSegmentation as _;

use super::markup;

/// Why a user or a post was not stored.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The field holds nothing that could be seen.
    #[error("the {field} must not be empty")]
    Empty {
        /// The column.
        field: &'static str,
    },
    /// The field holds too many characters.
    #[error("the {field} has {length} characters, and {max} are allowed")]
    TooLong {
        /// The column.
        field: &'static str,
        /// How many characters it has.
        length: usize,
        /// How many it may have.
        max: usize,
    },
    /// Another row has this value, which may stand in one row only.
    #[error("this {field} is taken")]
    Taken {
        /// The column.
        field: &'static str,
    },
    /// Anything else that the database said.
    #[error(transparent)]
    Database(#[from] DieselError),
}

impl ModelError {
    /// Checks a text field: not blank, and no more than `max` characters.
    pub(super) fn check(field: &'static str, text: &str, max: usize) -> Result<(), Self> {
        let length = text.chars().count();
        if markup::is_blank(text) {
            Err(Self::Empty { field })
        } else if length > max {
            Err(Self::TooLong { field, length, max })
        } else {
            Ok(())
        }
    }

    /// Checks a text that people write: no more than `max` characters as they see them, and no more than `room` of those
    /// that the column counts, of which one seen may be made.
    pub(super) fn check_seen(field: &'static str, text: &str, max: usize, room: usize) -> Result<(), Self> {
        let length = text.graphemes(true).count();
        if length > max { Err(Self::TooLong { field, length, max }) } else { Self::check(field, text, room) }
    }

    /// What a failed INSERT or UPDATE means, where these are the columns of the table with a unique index each, of the
    /// values as they are or in small letters.
    pub(super) fn from_write(error: DieselError, table: &str, unique: &[&'static str]) -> Self {
        if let DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, information) = &error
            && let Some(field) = unique.iter().find(|column| violates(information.as_ref(), table, column))
        {
            return Self::Taken { field };
        }
        Self::Database(error)
    }
}

/// PostgreSQL names the constraint (`users_nickname_key`). SQLite only writes the column into its message, or the index
/// where that holds more than columns.
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

    fn meaning(message: &'static str, constraint: Option<&'static str>) -> ModelError {
        let violation = Box::new(Violation { message, constraint });
        let error = DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, violation);
        ModelError::from_write(error, "users", &["nickname", "email"])
    }

    #[test]
    fn both_databases_say_which_field_is_taken() {
        for message in ["UNIQUE constraint failed: users.email", "UNIQUE constraint failed: index 'users_email_lower'"]
        {
            let sqlite = meaning(message, None);
            assert!(matches!(sqlite, ModelError::Taken { field: "email" }), "{sqlite:?}");
        }
        let postgresql =
            meaning("duplicate key value violates unique constraint \"users_email_key\"", Some("users_email_key"));
        assert!(matches!(postgresql, ModelError::Taken { field: "email" }), "{postgresql:?}");
    }

    #[test]
    fn a_violation_of_another_constraint_stays_what_it_is() {
        for error in [meaning("UNIQUE constraint failed: users.id", None), meaning("", Some("users_pkey"))] {
            assert!(matches!(error, ModelError::Database(_)), "{error:?}");
        }
    }
}
