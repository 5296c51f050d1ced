//! The people whom texts mention. A mention of nobody is plain text.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;
use diesel_autogen::Connection;

use super::markup::{self, Part};
use super::user::lower;
use crate::schema::users;

/// Those mentions of some texts that name a user: the nicknames by their lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentioned(HashMap<String, String>);

impl Mentioned {
    /// Looks them up, by one query, or by none where no text has a mention.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn load<'a>(texts: impl IntoIterator<Item = &'a str>, connection: &mut Connection) -> QueryResult<Self> {
        let parts = texts.into_iter().flat_map(markup::parts);
        let name = |part| if let Part::Mention(mention) = part { Some(key(mention)) } else { None };
        let names: BTreeSet<String> = parts.filter_map(name).collect();
        if names.is_empty() {
            return Ok(Self::default());
        }
        let found: Vec<String> =
            users::table.filter(lower(users::nickname).eq_any(names)).select(users::nickname).load(connection)?;
        Ok(found.iter().map(String::as_str).collect())
    }

    /// The nickname of the user whom the text `@name` mentions.
    #[must_use]
    pub fn nickname(&self, mention: &str) -> Option<&str> {
        self.0.get(&key(mention)).map(String::as_str)
    }
}

impl<'a> FromIterator<&'a str> for Mentioned {
    fn from_iter<T: IntoIterator<Item = &'a str>>(nicknames: T) -> Self {
        Self(nicknames.into_iter().map(|nickname| (key(nickname), nickname.to_owned())).collect())
    }
}

fn key(mention: &str) -> String {
    mention.trim_start_matches('@').to_ascii_lowercase()
}
