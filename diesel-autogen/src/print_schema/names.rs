//! The names in Rust of tables and columns, as the command line of Diesel chooses them.

use crate::schema::{Schema, Table, same_name};

use super::text::quoted;
use crate::table_path::name_of;

/// The names of all tables, in the schema's order.
pub(super) struct Names {
    pub tables: Vec<TableNames>,
}

/// The names of one table and its columns.
pub(super) struct TableNames {
    pub ident: String,
    /// The key that Diesel needs.
    pub key: Vec<String>,
    /// The column that stands for the hidden key of a table without one, in a database that has hidden keys.
    pub rowid: Option<&'static str>,
    /// Whether the key is for Diesel only.
    pub is_without_key: bool,
    /// The table's name, and its name without its schema, which is apart.
    name: String,
    bare: String,
    schema: Option<String>,
    /// Each column's name in the database and in Rust.
    columns: Vec<(String, String)>,
}

/// No table and no column can have these names in `diesel::table!`: keywords, what the macro defines or is generic over,
/// and what `diesel::sql_types` exports.
const RESERVED: &str = " abstract as async await become box break const continue crate do dyn else enum extern false \
    final fn for gen if impl in let loop macro match mod move mut override priv pub ref return Self self static struct \
    super trait true try type typeof unsafe unsized use virtual where while yield _ \
    BoxedQuery DB From Join Left Ok On QS Rhs Right SqlType T TSM all_columns bool columns diesel diesel_autogen dsl \
    is_nullable ops q sql_types star str table \
    AllAreNullable AreAllNullable Array BigInt BigSerial Bigint Binary Bit Blob Bool BoolOrNullableBool Bpchar Bytea \
    CChar Char Cidr Citext CombinedNullableValue Date Datemultirange Daterange Datetime Decimal DieselNumericOps Double \
    ExpressionMethods Float Float4 Float8 Foldable HasSqlType Inet Int2 Int4 Int4multirange Int4range Int8 \
    Int8multirange Int8range Integer Interval IntoNotNullable IntoNullable IsNullable IsOneNullable IsSqlTypeNullable \
    Json Jsonb Longblob Longtext MacAddr MacAddr8 Macaddr Macaddr8 MaybeNullable MaybeNullableType Mediumblob Mediumtext \
    Money Multirange NotNull NullValueTreatmentEnum Nullable NullableExpressionMethods Numeric Nummultirange Numrange \
    Oid OneIsNullable PgLsn Range RangeBoundEnum Record Serial SingleValue SmallInt SmallSerial Smallint SqlOrd Text \
    Time Timestamp Timestamptz TimestamptzSqlite TinyInt Tinyblob Tinyint Tinytext Tsmultirange Tsrange Tstzmultirange \
    Tstzrange TypeMetadata Unsigned Untyped Uuid VarChar Varbinary Varchar ";

impl Names {
    pub fn of(schema: &Schema) -> Self {
        let bare: Vec<_> = schema.tables.iter().map(name_of).collect();
        let wanted = schema.tables.iter().zip(&bare).map(|(table, name)| match &table.schema {
            Some(schema) if bare.iter().filter(|other| same_name(other, name)).count() > 1 => {
                format!("{schema}_{name}")
            }
            _ => name.clone(),
        });
        let wanted: Vec<_> = wanted.collect();
        let idents = unique(wanted.iter().map(String::as_str), "");
        let tables = schema.tables.iter().zip(idents).map(|(table, ident)| TableNames::of(table, ident, schema));
        Self { tables: tables.collect() }
    }

    pub fn of_table(&self, table: &Table) -> &TableNames {
        // Every table of the schema has its names.
        self.tables.iter().find(|names| names.name == table.name).unwrap_or(&self.tables[0])
    }
}

