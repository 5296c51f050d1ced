//! The SQL of side tables, and of tables that are kept whole. [`crate::kept`] says what they are for.

use super::super::catalog::SIDE_TABLE;
use super::super::ddl::create_table::CreateTable;
use super::super::ddl::{quote, quote_all};
use super::guard;
use super::values::{conversion, hidden_rowid};
use super::writer::{Writer, stored};
use crate::database::side_table::definition;
use crate::error::Error;
use crate::kept::{self, KeptColumn, SideTable};
use crate::migration::Direction;
use crate::options::RenderOptions;
use crate::schema::{Action, Column, ForeignKey, Table, same_name, same_set};
use crate::text::literal;

const FOLLOW: &str = "ON DELETE CASCADE ON UPDATE CASCADE";

impl Writer<'_> {
    /// Creates a side table of `table`, which is the table before the upgrade. It refers to the table after it.
    pub(super) fn create_side(&self, side: &SideTable, table: &Table, is_missing: bool) -> Result<String, Error> {
        let text = CreateTable::parse(stored(table)?)?;
        let key = |column: &Column| {
            let declared = text.declared_type(&column.name).unwrap_or_default();
            // INTEGER PRIMARY KEY takes integers only, which another integer key may not hold.
            let is_rowid = declared.eq_ignore_ascii_case("INTEGER") && !column.identity;
            let declared = if is_rowid { "INT" } else { declared };
            let collation = text.collation(&column.name).map(|name| format!(" COLLATE {}", quote(&name)));
            let item = format!("{} {declared}", quote(&column.name));
            item.trim_end().to_owned() + &collation.unwrap_or_default()
        };
        let kept = |kept: &KeptColumn| {
            // Without a type, a value is kept exactly as it was stored.
            let parent = kept.after.is_none().then(|| self.parent_of(table, kept)).flatten();
            let before = quote(&kept.before.name) + &parent.unwrap_or_default();
            std::iter::once(before).chain(kept.after.as_ref().map(|(_, new)| quote(new))).collect()
        };
        let (name, definition) = (quote(&side.name), definition(side, quote, key, kept, Some(quote(&side.table))));
        let condition = if is_missing { "IF NOT EXISTS " } else { "" };
        Ok(format!("CREATE TABLE {condition}{name} {SIDE_TABLE} ({definition})"))
    }

    /// The foreign key of a dropped column that may be NULL. Without it a new row could get the key that a kept value
    /// refers to.
    fn parent_of(&self, table: &Table, kept: &KeptColumn) -> Option<String> {
        let is_own = |key: &&ForeignKey| key.is_of(&kept.before.name);
        let key = table.foreign_keys.iter().find(is_own).filter(|_| kept.before.nullable)?;
        self.parent(key).map(|parent| format!(" {parent} ON DELETE SET NULL ON UPDATE CASCADE"))
    }

    /// The reference to a row that a kept value refers to: in its table after the upgrade, or in the kept table where
    /// that is dropped too. `None` where the columns are no key there.
    fn parent(&self, key: &ForeignKey) -> Option<String> {
        let table = self.latest(&key.table)?;
        let is_dropped = self.changes.drops(&key.table);
        let name = if is_dropped { kept::name(self.options.keep.as_ref()?, &table.name) } else { table.name.clone() };
        let mut indexes = table.indexes.iter().filter(|index| index.unique && !is_dropped);
        let wanted = &key.references;
        let is_key =
            same_set(&table.primary_key, wanted) || indexes.any(|index| same_set(&index.column_names(), wanted));
        let columns = quote_all(wanted);
        (is_key && !wanted.is_empty()).then(|| format!("REFERENCES {} ({columns})", quote(&name)))
    }

    /// Keeps a dropped table whole. As in the table itself, a row is deleted with the row that it refers to.
    pub(super) fn keep_table(&self, table: &Table) -> Result<Vec<String>, Error> {
        let Some(copy) = WholeTable::of(self.options, table)? else { return Ok(Vec::new()) };
        let mut definition = copy.columns.clone();
        for key in &table.foreign_keys {
            let columns: Option<Vec<_>> = key.columns.iter().map(|column| table.find_column(column)).collect();
            let is_stored = columns.iter().flatten().all(|column| !column.generated);
            let may_be_null = columns.iter().flatten().all(|column| column.nullable);
            if let Some(parent) = self.parent(key).filter(|_| is_stored && columns.is_some()) {
                let sets_null = key.on_delete == Action::SetNull && may_be_null;
                let action = if sets_null { "ON DELETE SET NULL ON UPDATE CASCADE" } else { FOLLOW };
                definition.push(format!("FOREIGN KEY ({}) {parent} {action}", quote_all(&key.columns)));
            }
        }
        let mut keys = self.tables.iter().flat_map(|table| &table.foreign_keys);
        if !table.primary_key.is_empty() && keys.any(|key| same_name(&key.table, &table.name)) {
            // No PRIMARY KEY: that refers to the row itself where a table stays.
            definition.insert(copy.columns.len(), format!("UNIQUE ({})", quote_all(&table.primary_key)));
        }
        let (name, own) = (&copy.name, quote(&table.name));
        Ok(vec![
            format!("CREATE TABLE {name} {SIDE_TABLE} ({})", definition.join(", ")),
            format!(
                "INSERT INTO {name} ({})\n    SELECT {} FROM {own}",
                copy.columns.join(", "),
                copy.sources.join(", ")
            ),
            guard::same_count(&self.guard, name, &own),
        ])
    }

    /// Restores a dropped table.
    pub(super) fn restore_table(&self, table: &Table) -> Result<Vec<String>, Error> {
        let Some(copy) = WholeTable::of(self.options, table)? else { return Ok(Vec::new()) };
        let (name, own) = (&copy.name, quote(&table.name));
        Ok(vec![
            format!("CREATE TABLE IF NOT EXISTS {name} ({})", copy.columns.join(", ")),
            format!(
                "INSERT INTO {own} ({})\n    SELECT {} FROM {name}",
                copy.sources.join(", "),
                copy.columns.join(", ")
            ),
            guard::same_count(&self.guard, &own, name),
            format!("DROP TABLE {name}"),
        ])
    }

    /// Keeps the counters of AUTOINCREMENT of tables that are dropped, or restores them: an id that was used before the
    /// table was dropped is not used again. Where they were purged, SQLite counts on from the highest id.
    pub(super) fn counters(&self, tables: &[&Table]) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for table in tables {
            if CreateTable::parse(stored(table)?)?.is_autoincrement() {
                names.push(literal(&table.name));
            }
        }
        let Some(version) = self.options.keep.as_ref().filter(|_| !names.is_empty()) else { return Ok(Vec::new()) };
        let side = quote(&kept::name(version, "sqlite_sequence"));
        let definition = format!("{side} {SIDE_TABLE} (name TEXT PRIMARY KEY, seq INTEGER)");
        let select = "SELECT name, seq FROM";
        if self.direction == Direction::Up {
            let which = format!("{select} sqlite_sequence WHERE name IN ({})", names.join(", "));
            return Ok(vec![
                format!("CREATE TABLE {definition}"),
                format!("INSERT INTO {side} (name, seq)\n    {which}"),
            ]);
        }
        Ok(vec![
            format!("CREATE TABLE IF NOT EXISTS {definition}"),
            format!("DELETE FROM sqlite_sequence WHERE name IN (SELECT name FROM {side})"),
            format!("INSERT INTO sqlite_sequence (name, seq) {select} {side}"),
            format!("DROP TABLE {side}"),
        ])
    }
}

