//! What a migration's SQL leaves as it is, in the tables and columns that are there before and after.

use std::collections::BTreeSet;

use super::values::{Claim, Rows};
use crate::effect::{Effect, Survivor, key};
use crate::schema::{Schema, Table, same_name};
use crate::sql::{Token, statements, tokens};

/// What must be as it was after a script ran: the rows and columns that it only moves, and the columns of which no
/// statement that writes says a word, because a rebuild may have forgotten them.
pub(super) fn claims<'a>(script: &str, from: &'a Schema, now: &Schema) -> Vec<Claim<'a>> {
    let names = |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect();
    let shapes: Vec<_> = from.tables.iter().map(|table| (table.name.clone(), names(table))).collect();
    let effect = Effect::of(&[script], &shapes);
    let survivors = effect.survivors();
    // A trigger may well add rows, and may not take any.
    let rows = if effect.may_fire { Rows::All } else { Rows::Same };
    let claim = |before: &'a Table| {
        let survivor = survivors.iter().find(|survivor| same_name(&survivor.before, &before.name));
        let after = now.table(survivor.map_or(&before.name, |survivor| &survivor.after))?;
        let written = written(script, before, from);
        let columns = before.columns.iter().filter(|column| !column.generated).filter_map(|column| {
            let name = |name: &str| after.find_column(name).filter(|other| other.ty == column.ty);
            let moved = survivor.and_then(|survivor| moved(survivor, &column.name));
            let is_key = before.primary_key.iter().any(|name| same_name(name, &column.name));
            // By its key a row is found again; when that is another one now, the row is not compared.
            let stays = !written.contains(&key(&column.name)) || (is_key && survivor.is_none());
            let other = moved.or_else(|| stays.then_some(column.name.as_str())).and_then(name)?;
            Some((column.name.clone(), other.name.clone()))
        });
        let rows = if survivor.is_some() { rows } else { Rows::Any };
        Some(Claim { before, after: after.name.clone(), columns: columns.collect(), rows })
    };
    from.tables.iter().filter_map(claim).collect()
}

/// What must be as it was after two scripts, of which the second starts from what the first has reached.
pub(super) fn both<'a>(first: &[Claim<'a>], second: &[Claim]) -> Vec<Claim<'a>> {
    let follow = |claim: &Claim<'a>| {
        let next = second.iter().find(|next| same_name(&next.before.name, &claim.after))?;
        let columns = claim.columns.iter().filter_map(|(before, between)| {
            let (_, after) = next.columns.iter().find(|(own, _)| same_name(own, between))?;
            Some((before.clone(), after.clone()))
        });
        let rows = claim.rows.max(next.rows);
        Some(Claim { before: claim.before, after: next.after.clone(), columns: columns.collect(), rows })
    };
    first.iter().filter_map(follow).collect()
}

/// The name that a column has afterwards with the same values in it.
fn moved<'s>(survivor: &'s Survivor, column: &str) -> Option<&'s str> {
    survivor.columns.iter().find(|(before, _)| same_name(before, column)).map(|(_, after)| after.as_str())
}

/// The names, in small letters, in the statements that may write to a table or to what takes its place: not in those
/// that make an empty table, an index, a view or a trigger, and not where rows of another table are copied.
fn written(script: &str, table: &Table, schema: &Schema) -> BTreeSet<String> {
    let mut written = BTreeSet::new();
    for statement in statements(script).unwrap_or_else(|_| vec![script]) {
        let tokens = tokens(statement).unwrap_or_default();
        let names: BTreeSet<_> = tokens.iter().map(|token| key(&token.name())).collect();
        let is_named = |table: &Table| names.contains(&key(&table.name));
        let copies_another = tokens.first().is_some_and(|verb| verb.is("INSERT"))
            && !is_named(table)
            && schema.tables.iter().any(is_named);
        if !only_defines(&tokens) && !copies_another {
            written.extend(names);
        }
    }
    written
}

/// Whether a statement makes something new that no row is in yet.
fn only_defines(tokens: &[Token]) -> bool {
    let [first, rest @ ..] = tokens else { return true };
    let kind = rest.iter().find(|token| !token.is_any(&["TEMP", "TEMPORARY", "UNIQUE"]));
    first.is("CREATE")
        && kind.is_some_and(|kind| {
            kind.is_any(&["INDEX", "VIEW", "TRIGGER"])
                // CREATE TABLE name AS SELECT
                || kind.is("TABLE") && !rest.iter().any(|token| token.is("SELECT"))
        })
}
