//! The definition of a side table. It refers to its table, so that the database itself follows the rows.

use crate::kept::{KeptColumn, SideTable};
use crate::schema::Column;

/// The columns and keys. `key` writes a column of the key and `kept` those of a kept value; where `refers` is false, the
/// table has no such key yet.
pub(crate) fn definition(
    side: &SideTable,
    quote: fn(&str) -> String,
    key: impl Fn(&Column) -> String,
    kept: impl Fn(&KeptColumn) -> Vec<String>,
    refers: bool,
) -> String {
    let keys = side.key.iter().map(|column| quote(&column.name)).collect::<Vec<_>>().join(", ");
    let mut reference = String::new();
    if refers {
        reference = format!(" REFERENCES {} ({keys}) ON DELETE CASCADE ON UPDATE CASCADE", quote(&side.table));
    }
    let mut parts: Vec<_> = side.key.iter().map(key).collect();
    if let [only] = parts.as_mut_slice() {
        *only = format!("{only} PRIMARY KEY{reference}");
    }
    parts.extend(side.columns.iter().flat_map(kept));
    if side.key.len() > 1 {
        parts.push(format!("PRIMARY KEY ({keys})"));
        parts.extend(refers.then(|| format!("FOREIGN KEY ({keys}){reference}")));
    }
    parts.join(", ")
}
