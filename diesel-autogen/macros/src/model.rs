//! The tables with every name resolved: what is checked, and what code is written from.
//!
//! A table is known by its place in the list of tables, a column by its place in its table, so that a name that was
//! found once need not be looked up again.

use proc_macro2::Span;
use syn::{Attribute, Ident, ItemMod, ItemUse, LitInt, LitStr};

use crate::types::ColumnType;
use crate::values::{Actions, Check, ColumnDefault};

/// All that `schema!` declares.
pub struct Model {
    pub tables: Vec<Table>,
    /// What `joinable!` says, in the order in which it is written.
    pub joinables: Vec<Join>,
    /// Modules of types, as they are written.
    pub modules: Vec<ItemMod>,
    /// What each `allow_columns_to_appear_in_same_group_by_clause!` names: columns with their tables.
    pub grouped: Vec<Vec<(Place, Place)>>,
}

/// One table.
pub struct Table {
    pub passed: Vec<Attribute>,
    pub uses: Vec<ItemUse>,
    /// The PostgreSQL schema that it is in.
    pub schema: Option<Ident>,
    pub ident: Ident,
    /// Its name in the database.
    pub name: String,
    pub renamed_from: Option<LitStr>,
    /// Whether the database has no primary key, so that `key` is for Diesel only.
    pub without_primary_key: bool,
    pub columns: Vec<Column>,
    pub key: Vec<Place>,
    pub indexes: Vec<Index>,
    pub foreign_keys: Vec<ForeignKey>,
    pub checks: Vec<Check>,
}

/// One column.
pub struct Column {
    pub passed: Vec<Attribute>,
    pub ident: Ident,
    /// Its name in the database.
    pub name: String,
    pub renamed_from: Option<LitStr>,
    pub ty: ColumnType,
    /// The type in the database's words, where it is stated.
    pub sql_type: Option<LitStr>,
    pub max_length: Option<LitInt>,
    pub default: Option<ColumnDefault>,
}

/// A table or a column that an attribute names: which, and where it is named.
#[derive(Clone, Copy)]
pub struct Place {
    pub at: usize,
    pub span: Span,
}

/// An index.
pub struct Index {
    pub span: Span,
    /// The name that is stated.
    pub stated_name: Option<LitStr>,
    /// The name that it has.
    pub name: String,
    pub unique: bool,
    /// The columns, and whether each descends.
    pub columns: Vec<(Place, bool)>,
}

/// A foreign key.
pub struct ForeignKey {
    pub columns: Vec<Place>,
    pub table: Place,
    pub references: Vec<Place>,
    pub actions: Actions,
}

/// That two tables are joined by one column of the first and the primary key of the second.
#[derive(Clone, Copy)]
pub struct Join {
    pub child: Place,
    pub parent: Place,
    pub column: Place,
}

impl Table {
    /// The column at this place.
    pub fn column(&self, place: Place) -> &Column {
        &self.columns[place.at]
    }

    /// Whether this column is the whole primary key.
    pub fn is_sole_key(&self, column: usize) -> bool {
        matches!(self.key.as_slice(), [key] if key.at == column)
    }
}

impl Model {
    /// The table at this place.
    pub fn table(&self, place: Place) -> &Table {
        &self.tables[place.at]
    }
}

/// The places without where they are named, to compare them.
pub fn positions(places: &[Place]) -> Vec<usize> {
    places.iter().map(|place| place.at).collect()
}
