//! The definition of a side table. It refers to its table, so that the database itself follows the rows.

use crate::kept::{KeptColumn, SideTable};
use crate::schema::Column;

/// The columns and keys. `key` writes a column of the key and `kept` those of a kept value; `refers_to` is its table as
/// SQL names it; `None` where that has no such key yet.
pub(crate) fn definition(
    side: &SideTable,
    quote: fn(&str) -> String,
    key: impl Fn(&Column) -> String,
    kept: impl Fn(&KeptColumn) -> Vec<String>,
    refers_to: Option<String>,
) -> String {
    let keys = side.key.iter().map(|column| quote(&column.name)).collect::<Vec<_>>().join(", ");
    let reference = refers_to.map(|table| format!(" REFERENCES {table} ({keys}) ON DELETE CASCADE ON UPDATE CASCADE"));
    let own_reference = reference.clone().unwrap_or_default();
    let mut parts: Vec<_> = side.key.iter().map(key).collect();
    if let [only] = parts.as_mut_slice() {
        *only = format!("{only} PRIMARY KEY{own_reference}");
    }
    parts.extend(side.columns.iter().flat_map(kept));
    if side.key.len() > 1 {
        parts.push(format!("PRIMARY KEY ({keys})"));
        parts.extend(reference.map(|reference| format!("FOREIGN KEY ({keys}){reference}")));
    }
    parts.join(", ")
}
