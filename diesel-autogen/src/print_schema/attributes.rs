//! Indexes, defaults, checks and foreign keys as attributes, and texts as Rust writes them.

use super::names::{Names, TableNames};
use super::text::quoted;
use crate::schema::{
    Action, Check, Column, DefaultValue, ForeignKey, Index, Schema, Table, Type, same_name, same_names,
};
use crate::table_path::name_of;

/// A column as it is written.
pub(super) struct Written {
    pub attributes: Vec<String>,
    pub declaration: String,
    /// Whether it has an attribute `index` or `unique` of its own.
    pub has_index: bool,
}

/// The names of indexes and tables, of which no two may be equal.
pub(super) struct Indexes {
    taken: Vec<String>,
}

impl Indexes {
    pub fn of(schema: &Schema) -> Self {
        let tables = schema.tables.iter().map(|table| &table.name);
        let indexes = schema.tables.iter().flat_map(|table| &table.indexes).filter(|index| !is_unnamed(index));
        let taken = tables.chain(indexes.map(|index| &index.name));
        Self { taken: taken.map(|name| name.to_ascii_lowercase()).collect() }
    }

    /// The attribute of an index, and the place of the column above which it stands; `None` above the table.
    pub fn attribute(
        &mut self,
        table: &Table,
        names: &TableNames,
        index: &Index,
        columns: &mut [Written],
    ) -> (String, Option<usize>) {
        let word = if index.unique { "unique" } else { "index" };
        let name = self.stated_name(table, index).map(|name| format!("name = {}", quoted(&name)));
        let own = match index.columns.as_slice() {
            [only] => table.columns.iter().position(|column| same_name(&column.name, &only.name)),
            _ => None,
        };
        // A column has one such attribute, and `unique` of a column has no order.
        let own = own.filter(|at| !(columns[*at].has_index || index.unique && index.columns[0].descending));
        let mut options: Vec<_> = match own {
            Some(_) if index.columns[0].descending => vec!["desc".to_owned()],
            Some(_) => Vec::new(),
            None => {
                let desc = |descending| if descending { " desc" } else { "" };
                let columns = index.columns.iter();
                columns.map(|column| format!("{}{}", names.column(&column.name), desc(column.descending))).collect()
            }
        };
        options.extend(name);
        if let Some(at) = own {
            columns[at].has_index = true;
        }
        let options = if options.is_empty() { String::new() } else { format!("({})", options.join(", ")) };
        (format!("#[{word}{options}]"), own)
    }

    /// The name of an index, where it is not the one that the library would give it.
    fn stated_name(&mut self, table: &Table, index: &Index) -> Option<String> {
        let usual = Index::new(&name_of(table), index.columns.iter().cloned(), index.unique).name;
        if !is_unnamed(index) {
            return (usual != index.name).then(|| index.name.clone());
        }
        let mut free = usual.clone();
        for number in 2.. {
            if !self.taken.contains(&free.to_ascii_lowercase()) {
                break;
            }
            free = format!("{usual}_{number}");
        }
        self.taken.push(free.to_ascii_lowercase());
        (free != usual).then_some(free)
    }
}

/// Whether the database itself named the index of a constraint, by a name that no other index can have.
fn is_unnamed(index: &Index) -> bool {
    index.constraint && index.name.starts_with("sqlite_")
}

/// What follows `default` in the attribute of a column.
pub(super) fn default(column: &Column) -> Option<String> {
    let sql = |sql: &str| format!("(sql = {})", quoted(sql));
    Some(match column.default.as_ref().filter(|_| !column.generated)? {
        DefaultValue::Number(number) if is_literal(number, &column.ty) => format!(" = {number}"),
        DefaultValue::Text(text) if is_short(text, &column.ty) => format!(" = {}", quoted(text)),
        DefaultValue::Text(text) => sql(&crate::text::literal(text)),
        DefaultValue::Bool(value) if column.ty == Type::Bool => format!(" = {value}"),
        DefaultValue::Bool(value) => sql(&value.to_string()),
        DefaultValue::Now => " = now".to_owned(),
        DefaultValue::Number(text) | DefaultValue::Sql(text) => sql(text),
    })
}

