//! Collecting errors, so that one compilation shows them all, and wording the hints in them.

use std::fmt::Write as _;

/// Errors met so far.
#[derive(Default)]
pub struct Errors(Option<syn::Error>);

impl Errors {
    /// Adds one.
    pub fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// The value, or `None` where there is an error instead, which is added.
    pub fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// The value if there was no error at all.
    pub fn finish<T>(self, value: T) -> syn::Result<T> {
        self.0.map_or(Ok(value), Err)
    }
}

/// The names in backquotes, with commas between them.
pub fn list<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for name in names {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}`{}`", name.as_ref());
    }
    text
}

/// `; did you mean …?` when one of the known names is near, else nothing.
pub fn did_you_mean<T: AsRef<str>>(name: &str, known: impl IntoIterator<Item = T>) -> String {
    known
        .into_iter()
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.as_ref().to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 2 && *distance * 2 < candidate.as_ref().chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map_or_else(String::new, |(_, candidate)| format!("; did you mean `{}`?", candidate.as_ref()))
}

/// How many letters must be added, removed or replaced to turn one text into the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, distance, list};

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("unqiue", "unique"), 2);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("index", "index"), 0);
    }

    #[test]
    fn only_near_names_are_suggested() {
        assert_eq!(did_you_mean("uniqe", ["index", "unique"]), "; did you mean `unique`?");
        assert_eq!(did_you_mean("serde", ["index", "unique"]), "");
        assert_eq!(did_you_mean("xy", ["id", "at"]), "", "short names are not near each other");
    }

    #[test]
    fn names_are_listed_in_backquotes() {
        assert_eq!(list(["a", "b"]), "`a`, `b`");
    }
}
