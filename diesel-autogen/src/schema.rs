//! What a database looks like: tables, columns, keys, indexes and checks as plain data, with no SQL in it.
//!
//! A [`Schema`] comes from the tables in Rust ([`schema!`](crate::schema!)) or from a live database
//! ([`Migrator::introspect`](crate::Migrator::introspect)); [`diff`](crate::diff()) compares two of them.

use std::fmt;

/// All the tables of one database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schema {
    /// The tables, in the order in which they were declared or created.
    pub tables: Vec<Table>,
    /// Triggers, views and other objects of a live database; `None` in a schema that comes from code, which cannot
    /// declare them.
    pub objects: Option<Vec<Object>>,
}

impl Schema {
    /// A schema of these tables.
    #[must_use]
    pub fn new(tables: impl IntoIterator<Item = Table>) -> Self {
        Self { tables: tables.into_iter().collect(), ..Self::default() }
    }

    /// Triggers, views and other objects of a live database.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        self.objects.as_deref().unwrap_or_default()
    }

    /// The table of that name, compared as SQL compares names: without regard to ASCII case.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| same_name(&table.name, name))
    }
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Table {
    /// Its name in the database. A table that was read from another PostgreSQL schema than the current one has its path,
    /// `auth.users`, and one with a dot in its name has it in quotes there.
    pub name: String,
    /// The PostgreSQL schema that it is in; `None` for the current one, the first of the search path.
    pub schema: Option<String>,
    /// The name it had before, where the models declare a rename.
    pub renamed_from: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// The names of the primary key's columns, in the key's order; empty where there is no key.
    pub primary_key: Vec<String>,
    /// The name of the primary key constraint, in a database that names it.
    pub primary_key_name: Option<String>,
    /// Its indexes. A UNIQUE constraint counts as a unique index.
    pub indexes: Vec<Index>,
    /// Its foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Its CHECK constraints, those written at a column among them.
    pub checks: Vec<Check>,
    /// The definition's clauses, in a live database; `None` for a table that comes from code. They are compared only
    /// when both tables have them.
    pub clauses: Option<Vec<Clause>>,
    /// The CREATE TABLE text that a live database stores. It is not compared.
    pub stored: Option<String>,
    /// The comment on it in a live database. It is not compared.
    pub comment: Option<String>,
}

impl Table {
    /// A table with this primary key and nothing else yet.
    #[must_use]
    pub fn new<'a>(name: &str, primary_key: impl IntoIterator<Item = &'a str>) -> Self {
        Self { name: name.into(), primary_key: names(primary_key), ..Self::default() }
    }

    /// Puts the table into a PostgreSQL schema.
    #[must_use]
    pub fn in_schema(mut self, name: &str) -> Self {
        self.schema = Some(name.into());
        self
    }

    /// Adds a column.
    #[must_use]
    pub fn column(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// Adds an index.
    #[must_use]
    pub fn index(mut self, index: Index) -> Self {
        self.indexes.push(index);
        self
    }

    /// Adds a foreign key.
    #[must_use]
    pub fn foreign_key(mut self, key: ForeignKey) -> Self {
        self.foreign_keys.push(key);
        self
    }

    /// Adds a CHECK constraint.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Declares that this table had another name before.
    #[must_use]
    pub fn renamed_from(mut self, name: &str) -> Self {
        self.renamed_from = Some(name.into());
        self
    }

    /// The column of that name, without regard to ASCII case.
    #[must_use]
    pub fn find_column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| same_name(&column.name, name))
    }

    /// Whether no two rows may be equal in that column alone.
    #[must_use]
    pub fn is_unique(&self, column: &str) -> bool {
        let is_alone = |index: &Index| matches!(index.columns.as_slice(), [only] if same_name(&only.name, column));
        self.is_sole_key(column) || self.indexes.iter().any(|index| index.unique && is_alone(index))
    }

    /// Whether an index is a UNIQUE of the primary key. It is redundant, and SQLite shows it or not by the type of the key.
    pub(crate) fn is_of_key(&self, index: &Index) -> bool {
        index.constraint && same_names(&index.column_names(), &self.primary_key)
    }

    /// Whether that column is the whole primary key.
    #[must_use]
    pub fn is_sole_key(&self, column: &str) -> bool {
        matches!(self.primary_key.as_slice(), [key] if same_name(key, column))
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// Its name in the database.
    pub name: String,
    /// The name it had before, where the models declare a rename.
    pub renamed_from: Option<String>,
    /// What it holds.
    pub ty: Type,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// What a row gets that names no value for it.
    pub default: Option<DefaultValue>,
    /// Whether it is a generated column, which `schema!` cannot declare.
    pub generated: bool,
    /// Whether the database numbers new rows in this column: `INTEGER PRIMARY KEY` on SQLite, an identity or serial
    /// column on PostgreSQL.
    pub identity: bool,
    /// How the database stores values beyond the type, where that differs from value to value: a SQLite affinity.
    pub storage: Option<Storage>,
    /// The comment on it in a live database. It is not compared.
    pub comment: Option<String>,
}

