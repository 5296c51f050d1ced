//! Forms as they are shown again: with what was typed and what is wrong with it, beside each field.

use std::collections::BTreeMap;

use rocket::serde::{Serialize, Serializer};
use unicode_segmentation::UnicodeSegmentation as _;

use super::auth::password;
use crate::models::{ModelError, User, markup};

/// The fields of a form, by the names that they are sent under, in the order in which they stand there: what is wrong
/// is listed in that order too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(&'static str, Field)>);

/// What stands in a field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(crate = "rocket::serde")]
struct Field {
    value: String,
    error: Option<String>,
}

impl Fields {
    /// Fields with what is in them. A password is never sent back: give an empty text for it.
    pub fn new<'a>(fields: impl IntoIterator<Item = (&'static str, &'a str)>) -> Self {
        let field = |value: &str| Field { value: value.to_owned(), error: None };
        Self(fields.into_iter().map(|(name, value)| (name, field(value))).collect())
    }

    /// Says what is wrong with a field. What was said first stays.
    pub fn refuse(&mut self, name: &'static str, why: impl Into<String>) {
        let index = self.0.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.0.push((name, Field::default()));
            self.0.len() - 1
        });
        self.0[index].1.error.get_or_insert_with(|| why.into());
    }

    /// Checks a field by a rule, which says what is wrong.
    #[must_use]
    pub fn checked(mut self, name: &'static str, rule: Result<(), String>) -> Self {
        if let Err(why) = rule {
            self.refuse(name, why);
        }
        self
    }

    /// Says at its field what the database refused; gives back what has no field.
    ///
    /// # Errors
    ///
    /// What the database said, where it is nothing that can be mended in the form.
    pub fn refused(&mut self, error: ModelError) -> Result<(), ModelError> {
        match error {
            ModelError::Taken { field } => self.refuse(field, format!("This {} is taken.", name_of(field))),
            error @ ModelError::Database(_) => return Err(error),
            ModelError::Empty { field } | ModelError::TooLong { field, .. } => self.refuse(field, error.to_string()),
        }
        Ok(())
    }

    /// What is wrong, by the names of the fields.
    #[must_use]
    pub fn mistakes(&self) -> BTreeMap<&'static str, String> {
        self.0.iter().filter_map(|(name, field)| Some((*name, field.error.clone()?))).collect()
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn are_good(&self) -> bool {
        self.0.iter().all(|(_, field)| field.error.is_none())
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, field)| (name, field)))
    }
}

fn name_of(field: &str) -> &str {
    if field == "email" { "e-mail address" } else { field }
}

/// A nickname: 1 to 64 letters from A to Z, digits, dots and underscores.
///
/// # Errors
///
/// What is wrong with it, in a sentence for whoever typed it.
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
    // `.` and `..` in an address mean folders, and lead elsewhere.
    if text.bytes().all(|byte| byte == b'.') {
        return Err("A nickname needs a letter, a digit or an underscore.".into());
    }
    Ok(())
}

/// An e-mail address, as far as it can be told without sending one: something, an @, and a host.
///
/// # Errors
///
/// What is wrong with it, in a sentence for whoever typed it.
pub fn email(text: &str) -> Result<(), String> {
    let is_plain = !text.chars().any(|char| char.is_whitespace() || char.is_control() || markup::is_unseen(char));
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
/// What is wrong with it, in a sentence for whoever typed it.
pub fn new_password(text: &str) -> Result<(), String> {
    if password::LENGTH.contains(&text.chars().count()) {
        return Ok(());
    }
    Err(format!("A password has {} to {} characters.", password::LENGTH.start(), password::LENGTH.end()))
}

/// What people write, as it is stored: lines end in one way, and nothing stands around the text, nor in it what cannot be
/// seen.
#[must_use]
pub fn tidy(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n").replace('\t', " ");
    let seen: String = lines.chars().filter(|char| *char == '\n' || !char.is_control()).collect();
    if markup::is_blank(&seen) { String::new() } else { seen.trim().to_owned() }
}

/// What somebody says of themselves: nothing, or a short text.
///
/// # Errors
///
/// What is wrong with it, in a sentence for whoever typed it.
pub fn about_me(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { self::text(text, "it", User::ABOUT_ME_LENGTH, User::ABOUT_ME_ROOM) }
}

/// A text of at least one and at most `max` characters, counted as people see them, for which the database has `room`.
///
/// # Errors
///
/// What is wrong with it, in a sentence for whoever typed it.
pub fn text(text: &str, what: &str, max: usize, room: usize) -> Result<(), String> {
    let length = text.graphemes(true).count();
    if markup::is_blank(text) {
        Err(format!("Please type {what}."))
    } else if length > max {
        Err(format!("{length} characters are too many: at most {max} fit."))
    } else if text.chars().count() > room {
        Err("These characters are made of too many parts: please type fewer of them.".into())
    } else {
        Ok(())
    }
}
