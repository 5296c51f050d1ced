//! Parts of migrations that let others use the tables: what runs outside a transaction is one statement, or can be run
//! again from its beginning.

use super::super::sql::{dollar_quoted, quote, quote_table};
use crate::database::changes::create_index;
use crate::migration::Sql;
use crate::schema::{Column, Index, Table};
use crate::text::literal;

/// The migrations, in order, each with what its name says of it.
pub(super) type Parts = Vec<(&'static str, Sql)>;

/// A migration in a transaction.
pub(super) fn together(up: &[String], down: &[String]) -> Sql {
    Sql { up: text(up), down: text(down), own_transaction: false }
}

/// A migration outside of one.
pub(super) fn alone(up: &[String], down: &[String]) -> Sql {
    Sql { own_transaction: true, ..together(up, down) }
}

pub(super) fn text(statements: &[String]) -> String {
    statements.iter().map(|statement| statement.clone() + ";\n").collect()
}

pub(super) fn create_index_online(table: &Table, index: &Index) -> String {
    create_index(&quote_table(&table.name), index, quote).replacen("INDEX ", "INDEX CONCURRENTLY IF NOT EXISTS ", 1)
}

/// Fills in a value, some pages of the table at a time, and each batch committed. A row that another process has locked, or
/// that was written to a later page, is filled at the end.
pub(super) fn in_batches(table: &Table, column: &Column, value: &str, condition: &str) -> String {
    let (table, column) = (quote_table(&table.name), quote(&column.name));
    let update = format!("UPDATE {table} SET {column} = {value} WHERE");
    let pages = format!("pg_relation_size({}) / current_setting('block_size')::bigint", literal(&table));
    let block = format!(
        "\nBEGIN\n    FOR page IN 0..{pages} - 1 BY 20 LOOP\n        {update} ctid = ANY (ARRAY(\n            \
         SELECT ctid FROM {table} WHERE {condition}\n            \
         AND ctid >= format('(%s,0)', page)::tid AND ctid < format('(%s,0)', page + 20)::tid\n            \
         FOR NO KEY UPDATE SKIP LOCKED));\n        COMMIT;\n    END LOOP;\n    {update} {condition};\nEND "
    );
    format!("DO {}", dollar_quoted(&block))
}