/// Keeps the values that an upgrade loses: before ALTER TABLE, or, in a rebuild, when the new table is filled. A row of
/// which nothing is lost is not kept.
pub(super) fn fill(side: &SideTable, new_table: Option<&str>, guard: &str) -> Vec<String> {
    let (name, table) = (quote(&side.name), quote(&side.table));
    let key: Vec<_> = side.key.iter().map(|column| quote(&column.name)).collect();
    let new_table = new_table.filter(|_| side.columns.iter().any(|kept| kept.after.is_some()));
    let old = |name: &str| if new_table.is_some() { format!("old.{name}") } else { name.to_owned() };
    let (mut targets, mut values) = (key.clone(), key.iter().map(|own| old(own)).collect::<Vec<_>>());
    let mut same = Vec::new();
    for KeptColumn { before, after } in &side.columns {
        let (column, old) = (quote(&before.name), old(&quote(&before.name)));
        targets.push(column.clone());
        values.push(old.clone());
        let Some((after, new_column)) = after else { continue };
        let new = format!("new.{column}");
        same.push(format!("{old} IS {new} AND typeof({old}) = typeof({new})"));
        let back = conversion(&new, &after.ty, &before.ty);
        if back != new {
            same.push(format!("{old} IS {back} AND typeof({old}) = typeof({back})"));
        }
        targets.push(quote(new_column));
        values.push(new);
    }
    let mut insert =
        format!("INSERT INTO {name} ({})\n    SELECT {} FROM {table}", targets.join(", "), values.join(", "));
    if let Some(new) = new_table {
        let equal: Vec<_> = key.iter().map(|own| format!("new.{own} = old.{own}")).collect();
        insert = format!("{insert} AS old JOIN {new} AS new ON {}", equal.join(" AND "));
    }
    if side.columns.iter().all(|kept| kept.after.is_some()) {
        let lossy = format!("{insert}\n    WHERE NOT ({})", same.join("\n        AND "));
        return vec![lossy, guard::step(guard, &format!("changes() = (SELECT count(*) FROM {name})"))];
    }
    vec![insert, guard::same_count(guard, &name, &table)]
}

