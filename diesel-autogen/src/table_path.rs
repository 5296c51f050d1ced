//! The name of a table in a database that has schemas: plain in the current schema, else a path, `auth.users`. A part
//! with a dot in it is in quotes, so that no two tables have one name.

use crate::kept;
use crate::schema::Table;

/// The name of a table in that schema; `None` is the current one.
pub(crate) fn path(schema: Option<&str>, name: &str) -> String {
    match schema {
        Some(schema) => format!("{}.{}", part(schema), part(name)),
        // The name of a side table holds the path of its table, and is always plain.
        None if name.starts_with(kept::PREFIX) => name.to_owned(),
        None => part(name),
    }
}

/// The schema in a path, and the name of the table in it.
pub(crate) fn split(path: &str) -> (Option<String>, String) {
    if path.starts_with(kept::PREFIX) {
        return (None, path.to_owned());
    }
    let (first, rest) = first_part(path);
    match rest.strip_prefix('.') {
        Some(rest) => (Some(first), first_part(rest).0),
        None => (None, first),
    }
}

/// The name of the table without its schema.
pub(crate) fn bare(path: &str) -> String {
    split(path).1
}

/// The path of what has that name in the schema of a table.
pub(crate) fn beside(table: &str, name: &str) -> String {
    path(split(table).0.as_deref(), name)
}

/// The name of a table that was read from a database, without its schema.
pub(crate) fn name_of(table: &Table) -> String {
    // A database that stores the text of its tables has no schemas.
    if table.stored.is_some() { table.name.clone() } else { bare(&table.name) }
}

fn part(name: &str) -> String {
    if name.contains('.') || name.starts_with('"') || name.starts_with(kept::PREFIX) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}

/// The first part, without its quotes, and what follows it.
fn first_part(path: &str) -> (String, &str) {
    let Some(quoted) = path.strip_prefix('"') else {
        let end = path.find('.').unwrap_or(path.len());
        return (path[..end].to_owned(), &path[end..]);
    };
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if char == '"' && chars.next_if(|(_, next)| *next == '"').is_none() {
            return (quoted[..at].replace("\"\"", "\""), &quoted[at + 1..]);
        }
    }
    (path.to_owned(), "")
}

#[cfg(test)]
mod tests {
    use super::{path, split};

    #[test]
    fn no_two_tables_have_one_path() {
        let names = ["users", "a.b", "\"a\".\"b\"", "a", "b", "\"", "a\"b", "_kept_1_a.b", "_kept_x", ".", "", "a."];
        let schemas = names.iter().filter(|name| !name.is_empty()).map(|name| Some(*name));
        let mut paths = Vec::new();
        for schema in schemas.chain([None]) {
            for name in names {
                let path = path(schema, name);
                assert_eq!(split(&path), (schema.map(str::to_owned), name.to_owned()), "{path}");
                paths.push(path);
            }
        }
        let count = paths.len();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), count);
        assert_eq!(path(Some("auth"), "users"), "auth.users");
    }
}
