//! Nicknames and e-mail addresses that differ by capitals only: `Susan` and `susan` are one name to a reader.
//!
//! The unique indexes of `users` tell them apart, byte by byte. They find every spelling all the same, in a few steps: from
//! what stands at or behind one spelling, the search jumps to the next spelling that is possible behind it.

use diesel::prelude::*;
use migrate::Connection;

use crate::schema::users;

/// The stored nicknames that are this one but for capitals, itself among them.
///
/// # Errors
///
/// When a query fails.
pub fn nicknames(nickname: &str, connection: &mut Connection) -> QueryResult<Vec<String>> {
    stored(nickname, |first, last| {
        users::table
            .filter(users::nickname.ge(first))
            .filter(users::nickname.le(last))
            .order(users::nickname)
            .select(users::nickname)
            .first(connection)
            .optional()
    })
}

/// The stored e-mail addresses that are this one but for capitals, itself among them.
///
/// What stands before the `@` may differ by capitals (RFC 5321, 2.4), but no provider that people use heeds them.
///
/// # Errors
///
/// When a query fails.
pub fn emails(email: &str, connection: &mut Connection) -> QueryResult<Vec<String>> {
    stored(email, |first, last| {
        users::table
            .filter(users::email.ge(first))
            .filter(users::email.le(last))
            .order(users::email)
            .select(users::email)
            .first(connection)
            .optional()
    })
}

/// The spellings that are found by asking for the first stored text between two.
fn stored(
    name: &str,
    mut first_between: impl FnMut(&str, &str) -> QueryResult<Option<String>>,
) -> QueryResult<Vec<String>> {
    let (mut first, last) = (name.to_ascii_uppercase(), name.to_ascii_lowercase());
    let mut found = Vec::new();
    while let Some(next) = first_between(&first, &last)? {
        let beyond = after(name, &next);
        if next.eq_ignore_ascii_case(name) {
            found.push(next);
        }
        match beyond {
            Some(spelling) => first = spelling,
            None => break,
        }
    }
    Ok(found)
}

/// The first spelling of the name that stands behind that text, in the order of bytes.
fn after(name: &str, text: &str) -> Option<String> {
    let spellings = |at: usize| [name.as_bytes()[at].to_ascii_uppercase(), name.as_bytes()[at].to_ascii_lowercase()];
    let common = name.bytes().zip(text.bytes()).take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count();
    // It begins as the text does, as far as can be, and continues with capitals, which stand before small letters.
    let (begin, next) = if common == text.len() && common < name.len() {
        (common, None)
    } else {
        (0..=common.min(name.len().checked_sub(1)?)).rev().find_map(|at| {
            spellings(at).into_iter().find(|letter| *letter > text.as_bytes()[at]).map(|letter| (at, Some(letter)))
        })?
    };
    let mut bytes = text.as_bytes()[..begin].to_vec();
    bytes.extend(next);
    bytes.extend(name.as_bytes()[bytes.len()..].to_ascii_uppercase());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::after;

    /// All spellings, in the order of bytes.
    fn spellings(nickname: &str) -> Vec<String> {
        let mut all = vec![String::new()];
        for char in nickname.chars() {
            let longer = |text: &String| {
                [char.to_ascii_uppercase(), char.to_ascii_lowercase()].map(|char| format!("{text}{char}"))
            };
            all = all.iter().flat_map(longer).collect();
        }
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn the_next_spelling_is_the_first_of_all_that_stands_behind() {
        for nickname in ["a", "ab", "a_b", "._1", "Zz9", "b.é"] {
            let all = spellings(nickname);
            let pieces = ["", "A", "a", "B", "b", "Z", "z", "_", ".", "1", "9", "é"];
            for one in pieces {
                for two in pieces {
                    for three in pieces {
                        let text = format!("{one}{two}{three}");
                        let next = all.iter().find(|spelling| **spelling > text).cloned();
                        assert_eq!(after(nickname, &text), next, "{nickname} behind {text}");
                    }
                }
            }
        }
        assert_eq!(after("", "a"), None);
    }
}
