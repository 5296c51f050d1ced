//! What ALTER TABLE can do without a rebuild.

use super::super::ddl::create_table::{CreateTable, Kind};
use super::super::ddl::types::storage;
use super::super::ddl::{Token, mentions, quote, tokens};
use super::writer::{Writer, stored};
use crate::change::Alteration;
use crate::error::Error;
use crate::migration::Direction;
use crate::schema::{Storage, Table, same_name};

impl Writer<'_> {
    /// The statements of ALTER TABLE that make `to`; `None` where only a rebuild can.
    pub(super) fn alter(
        &self,
        from: &Table,
        to: &Table,
        alterations: &[Alteration],
    ) -> Result<Option<Vec<String>>, Error> {
        let (before, after) = (CreateTable::parse(stored(from)?)?, CreateTable::parse(stored(to)?)?);
        let table = quote(&to.name);
        let mut text = stored(from)?.to_owned();
        let mut statements = Vec::new();
        // New columns come first: a table cannot do without any.
        let is_added = |alteration: &&Alteration| matches!(alteration, Alteration::AddColumn(_));
        let (added, others): (Vec<_>, Vec<_>) = alterations.iter().partition(is_added);
        for alteration in added.into_iter().chain(others) {
            let current = CreateTable::parse(&text)?;
            let edited = match alteration {
                Alteration::AddColumn(column) => {
                    let fills = self.fill(&to.name, column).is_some() || self.must_differ(to, &column.name);
                    let definition = addable(&after, &column.name).filter(|_| !fills);
                    let Some(definition) = definition else { return Ok(None) };
                    statements.push(format!("ALTER TABLE {table} ADD COLUMN {definition}"));
                    Some(current.with_column(definition))
                }
                Alteration::DropColumn(column) => {
                    if !self.is_droppable(&before, &current, from, &column.name) {
                        return Ok(None);
                    }
                    statements.push(format!("ALTER TABLE {table} DROP COLUMN {}", quote(&column.name)));
                    current.without_column(&column.name)
                }
                _ => continue,
            };
            let Some(edited) = edited else { return Ok(None) };
            text = edited;
        }
        // ALTER TABLE cannot change anything else.
        Ok((CreateTable::parse(&text)?.shape() == after.shape()).then_some(statements))
    }

    /// Whether a downgrade must give each row a value of its own in that column.
    fn must_differ(&self, table: &Table, column: &str) -> bool {
        let has_default = table.find_column(column).is_some_and(|column| column.default.is_some());
        self.direction == Direction::Down && has_default && table.is_unique(column)
    }

    /// Whether ALTER TABLE DROP COLUMN takes the column:
    /// <https://www.sqlite.org/lang_altertable.html#alter_table_drop_column>.
    fn is_droppable(&self, before: &CreateTable, current: &CreateTable, table: &Table, name: &str) -> bool {
        let Some(item) = before.column(name) else { return false };
        let is_constrained =
            [Kind::PrimaryKey, Kind::Unique, Kind::ForeignKey].into_iter().any(|kind| item.find(kind).is_some());
        let mut others =
            current.items.iter().filter(|item| item.column.as_deref().is_none_or(|own| !same_name(own, name)));
        let is_mentioned = others.any(|item| mentions(current.span(&item.tokens), name));
        let mut own = self.kept.iter().filter(|object| same_name(&object.table, &table.name));
        let is_used = own.any(|object| mentions(&object.sql, name));
        !is_constrained && !is_mentioned && !is_used && !self.has_text_in_double_quotes()
    }

    /// Whether any text of the database may hold a string literal in double quotes, as SQLite allows: ALTER TABLE DROP
    /// COLUMN would rewrite all of them in single quotes.
    fn has_text_in_double_quotes(&self) -> bool {
        let tables = self.tables.iter().filter_map(|table| table.stored.as_ref());
        let indexes = self.tables.iter().flat_map(|table| &table.indexes).filter_map(|index| index.stored.as_ref());
        let mut texts = tables.chain(indexes).chain(self.objects.iter().map(|object| &object.sql));
        texts.any(|text| {
            let Ok(tokens) = tokens(text) else { return true };
            let follows_as = |at: usize| at > 0 && tokens[at - 1].is("AS");
            let is_value = |(at, token): (usize, &Token)| {
                token.text.starts_with('"') && !follows_as(at) && !self.is_name(&token.name())
            };
            tokens.iter().enumerate().any(is_value)
        })
    }

    /// Whether anything in the database has that name.
    fn is_name(&self, name: &str) -> bool {
        let is_in = |table: &Table| {
            let is_constraint = table.checks.iter().any(|check| check.name.as_deref() == Some(name));
            table.find_column(name).is_some() || is_constraint
        };
        self.is_taken(name) || self.tables.iter().any(|table| is_in(table))
    }
}

/// The definition of a column that ALTER TABLE ADD COLUMN takes, whether or not there are rows:
/// <https://www.sqlite.org/lang_altertable.html#alter_table_add_column>. SQLite 3.35 and 3.36 do not check the rows
/// against its CHECK.
fn addable<'a>(table: &CreateTable<'a>, column: &str) -> Option<&'a str> {
    let item = table.column(column)?;
    let default = item.find(Kind::Default).map(|default| table.default_text(default));
    // Existing rows would show TRUE as a number, even in a TEXT column.
    let is_word = |text: &str| ["TRUE", "FALSE"].iter().any(|word| text.eq_ignore_ascii_case(word));
    let is_text = table.declared_type(column).is_some_and(|ty| storage(ty, false) == Storage::Text);
    let is_computed = |text: &str| text.starts_with('(') || text.to_ascii_uppercase().starts_with("CURRENT_");
    let is_constant = |text: &str| !(is_computed(text) || is_text && is_word(text));
    let is_null = default.is_none_or(|text| text.eq_ignore_ascii_case("NULL"));
    let fits = default.is_none_or(is_constant)
        && item.find(Kind::PrimaryKey).is_none()
        && item.find(Kind::Unique).is_none()
        && item.find(Kind::Generated).is_none()
        && item.find(Kind::Check).is_none()
        && (item.find(Kind::NotNull).is_none() || !is_null)
        && (item.find(Kind::ForeignKey).is_none() || is_null);
    fits.then(|| table.span(&item.tokens))
}