impl TableNames {
    fn of(table: &Table, ident: String, schema: &Schema) -> Self {
        let columns = unique(table.columns.iter().map(|column| column.name.as_str()), &ident);
        let columns = table.columns.iter().map(|column| column.name.clone()).zip(columns).collect();
        let is_without_key = table.primary_key.is_empty();
        let is_free = |name: &&str| table.find_column(name).is_none() && ident != *name;
        let mut keys = schema.tables.iter().flat_map(|other| &other.foreign_keys);
        let is_referred_to = keys.any(|key| same_name(&key.table, &table.name));
        let is_hidden = is_without_key && table.stored.is_some() && !is_referred_to;
        let rowid = ["rowid", "oid", "_rowid_"].into_iter().filter(|_| is_hidden).find(is_free);
        let mut names = Self {
            ident,
            key: Vec::new(),
            rowid,
            is_without_key: is_without_key && rowid.is_none(),
            name: table.name.clone(),
            bare: name_of(table),
            schema: table.schema.clone(),
            columns,
        };
        // Where no columns are known to identify a row, all of them do as well as any.
        let all: Vec<_> = table.columns.iter().map(|column| column.name.clone()).collect();
        let unique = table.indexes.iter().find(|index| index.unique && !index.is_undeclarable());
        names.key = match (rowid, unique) {
            (Some(rowid), _) => vec![rowid.to_owned()],
            (None, _) if !is_without_key => names.columns(&table.primary_key),
            (None, Some(index)) => names.columns(&index.column_names()),
            (None, None) => names.columns(&all),
        };
        names
    }

    /// The names in Rust of columns.
    pub fn columns(&self, names: &[String]) -> Vec<String> {
        names.iter().map(|name| self.column(name).to_owned()).collect()
    }

    /// The name in Rust of a column.
    pub fn column(&self, name: &str) -> &str {
        self.columns.iter().find(|(own, _)| same_name(own, name)).map_or("", |(_, ident)| ident)
    }

    /// The table's name in its declaration.
    pub fn declared(&self) -> String {
        self.schema.as_ref().map_or_else(|| self.ident.clone(), |schema| format!("{schema}.{}", self.ident))
    }

    pub fn sql_name(&self) -> Option<String> {
        sql_name(&self.ident, &self.bare)
    }

    pub fn sql_name_of(&self, column: &str) -> Option<String> {
        sql_name(self.column(column), column)
    }
}

/// The attribute of a name that is another one in Rust.
fn sql_name(ident: &str, name: &str) -> Option<String> {
    // Diesel takes a `r#` off.
    let raw = if name.starts_with("r#") { "r#" } else { "" };
    (ident != name).then(|| format!("#[sql_name = {}]", quoted(&format!("{raw}{name}"))))
}

/// A name in Rust for each name, no two of them equal. Those that need no other come first.
fn unique<'a>(names: impl Iterator<Item = &'a str>, table: &str) -> Vec<String> {
    let names: Vec<_> = names.collect();
    let mut idents: Vec<_> = names.iter().map(|name| ident(name, table)).collect();
    let mut taken: Vec<String> = Vec::new();
    let mut others = Vec::new();
    for (name, ident) in names.iter().zip(&mut idents) {
        if *name == ident && !taken.contains(ident) {
            taken.push(ident.clone());
        } else {
            others.push(ident);
        }
    }
    for ident in others {
        while taken.contains(ident) || ident == table {
            ident.push('_');
        }
        taken.push(ident.clone());
    }
    idents
}

/// Whether a name is an identifier as it is.
pub(super) fn is_identifier(name: &str) -> bool {
    ident(name, "") == name
}

pub(super) fn is_reserved(ident: &str) -> bool {
    RESERVED.contains(&format!(" {ident} "))
}

/// The name in Rust: other characters than ASCII letters, digits and `_` become one `_`, and a name that is reserved or
/// is that of its table gets a `_` at its end.
fn ident(name: &str, table: &str) -> String {
    let mut ident = String::new();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        ident.push('_');
    }
    let mut is_replaced = false;
    for char in name.chars() {
        let is_plain = char.is_ascii_alphanumeric() || char == '_';
        if is_plain || !is_replaced {
            ident.push(if is_plain { char } else { '_' });
        }
        is_replaced = !is_plain;
    }
    let is_internal = ident.starts_with("__") && !ident.ends_with('_');
    if is_internal || ident == table || is_reserved(&ident) {
        ident.push('_');
    }
    ident
}

#[cfg(test)]
mod tests {
    use super::unique;

    #[test]
    fn every_name_becomes_an_identifier() {
        let names = ["type", "self", "a b", "a_b", "a-b", "größe", "1st", "__x", "table", "t", "\"", "_", "Date", "Id"];
        let idents = unique(names.into_iter(), "t").join(" ");
        assert_eq!(idents, "type_ self_ a_b_ a_b a_b__ gr_e _1st __x_ table_ t_ __ ___ Date_ Id");
    }
}
