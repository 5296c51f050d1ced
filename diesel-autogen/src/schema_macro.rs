//! The macro `schema!`.

/// Declares the tables of a database: for Diesel's query builder, and as data for migrations.
///
/// It takes what [`diesel::table!`] takes, and the whole output of `diesel print-schema`, pasted: tables, joins, the
/// `allow_…!` macros and `pub mod sql_types`. Attributes add what Diesel has no words for.
///
/// ```
/// # mod tables { diesel_autogen::schema! {
///     /// People who write posts.
///     users (id) {
///         id -> Integer,
///         #[max_length = 64]
///         #[unique]
///         nickname -> VarChar,
///         #[default = true]
///         active -> Bool,
///     }
///
///     #[index(user_id, written_at desc)]
///     posts (id) {
///         id -> Integer,
///         #[max_length = 140]
///         #[check = "length(body) > 0"]
///         body -> VarChar,
///         #[default = now]
///         written_at -> Timestamp,
///         #[references(users, on_delete = cascade)]
///         user_id -> Integer,
///     }
/// }
/// # }
/// ```
///
/// # What it stands for
///
/// - One [`diesel::table!`] for each table. A primary key that is not stated is `id`, as in Diesel.
/// - [`diesel::joinable!`] for two tables with one foreign key between them, when it is a single column that refers to
///   the whole primary key. Where two keys leave the choice open, `diesel::joinable!(posts -> users (user_id));`
///   inside `schema!` makes it. A `joinable!` is for joins only: it says nothing about the database, where a foreign
///   key is written `#[references(users)]`.
/// - [`diesel::allow_tables_to_appear_in_same_query!`] of all tables.
/// - `pub fn schema() -> diesel_autogen::Schema`, the same tables as data.
///
/// The crate that calls the macro needs `diesel` among its dependencies, under this name. There can be one `schema!` in a
/// module.
///
/// # Types
///
/// Those of Diesel for SQLite and PostgreSQL, under every name that Diesel has for them, and `Nullable<…>` of each. A type
/// that a database lacks is an error when a migration for that database is planned; it names the column.
///
/// | Type | Other names | SQLite | PostgreSQL |
/// |---|---|---|---|
/// | `SmallInt` | `Int2`, `SmallSerial`, `Smallint` | SMALLINT | smallint |
/// | `Integer` | `Int4`, `Serial` | INTEGER | integer |
/// | `BigInt` | `Int8`, `BigSerial`, `Bigint` | BIGINT; an INTEGER may stay | bigint |
/// | `Float` | `Float4` | FLOAT | real |
/// | `Double` | `Float8` | DOUBLE | double precision |
/// | `Text` | `VarChar`, `Varchar` | TEXT; a VARCHAR(…) may stay | text |
/// | `Text` with a `max_length` | | VARCHAR(…) | varchar(…) |
/// | `Binary` | `Bytea`, `Blob` | BLOB | bytea |
/// | `Bool` | | BOOLEAN | boolean |
/// | `Date`, `Time` | | DATE, TIME | date, time |
/// | `Timestamp` | | TIMESTAMP | timestamp |
/// | `TimestamptzSqlite` | | TIMESTAMP | |
/// | `Timestamptz` | | | timestamptz |
/// | `Numeric` | `Decimal` | DOUBLE | numeric |
/// | `Json`, `Jsonb` | | TEXT, BLOB | json, jsonb |
/// | `Bpchar`, `Bit` | | VARCHAR(…), BIT(…) | char(…), bit(…) |
/// | `Array<…>` of any type | | | an array |
/// | `Range<…>`, `Multirange<…>` | `Int4range`, `Int8range`, `Numrange`, `Tsrange`, `Tstzrange`, `Daterange`, the same with `multirange` | | int4range … |
/// | `MacAddr`, `MacAddr8` | `Macaddr`, `Macaddr8` | | macaddr, macaddr8 |
/// | `Interval`, `Uuid`, `Inet`, `Cidr`, `Money`, `Oid`, `PgLsn`, `CChar`, `Citext` | | | of the same name |
/// | a type of `pub mod sql_types` | | what `sqlite_type(name = "…")` says | what `postgres_type(name = "…", schema = "…")` says |
///
/// What Diesel's name does not say stays as it is in the database: the `(10, 2)` of a numeric, a domain over the type,
/// and on SQLite each declared type that Diesel reads as the column's type. `#[sql_type = "numeric(10, 2)"]` states the
/// type in the database's own words; SQLite declares the type that Diesel reads from them. An enum, a domain or a type of an extension is made in a migration that is written
/// by hand, before the first column that has it.
///
/// A key named `rowid`, `oid` or `_rowid_` stands in Diesel's output for the hidden key of a SQLite table that has none:
/// on SQLite it is a column only where the table has such a column, or a foreign key refers to it.
///
/// A table in a PostgreSQL schema (`auth.users (id) { … }`) can be queried by Diesel. Migrations are for the tables of the
/// first schema in the search path only: for a table in another one, and on SQLite, planning fails and names the table.
///
/// # Attributes of a column
///
/// | Attribute | Meaning |
/// |---|---|
/// | `#[max_length = 64]` | the longest text, in characters |
/// | `#[unique]`, `#[unique(name = "one_nickname")]` | a unique index; its name is else made from the table's and the column's: `users_nickname_key` |
/// | `#[index]`, `#[index(desc)]`, `#[index(name = "newest", desc)]` | an index, named `posts_written_at_idx` unless stated; nothing beside `#[unique]` |
/// | `#[default = 0]`, `= -1`, `= 2.5`, `= "text"`, `= true` | the default, of the column's type |
/// | `#[default = now]` | the current date, time, or both, in UTC |
/// | `#[default(sql = "random()")]` | any other default, in SQL |
/// | `#[check = "length(body) > 0"]`, `#[check(name = "has_body", sql = "…")]` | a condition that every row meets; repeatable |
/// | `#[references(users)]` | a foreign key to the primary key of `users` |
/// | `#[references(users(email))]` | a foreign key to a unique column |
/// | `#[sql_type = "numeric(10, 2)"]` | the type in the database, where Diesel's name does not say all of it; Diesel's type may be any that is in scope |
/// | `#[references(users, on_delete = cascade, on_update = restrict)]` | what happens when the other row goes or its key changes: `cascade`, `restrict`, `set_null`, `set_default` or `no_action`, which is what happens unless stated |
/// | `#[sql_name = "type"]` | the name in the database, where it is not the name in Rust |
/// | `#[renamed_from = "nick"]` | the column had this name in the database before: the next migration renames it |
///
/// # Attributes of a table
///
/// | Attribute | Meaning |
/// |---|---|
/// | `#[unique(a, b)]`, `#[unique(a, b desc, name = "pair")]` | no two rows are equal in all these columns |
/// | `#[index(a, b desc)]`, `#[index(a, b desc, name = "newest")]` | an index of these columns, in this order |
/// | `#[foreign_key(a, b -> other(x, y), on_delete = cascade)]` | a foreign key of several columns; without `(x, y)` it refers to the primary key |
/// | `#[check = "starts < ends"]`, `#[check(name = "in_order", sql = "…")]` | a condition on several columns |
/// | `#[sql_name = "people"]` | the name in the database |
/// | `#[without_primary_key]` | the table has no primary key in the database; the key that is stated here is for Diesel only |
/// | `#[renamed_from = "person"]` | the table had this name in the database before: the next migration renames it |
///
/// `unique`, `index`, `foreign_key` and `check` can be repeated, and `references` at a column. Attributes name tables and
/// columns as Rust does; only `sql_name`, `renamed_from`, `name` and SQL texts are names in the database. Doc comments and
/// `#[allow(…)]` are passed to Diesel.
///
/// # Errors
///
/// What is wrong is a compile error at the place where it is written: an unknown attribute, type, table or column, two
/// tables, columns or indexes with one name (SQL does not regard ASCII case), a default that does not fit its type, a
/// foreign key to columns that are not unique or of another type, an `on_delete` that its column does not allow.
///
/// [`diesel::table!`]: https://docs.rs/diesel/2/diesel/macro.table.html
/// [`diesel::joinable!`]: https://docs.rs/diesel/2/diesel/macro.joinable.html
/// [`diesel::allow_tables_to_appear_in_same_query!`]: https://docs.rs/diesel/2/diesel/macro.allow_tables_to_appear_in_same_query.html
#[macro_export]
macro_rules! schema {
    ($($input:tt)*) => {
        $crate::__schema! { ($crate) $($input)* }
    };
}