impl Column {
    /// A NOT NULL column without a default.
    #[must_use]
    pub fn new(name: &str, ty: Type) -> Self {
        Self {
            name: name.into(),
            renamed_from: None,
            ty,
            nullable: false,
            default: None,
            generated: false,
            identity: false,
            storage: None,
            comment: None,
        }
    }

    /// Lets the column hold NULL.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Sets the default.
    #[must_use]
    pub fn default(mut self, value: DefaultValue) -> Self {
        self.default = Some(value);
        self
    }

    /// Declares that this column had another name before.
    #[must_use]
    pub fn renamed_from(mut self, name: &str) -> Self {
        self.renamed_from = Some(name.into());
        self
    }
}

/// What a database makes of a value that is stored in a column: the affinities of SQLite
/// (<https://www.sqlite.org/datatype3.html#determination_of_column_affinity>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// A text.
    Text,
    /// A number where the value is one, else the value as it is. INTEGER affinity stores as NUMERIC does.
    Numeric,
    /// A floating-point number where the value is a number, else the value as it is.
    Real,
    /// The value as it is.
    Any,
}

/// What a column holds. The first eleven are the types that every database has.
///
/// A type that a database lacks is refused when a migration for that database is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// 16-bit integer.
    SmallInt,
    /// 32-bit integer.
    Integer,
    /// 64-bit integer.
    BigInt,
    /// 32-bit floating point.
    Float,
    /// 64-bit floating point.
    Double,
    /// Text: `Text` and `VarChar` of Diesel. A length is counted in characters.
    Text {
        /// The longest value, in characters, where one is stated.
        max_length: Option<u32>,
    },
    /// Bytes.
    Binary,
    /// True or false.
    Bool,
    /// A calendar date.
    Date,
    /// A time of day.
    Time,
    /// A date and a time of day, in UTC.
    Timestamp,
    /// Another type of Diesel's, under its name in `diesel::sql_types`: `Numeric`, `Uuid`, `Jsonb`, `Timestamptz`,
    /// `TimestamptzSqlite`, `Int4range`.
    Diesel(&'static str),
    /// An array of that type.
    Array(Box<Type>),
    /// A type that the program defines for Diesel by `#[derive(SqlType)]`.
    Custom {
        /// Its name in Rust.
        name: String,
        /// The type on PostgreSQL, as SQL writes it; `None` where `postgres_type` names none.
        postgres: Option<String>,
        /// The type by which SQLite stores it: the name in `sqlite_type`, such as `Text`.
        sqlite: Option<String>,
    },
    /// A type that has no counterpart above, in the database's own words: `numeric(10,2)`, an enum's name.
    Other(String),
}

