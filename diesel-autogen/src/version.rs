//! The version of a database: the text by which Diesel records a migration, and by which it orders them.

use std::fmt;

/// A version of a database, which is the version of the newest migration that is applied to it.
///
/// A migration's version is its folder's name up to the first `_`, without any `-`: `003` for `003_add_about_me`,
/// `20180114171611` for `2018-01-14-171611_create_tables`. Versions are compared as text, as Diesel compares them. The
/// version before the first migration comes before all others, and prints as `0`.
///
/// A version prints without the zeros that lead a number: `3` for `003`. Where a function takes a version, it may be
/// given as it prints, as it is recorded, with or without `-`, or as the folder's name.
///
/// ```
/// use diesel_autogen::Version;
///
/// let [first, second] = ["2026-11-25-065007-0000_a", "2026-12-01-000000_b"].map(Version::of_folder);
/// assert!(Version::default() < first && first < second);
/// assert_eq!(second.to_string(), "20261201000000");
/// assert_eq!(Version::of_folder("003_add_about_me").to_string(), "3");
/// assert_eq!(Version::default().to_string(), "0");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(String);

impl Version {
    /// The version of the migration in a folder of that name.
    #[must_use]
    pub fn of_folder(name: &str) -> Self {
        Self(name.split('_').next().unwrap_or_default().replace('-', ""))
    }

    /// A version that is recorded in a database.
    pub(crate) fn recorded(text: String) -> Self {
        Self(text)
    }

    /// The version as Diesel records it; empty before the first migration.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the version before the first migration. `00000000000000` is a migration's.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a person may mean this version of a migration by that text.
    pub(crate) fn is_meant_by(&self, given: &Self) -> bool {
        self == given || self.is_number() && given.is_number() && self.to_string() == given.to_string()
    }

    /// Whether it is a number, which may be written with fewer zeros.
    pub(crate) fn is_number(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.is_number() { self.0.trim_start_matches('0') } else { &self.0 };
        match (self.is_zero(), digits) {
            (true, _) => f.pad("0"),
            // A migration's own version, and not the one before the first.
            (false, "") => f.pad(&self.0),
            (false, digits) => f.pad(digits),
        }
    }
}

impl From<&str> for Version {
    fn from(given: &str) -> Self {
        if given == "0" { Self::default() } else { Self::of_folder(given) }
    }
}

impl From<String> for Version {
    fn from(given: String) -> Self {
        given.as_str().into()
    }
}

impl From<u64> for Version {
    fn from(number: u64) -> Self {
        number.to_string().into()
    }
}

/// Compares with the number of a numbered migration, or with 0.
impl PartialEq<u64> for Version {
    fn eq(&self, number: &u64) -> bool {
        self.to_string() == number.to_string() && (*number > 0 || self.is_zero())
    }
}