/// Whether a number is a literal in Rust that is printed as it is read, and that the type can hold.
fn is_literal(number: &str, ty: &Type) -> bool {
    let is_same = |value: Option<String>| value.as_deref() == Some(number);
    let whole = number.parse::<i64>().ok();
    let is_whole = is_same(whole.map(|value| value.to_string()));
    let is_decimal = is_same(number.parse::<f64>().ok().map(|value| value.to_string()))
        && number.contains('.')
        && number.chars().all(|char| char.is_ascii_digit() || ['-', '.'].contains(&char));
    match ty {
        Type::SmallInt => is_same(number.parse::<i16>().ok().map(|value| value.to_string())),
        Type::Integer => is_same(number.parse::<i32>().ok().map(|value| value.to_string())),
        Type::BigInt => is_whole,
        Type::Float => is_whole || is_decimal && number.parse::<f32>().is_ok_and(f32::is_finite),
        Type::Double => is_whole || is_decimal,
        _ => false,
    }
}

/// Whether a text is a default that `schema!` takes: one that fits a text column.
fn is_short(text: &str, ty: &Type) -> bool {
    match ty {
        Type::Text { max_length } => max_length.is_none_or(|longest| text.chars().count() <= longest as usize),
        _ => false,
    }
}

/// The attribute of a check, and the place of the column above which it stands; `None` above the table.
pub(super) fn check(table: &Table, check: &Check, earlier: &[Check]) -> (String, Option<usize>) {
    let sql = quoted(&check.expression);
    let is_repeated =
        |name: &&String| earlier.iter().any(|other| other.name.as_ref().is_some_and(|other| same_name(other, name)));
    let name = check.name.as_ref().filter(|name| !is_usual(table, name) && !is_repeated(name));
    let attribute = match name {
        Some(name) => format!("#[check(name = {}, sql = {sql})]", quoted(name)),
        None => format!("#[check = {sql}]"),
    };
    let is_part = |char: char| !char.is_alphanumeric() && char != '_';
    let is_named = |column: &Column| check.expression.split(is_part).any(|word| same_name(word, &column.name));
    let mut named = (0..table.columns.len()).filter(|at| is_named(&table.columns[*at]));
    let only = named.next().filter(|_| named.next().is_none());
    // What stands in quotes may name another column.
    (attribute, only.filter(|_| !check.expression.contains(['"', '`', '['])))
}

/// Whether a check has the name that a database gives to one without a name: `users_age_check`, `users_check1`.
fn is_usual(table: &Table, name: &str) -> bool {
    let bare = name.trim_end_matches(|char: char| char.is_ascii_digit());
    let middle = bare.strip_prefix(&name_of(table)).and_then(|rest| rest.strip_suffix("_check"));
    middle.is_some_and(|middle| {
        middle.is_empty() || middle.strip_prefix('_').is_some_and(|column| table.find_column(column).is_some())
    })
}

/// The other side of a foreign key and its actions.
pub(super) fn foreign_key(key: &ForeignKey, schema: &Schema, names: &Names) -> String {
    let Some(other) = schema.table(&key.table) else { return String::new() };
    let names = names.of_table(other);
    let mut text = names.ident.clone();
    if !same_names(&key.references, &other.primary_key) {
        let columns: Vec<_> = key.references.iter().map(|column| names.column(column)).collect();
        text = format!("{text}({})", columns.join(", "));
    }
    for (event, action) in [("on_delete", key.on_delete), ("on_update", key.on_update)] {
        if action != Action::NoAction {
            text = format!("{text}, {event} = {}", action.to_string().replace(' ', "_"));
        }
    }
    text
}

/// Why no row can meet a foreign key's action.
pub(super) fn impossible_action(table: &Table, key: &ForeignKey) -> Option<&'static str> {
    let mut columns = key.columns.iter().filter_map(|column| table.find_column(column));
    let has = |action| key.on_delete == action || key.on_update == action;
    if has(Action::SetNull) && columns.clone().any(|column| !column.nullable) {
        return Some("SET NULL of a column that is NOT NULL");
    }
    let without = columns.any(|column| !column.nullable && column.default.is_none());
    (has(Action::SetDefault) && without).then_some("SET DEFAULT of a column that is NOT NULL and has none")
}