impl fmt::Display for Type {
    /// Writes the type as `schema!` spells it, a length in parentheses: `Integer`, `VarChar(64)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SmallInt => f.write_str("SmallInt"),
            Self::Integer => f.write_str("Integer"),
            Self::BigInt => f.write_str("BigInt"),
            Self::Float => f.write_str("Float"),
            Self::Double => f.write_str("Double"),
            Self::Text { max_length: None } => f.write_str("Text"),
            Self::Text { max_length: Some(length) } => write!(f, "VarChar({length})"),
            Self::Binary => f.write_str("Binary"),
            Self::Bool => f.write_str("Bool"),
            Self::Date => f.write_str("Date"),
            Self::Time => f.write_str("Time"),
            Self::Timestamp => f.write_str("Timestamp"),
            Self::Array(item) => write!(f, "Array<{item}>"),
            Self::Diesel(name) => f.write_str(name),
            Self::Custom { name, .. } | Self::Other(name) => f.write_str(name),
        }
    }
}

/// What a column gets when an INSERT does not name it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultValue {
    /// A number, as it is written: `0`, `-1`, `2.5`.
    Number(String),
    /// A text, without quotes.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// The current date, time, or both, in UTC, whichever the column's type holds.
    Now,
    /// Any other SQL expression, in the database's own words.
    Sql(String),
}

/// An index, or a UNIQUE constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Index {
    /// Its name in the database.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<IndexColumn>,
    /// Whether two rows may not be equal in these columns.
    pub unique: bool,
    /// Whether it is part of the CREATE TABLE text (UNIQUE in SQLite), so that its name is the database's own.
    pub constraint: bool,
    /// The CREATE INDEX text that a live database keeps.
    pub stored: Option<String>,
}

impl Index {
    /// An index of these columns, all ascending; its name is made from the table's and the columns':
    /// `posts_user_id_idx`, or with `_key` at the end when it is unique, as PostgreSQL names them.
    #[must_use]
    pub fn new(table: &str, columns: impl IntoIterator<Item = IndexColumn>, unique: bool) -> Self {
        let columns: Vec<_> = columns.into_iter().collect();
        let mut name = table.to_owned();
        for column in &columns {
            name.push('_');
            name.push_str(&column.name);
        }
        name.push_str(if unique { "_key" } else { "_idx" });
        Self { name, columns, unique, constraint: false, stored: None }
    }

    /// The names of its columns, in order.
    pub(crate) fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// Whether it names a column twice or has an empty name, which the models cannot declare.
    pub(crate) fn is_undeclarable(&self) -> bool {
        self.name.is_empty() || repeats(&self.column_names())
    }

    /// Gives the index a name of its own.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }
}

/// One column of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexColumn {
    /// The column's name.
    pub name: String,
    /// Whether the index runs from the largest value to the smallest.
    pub descending: bool,
}

impl IndexColumn {
    /// An ascending column.
    #[must_use]
    pub fn asc(name: &str) -> Self {
        Self { name: name.into(), descending: false }
    }

    /// A descending column.
    #[must_use]
    pub fn desc(name: &str) -> Self {
        Self { name: name.into(), descending: true }
    }
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignKey {
    /// The constraint's name, in a database that names it. It is not compared.
    pub name: Option<String>,
    /// The columns of this table.
    pub columns: Vec<String>,
    /// The table that they refer to.
    pub table: String,
    /// The PostgreSQL schema of that table, where the models state one.
    pub schema: Option<String>,
    /// The columns of that table.
    pub references: Vec<String>,
    /// What happens to this row when the other is deleted.
    pub on_delete: Action,
    /// What happens to this row when the other's key changes.
    pub on_update: Action,
}

impl ForeignKey {
    /// A foreign key that does nothing on delete and on update but refuse them.
    #[must_use]
    pub fn new<'a>(
        columns: impl IntoIterator<Item = &'a str>,
        table: &str,
        references: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            name: None,
            columns: names(columns),
            table: table.into(),
            schema: None,
            references: names(references),
            on_delete: Action::NoAction,
            on_update: Action::NoAction,
        }
    }

    /// Says which PostgreSQL schema the table that is referred to is in.
    #[must_use]
    pub fn in_schema(mut self, name: &str) -> Self {
        self.schema = Some(name.into());
        self
    }

    /// Sets what happens when the row that is referred to is deleted.
    #[must_use]
    pub fn on_delete(mut self, action: Action) -> Self {
        self.on_delete = action;
        self
    }

    /// Whether it is a key of that column alone.
    pub(crate) fn is_of(&self, column: &str) -> bool {
        matches!(self.columns.as_slice(), [own] if same_name(own, column))
    }

    /// Sets what happens when the key that is referred to changes.
    #[must_use]
    pub fn on_update(mut self, action: Action) -> Self {
        self.on_update = action;
        self
    }
}