/// A side table joined to the table that a downgrade rebuilds.
pub(super) struct Join<'a>(pub &'a SideTable);

impl Join<'_> {
    /// The join.
    pub fn clause(&self) -> String {
        let (side, table) = (quote(&self.0.name), quote(&self.0.table));
        let equal = |name: String| format!("{side}.{name} = {table}.{name}");
        let equal: Vec<_> = self.0.key.iter().map(|column| equal(quote(&column.name))).collect();
        format!("LEFT JOIN {side} ON {}", equal.join(" AND "))
    }

    /// The value of a column that was dropped: the kept one, or else `missing`.
    pub fn dropped(&self, name: &str, missing: Option<String>) -> Option<String> {
        if !self.0.holds(name) {
            return missing;
        }
        let kept = self.column(name);
        Some(match missing {
            None => kept,
            Some(missing) => format!("CASE WHEN {} THEN {kept} ELSE {missing} END", self.is_found()),
        })
    }

    /// The value of a column that was converted: the kept one where the row still has the value of the upgrade.
    pub fn altered(&self, name: &str, current: &str, converted: String) -> String {
        let kept = self.0.columns.iter().find(|kept| same_name(&kept.before.name, name));
        let Some((_, new)) = kept.and_then(|kept| kept.after.as_ref()) else { return converted };
        let (found, new, old) = (self.is_found(), self.column(new), self.column(name));
        format!("CASE WHEN {found} AND {current} IS {new} COLLATE BINARY THEN {old} ELSE {converted} END")
    }

    /// Whether the join found a kept row: then a value that is NULL is a kept NULL.
    fn is_found(&self) -> String {
        format!("{} IS NOT NULL", self.column(&self.0.key[0].name))
    }

    fn column(&self, name: &str) -> String {
        format!("{}.{}", quote(&self.0.name), quote(name))
    }
}

/// A side table that holds all columns of a table, and its hidden rowid.
struct WholeTable {
    name: String,
    columns: Vec<String>,
    sources: Vec<String>,
}

impl WholeTable {
    fn of(options: &RenderOptions, table: &Table) -> Result<Option<Self>, Error> {
        let Some(version) = &options.keep else { return Ok(None) };
        let text = CreateTable::parse(stored(table)?)?;
        let own = table.columns.iter().filter(|column| !column.generated).map(|column| quote(&column.name));
        let mut columns: Vec<String> = own.collect();
        let mut sources = columns.clone();
        if let Some(rowid) = hidden_rowid(table, &text) {
            columns.insert(0, kept::free_name(table, "_row".to_owned()));
            sources.insert(0, rowid.to_owned());
        }
        Ok(Some(Self { name: quote(&kept::name(version, &table.name)), columns, sources }))
    }
}
