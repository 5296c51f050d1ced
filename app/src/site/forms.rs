//! Form fields with their values and errors, as a page shows them again, and the rules for the values.

use std::collections::BTreeMap;
use std::time::Duration;

use rocket::serde::{Serialize, Serializer};
use unicode_segmentation::UnicodeSegmentation as _;

use super::auth::password;
use super::error::{self, AppError, AppResult};
use crate::models::{ModelError, User, unicode};

/// The fields of a form with their names, in the order of the form. A page lists the errors in the same order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    fields: Vec<(&'static str, Field)>,
    retry_after: Option<Duration>,
}

/// The value of a field, and its error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(crate = "rocket::serde")]
struct Field {
    value: String,
    error: Option<String>,
}

impl Fields {
    /// Fields with their values. A password is never sent back: pass an empty text for it.
    pub fn new<'a>(fields: impl IntoIterator<Item = (&'static str, &'a str)>) -> Self {
        let field = |value: &str| Field { value: value.to_owned(), error: None };
        let fields = fields.into_iter().map(|(name, value)| (name, field(value))).collect();
        Self { fields, retry_after: None }
    }

    /// Adds an error to a field. The first error of a field is kept.
    pub fn add_error(&mut self, name: &'static str, error: impl Into<String>) {
        let index = self.fields.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.fields.push((name, Field::default()));
            self.fields.len() - 1
        });
        self.fields[index].1.error.get_or_insert_with(|| error.into());
    }

    /// Adds the error of a rule, if there is one.
    #[must_use]
    pub fn checked(mut self, name: &'static str, rule: Result<(), String>) -> Self {
        if let Err(error) = rule {
            self.add_error(name, error);
        }
        self
    }

    /// Adds an error of the models to the field that it is about.
    ///
    /// # Errors
    ///
    /// The error itself, when it is not about a field.
    pub fn add_model_error(&mut self, error: ModelError) -> Result<(), ModelError> {
        match error {
            ModelError::Taken { field } => self.add_error(field, format!("This {} is taken.", name_of(field))),
            error @ ModelError::Database(_) => return Err(error),
            ModelError::Empty { field } | ModelError::TooLong { field, .. } => self.add_error(field, error.to_string()),
        }
        Ok(())
    }

    /// Adds "try again later" to a field, so that what was typed is kept.
    ///
    /// # Errors
    ///
    /// The error itself, when it is not [`AppError::TooMany`].
    pub fn add_wait(&mut self, name: &'static str, error: AppError) -> AppResult<()> {
        let AppError::TooMany(wait) = error else { return Err(error) };
        self.add_error(name, error::try_again_in(wait));
        self.retry_after = Some(wait);
        Ok(())
    }

    /// How long to wait before the form may be sent again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The errors, by the names of the fields.
    #[must_use]
    pub fn errors(&self) -> BTreeMap<&'static str, String> {
        self.fields.iter().filter_map(|(name, field)| Some((*name, field.error.clone()?))).collect()
    }

    /// Whether no field has an error.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.fields.iter().all(|(_, field)| field.error.is_none())
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields.iter().map(|(name, field)| (name, field)))
    }
}

fn name_of(field: &str) -> &str {
    if field == "email" { "e-mail address" } else { field }
}

/// A nickname: 1 to 64 letters from A to Z, digits, dots and underscores.
///
/// # Errors
///
/// The error, as a sentence for the user.
pub fn nickname(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("Please type a nickname.".into());
    }
    if text.chars().count() > User::NICKNAME_LENGTH {
        return Err(format!("A nickname has at most {} characters.", User::NICKNAME_LENGTH));
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.') {
        return Err("A nickname has letters from A to Z, digits, dots and underscores only.".into());
    }
    // `.` and `..` are folders in a URL's path, which browsers resolve.
    if text.bytes().all(|byte| byte == b'.') {
        return Err("A nickname needs a letter, a digit or an underscore.".into());
    }
    Ok(())
}

/// Nicknames that sound like the site itself.
const RESERVED: [&str; 24] = [
    "account",
    "admin",
    "administrator",
    "api",
    "everyone",
    "explore",
    "help",
    "index",
    "info",
    "login",
    "logout",
    "microblog",
    "mod",
    "moderator",
    "nobody",
    "official",
    "postmaster",
    "register",
    "root",
    "search",
    "security",
    "staff",
    "support",
    "webmaster",
];

/// As [`nickname`], for someone who registers or changes the nickname: names that sound like the site are taken.
///
/// # Errors
///
/// The error, as a sentence for the user.
pub fn new_nickname(text: &str) -> Result<(), String> {
    nickname(text)?;
    let letters: String = text.to_ascii_lowercase().replace(['_', '.'], "");
    if RESERVED.contains(&letters.as_str()) { Err("This nickname is taken.".into()) } else { Ok(()) }
}

/// An e-mail address: a name, an @, and a host. Whether the address exists is not checked.
///
/// # Errors
///
/// The error, as a sentence for the user.
pub fn email(text: &str) -> Result<(), String> {
    let is_plain = !text.chars().any(|char| char.is_whitespace() || char.is_control() || unicode::is_invisible(char));
    match text.rsplit_once('@') {
        _ if text.is_empty() => Err("Please type your e-mail address.".into()),
        _ if text.chars().count() > User::EMAIL_LENGTH => {
            Err(format!("An e-mail address has at most {} characters here.", User::EMAIL_LENGTH))
        }
        Some((name, host)) if is_plain && !name.is_empty() && !host.is_empty() && !host.starts_with('.') => Ok(()),
        _ => Err("This is not an e-mail address: it looks like susan@example.org.".into()),
    }
}

/// A new password: 8 to 128 characters, of any kind.
///
/// # Errors
///
/// The error, as a sentence for the user.
pub fn new_password(text: &str) -> Result<(), String> {
    if password::LENGTH.contains(&text.chars().count()) {
        return Ok(());
    }
    Err(format!("A password has {} to {} characters.", password::LENGTH.start(), password::LENGTH.end()))
}

/// A user's text as it is stored: with `\n` as the end of a line, without control characters, trimmed, with at most one
/// blank line between two others.
#[must_use]
pub fn normalize(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n").replace('\t', " ");
    let visible: String = lines.chars().filter(|char| *char == '\n' || !char.is_control()).collect();
    if unicode::is_blank(&visible) { String::new() } else { unicode::without_blank_lines(visible.trim()) }
}

/// The text of a user about themselves: empty or short.
///
/// # Errors
///
/// The error, as a sentence for the user.
pub fn about_me(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { self::text(text, "it", User::ABOUT_ME_LENGTH, User::ABOUT_ME_COLUMN_LENGTH) }
}

/// A text of 1 to `max` characters, counted as grapheme clusters, that fits into a column of `column_length` code points.
///
/// # Errors
///
/// The error, as a sentence for the user.
pub fn text(text: &str, what: &str, max: usize, column_length: usize) -> Result<(), String> {
    let length = text.graphemes(true).count();
    if unicode::is_blank(text) {
        Err(format!("Please type {what}."))
    } else if length > max {
        Err(format!("{length} characters are too many: at most {max} fit."))
    } else if unicode::has_towers(text) {
        Err(format!("A character has too many accents: at most {} fit.", unicode::MAX_MARKS))
    } else if text.chars().count() > column_length {
        Err("These characters are made of too many parts: please type fewer of them.".into())
    } else {
        Ok(())
    }
}