/// What a foreign key does when the row it refers to goes or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Action {
    /// The change is refused at the end of the statement.
    #[default]
    NoAction,
    /// The change is refused at once.
    Restrict,
    /// This row goes, or changes, too.
    Cascade,
    /// This row's columns become NULL.
    SetNull,
    /// This row's columns take their default.
    SetDefault,
}

/// A CHECK constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The condition, in SQL, without the parentheses around it.
    pub expression: String,
    /// The condition as the database compares it: two checks with equal ones are the same check.
    pub normalized: String,
}

impl Check {
    /// A check without a name.
    #[must_use]
    pub fn new(expression: &str) -> Self {
        Self { name: None, expression: expression.into(), normalized: expression.into() }
    }

    /// Gives the check a name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// One clause of a table's definition in a live database: a column's type, a constraint, or a table option.
///
/// Clauses hold what the other fields of [`Table`] cannot: a collation, ON CONFLICT, DEFERRABLE, STRICT.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Clause {
    /// The column it belongs to; `None` for a table constraint or option.
    pub column: Option<String>,
    /// What it is.
    pub kind: ClauseKind,
    /// The clause as the database compares it, without comments and with even spaces.
    pub normalized: String,
    /// The beginning of the column's or constraint's definition, for a message.
    pub text: String,
}

/// The kinds of [`Clause`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClauseKind {
    /// A column's declared type.
    Type,
    /// PRIMARY KEY.
    PrimaryKey,
    /// NOT NULL.
    NotNull,
    /// UNIQUE.
    Unique,
    /// CHECK.
    Check,
    /// COLLATE.
    Collation,
    /// REFERENCES or FOREIGN KEY.
    ForeignKey,
    /// The expression of a generated column.
    Generated,
    /// A table option, and whatever else a definition may hold.
    Option,
}

/// An object of a live database that [`schema!`](crate::schema!) cannot declare.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// The table that it belongs to; its own name where it belongs to none.
    pub table: String,
    /// The SQL that creates it.
    pub sql: String,
    /// That SQL as the database compares it: two objects with equal ones are the same.
    pub normalized: String,
}

impl Object {
    /// Whether an administrator may add it to what a migration made: a comment, a privilege, an owner.
    pub(crate) fn is_note(&self) -> bool {
        matches!(self.kind, ObjectKind::Other("comment" | "privilege" | "owner" | "default privileges"))
            || matches!(self.kind, ObjectKind::Other(kind) if kind.starts_with("privileges of "))
    }
}

/// The kinds of [`Object`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectKind {
    /// An index on an expression, on part of the rows, or with a collation of its own.
    Index,
    /// A trigger.
    Trigger,
    /// A view.
    View,
    /// A virtual table, such as a full text search.
    VirtualTable,
    /// Any other kind, by its name: a policy, a function, a domain, a comment.
    Other(&'static str),
}

/// Whether two names are equal in SQL, which ignores ASCII case.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Whether two lists hold the same names in the same order.
pub(crate) fn same_names(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_name(a, b))
}

/// Whether two lists hold the same names in any order.
pub(crate) fn same_set(a: &[String], b: &[String]) -> bool {
    let sorted = |names: &[String]| {
        let mut names: Vec<_> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.sort();
        names
    };
    sorted(a) == sorted(b)
}

/// Whether a list holds a name twice.
pub(crate) fn repeats(names: &[String]) -> bool {
    names.iter().enumerate().any(|(at, name)| names[..at].iter().any(|other| same_name(other, name)))
}

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names.into_iter().map(Into::into).collect()
}
