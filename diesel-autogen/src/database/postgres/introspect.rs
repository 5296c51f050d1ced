//! What a PostgreSQL database holds, from its catalogs: everything in the schema that is first in the search path.

use diesel::dsl::sql;
use diesel::sql_types::{Array, Bool, Nullable, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::sql::{actions, default_of, is_usual_default, quote, quote_all, quote_table, read_action, read_type};
use crate::Error;
use crate::database::changes::{create_index, index_columns};
use crate::database::history::{CHECKSUMS, VERSIONS};
use crate::kept::{self, PREFIX};
use crate::schema::{
    Check, Clause, ClauseKind, Column, ForeignKey, Index, IndexColumn, Object, ObjectKind, Schema, Table, same_name,
};
use crate::table_path::{beside, split};
use crate::version::Version;

/// Reads the tables of these schemas from now on, beside those of the current one.
pub(super) fn include(connection: &mut PgConnection, schemas: &[String]) -> QueryResult<()> {
    let set = sql::<Text>("SELECT set_config('diesel_autogen.schemas', ").bind::<Array<Text>, _>(schemas);
    set.sql("::text, FALSE)").get_result::<String>(connection).map(drop)
}

/// The path of a relation, as `table_path::path` makes it.
pub(super) fn path_sql(class: &str, namespace: &str) -> String {
    let part = |name: &str| {
        format!(
            "CASE WHEN strpos({name}, '.') > 0 OR starts_with({name}, '\"') OR starts_with({name}, '{PREFIX}') \
                 THEN '\"' || replace({name}, '\"', '\"\"') || '\"' ELSE {name} END"
        )
    };
    let (name, schema) = (format!("{class}.relname::text"), format!("{namespace}.nspname::text"));
    format!(
        "CASE WHEN {namespace}.nspname IS DISTINCT FROM current_schema() THEN {} || '.' || {} \
             WHEN starts_with({name}, '{PREFIX}') THEN {name} ELSE {} END",
        part(&schema),
        part(&name),
        part(&name)
    )
}

/// The tables with their paths, as a part of a query.
pub(super) fn tables_sql() -> String {
    format!("(SELECT c.oid, {} AS path FROM {TABLES}) t", path_sql("c", "n"))
}

/// The plain tables of the current schema and the included ones. Partitions and inheriting tables are objects.
pub(super) const TABLES: &str = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind = 'r' AND NOT c.relispartition \
     AND (n.nspname = current_schema() OR n.nspname = ANY (current_setting('diesel_autogen.schemas')::text[])) \
     AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid) \
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')";

/// The kinds of objects other than indexes, triggers and views.
const KINDS: &str = "extension, enum, domain, range type, sequence, aggregate, procedure, function, \
    partitioned table, foreign table, materialized view, composite type, partition, inheriting table, rule, \
    policy, statistics, collation, operator, text search configuration, event trigger, \
    comment, privilege, owner, row security, privileges of a routine, privileges of a type, default privileges";

/// Reads the schema. Tables of the history and side tables of the `applied` versions are not part of it.
pub(super) fn introspect(connection: &mut PgConnection, applied: &[Version]) -> QueryResult<Schema> {
    let is_ours = |table: &str| [VERSIONS, CHECKSUMS].contains(&table) || kept::owner(table, applied).is_some();
    let mut tables: Vec<Table> = Vec::new();
    for (name, options, comment) in load_tables(connection)?.into_iter().filter(|(name, ..)| !is_ours(name)) {
        let clause = |text: String| Clause { column: None, kind: ClauseKind::Option, normalized: text.clone(), text };
        let clauses = Some(options.into_iter().map(clause).collect());
        let schema = split(&name).0;
        tables.push(Table { name, schema, clauses, comment, ..Table::default() });
    }
    let mut objects = Vec::new();
    for row in load_columns(connection)? {
        if let Some(table) = find(&mut tables, &row.0) {
            add_column(table, &row);
        }
    }
    for row in load_constraints(connection)? {
        if let Some(table) = find(&mut tables, &row.0) {
            add_constraint(table, &row);
        }
    }
    for row in load_indexes(connection)? {
        if let Some(table) = find(&mut tables, &row.0.clone()) {
            objects.extend(add_index(table, row));
        }
    }
    for (kind, name, table, definition) in load_objects(connection)? {
        if !is_ours(table.as_ref().unwrap_or(&name)) {
            objects.push(object(&kind, name, table, definition));
        }
    }
    Ok(Schema { tables, objects: Some(objects) })
}

/// Refuses a schema with names that differ only in capital letters: everything above this compares names without regard
/// to them.
pub(super) fn require_distinct(schema: &Schema) -> Result<(), Error> {
    let beside = |table: &Table| table.indexes.iter().map(|index| beside(&table.name, &index.name)).collect::<Vec<_>>();
    let indexes = schema.tables.iter().flat_map(beside);
    let relations: Vec<_> = schema.tables.iter().map(|table| table.name.clone()).chain(indexes).collect();
    let columns = schema.tables.iter().map(|table| table.columns.iter().map(|column| column.name.clone()).collect());
    for names in std::iter::once(relations).chain(columns) {
        for (at, name) in names.iter().enumerate() {
            if let Some(other) = names[..at].iter().find(|other| same_name(other, name)) {
                let why =
                    format!("there is {other} too, and names that differ in capital letters only are not supported");
                return Err(Error::CannotExpress { object: name.clone(), why });
            }
        }
    }
    Ok(())
}

fn find<'a>(tables: &'a mut [Table], name: &str) -> Option<&'a mut Table> {
    tables.iter_mut().find(|table| table.name == name)
}

/// Table, its options as SQL writes them, comment.
type TableRow = (String, Vec<String>, Option<String>);

fn load_tables(connection: &mut PgConnection) -> QueryResult<Vec<TableRow>> {
    let query = format!(
        "SELECT {}, array_remove(ARRAY[ \
             CASE WHEN c.relpersistence = 'u' THEN 'UNLOGGED' END, \
             'WITH (' || array_to_string(c.reloptions, ', ') || ')', \
             CASE WHEN c.relreplident <> 'd' THEN concat('REPLICA IDENTITY ', c.relreplident) END, \
             (SELECT 'TABLESPACE ' || quote_ident(spcname) FROM pg_tablespace WHERE oid = c.reltablespace)], NULL), \
             obj_description(c.oid, 'pg_class') \
         FROM {TABLES} ORDER BY c.oid",
        path_sql("c", "n")
    );
    sql::<(Text, Array<Text>, Nullable<Text>)>(&query).load(connection)
}

/// Table, column, type, NOT NULL, default, identity (`a` always, `d` by default, `s` serial), sequence options,
/// expression of a generated column, collation, comment.
type ColumnRow = (
    String,
    String,
    String,
    bool,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

type Optional = Nullable<Text>;

fn load_columns(connection: &mut PgConnection) -> QueryResult<Vec<ColumnRow>> {
    let query = format!(
        "SELECT t.path, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
             CASE WHEN a.attgenerated = '' AND NOT is_serial THEN nullif(expression, 'NULL') END, \
             CASE WHEN a.attidentity <> '' THEN a.attidentity::text WHEN is_serial THEN 's' END, \
             CASE WHEN a.attidentity <> '' OR is_serial THEN (SELECT nullif(concat_ws(' ', \
                 'START ' || nullif(seqstart, 1), 'INCREMENT ' || nullif(seqincrement, 1), \
                 'MINVALUE ' || nullif(seqmin, CASE WHEN seqincrement > 0 THEN 1 ELSE -largest - 1 END), \
                 'MAXVALUE ' || nullif(seqmax, CASE WHEN seqincrement > 0 THEN largest ELSE -1 END), \
                 'CACHE ' || nullif(seqcache, 1), CASE WHEN seqcycle THEN 'CYCLE' END, \
                 'AS ' || nullif(seqtypid, a.atttypid)::regtype), '') \
                 FROM pg_sequence CROSS JOIN LATERAL (SELECT CASE seqtypid WHEN 'int2'::regtype THEN 32767 \
                     WHEN 'int4'::regtype THEN 2147483647 ELSE 9223372036854775807 END AS largest) l \
                 WHERE seqrelid = sequence::regclass) END, \
             CASE WHEN a.attgenerated <> '' THEN expression || CASE a.attgenerated WHEN 's' THEN ' STORED' ELSE '' END END, \
             CASE WHEN a.attcollation <> y.typcollation THEN a.attcollation::regcollation::text END, \
             col_description(t.oid, a.attnum) \
         FROM {} \
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped \
         JOIN pg_type y ON y.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum \
         CROSS JOIN LATERAL (SELECT pg_get_expr(d.adbin, d.adrelid) AS expression, \
             pg_get_serial_sequence(t.oid::regclass::text, a.attname) AS sequence) s \
         CROSS JOIN LATERAL (SELECT coalesce(sequence IS NOT NULL AND expression LIKE 'nextval(%', FALSE) AS is_serial) i \
         ORDER BY t.oid, a.attnum",
        tables_sql()
    );
    sql::<(Text, Text, Text, Bool, Optional, Optional, Optional, Optional, Optional, Optional)>(&query).load(connection)
}

fn add_column(table: &mut Table, row: &ColumnRow) {
    let (_, name, ty, not_null, default, identity, sequence, generated, collation, comment) = row;
    let mut column = Column::new(name, read_type(ty));
    column.nullable = !not_null;
    column.identity = identity.is_some();
    column.generated = generated.is_some();
    column.comment.clone_from(comment);
    column.default = default.as_ref().and_then(|text| default_of(text, &column.ty));
    let own_default = default.as_ref().filter(|text| !is_usual_default(text, column.default.as_ref(), ty));
    let identity = match identity.as_deref() {
        Some("a") => Some("GENERATED ALWAYS AS IDENTITY"),
        Some("s") => Some("SERIAL"),
        _ => None,
    };
    let clauses = [
        (ClauseKind::Type, (ty == "character varying").then(|| "VARCHAR".to_owned())),
        (ClauseKind::Collation, collation.as_ref().map(|name| format!("COLLATE {name}"))),
        (ClauseKind::Generated, generated.as_ref().map(|text| format!("GENERATED ALWAYS AS {}", parenthesized(text)))),
        (ClauseKind::Option, identity.map(str::to_owned)),
        (ClauseKind::Option, sequence.as_ref().map(|options| format!("SEQUENCE {options}"))),
        (ClauseKind::Option, own_default.map(|text| format!("DEFAULT {text}"))),
    ];
    let clause = |(kind, text): (ClauseKind, Option<String>)| {
        let text = text?;
        Some(Clause { column: Some(name.clone()), kind, normalized: text.clone(), text })
    };
    table.clauses.get_or_insert_default().extend(clauses.into_iter().filter_map(clause));
    table.columns.push(column);
}

/// The expression of a generated column as `GENERATED ALWAYS AS` takes it.
fn parenthesized(text: &str) -> String {
    let (expression, stored) = text.strip_suffix(" STORED").map_or((text, ""), |expression| (expression, " STORED"));
    if is_in_parentheses(expression) { text.to_owned() } else { format!("({expression}){stored}") }
}

/// Whether one pair of parentheses encloses all of the text.
fn is_in_parentheses(text: &str) -> bool {
    let mut depth = 0_i32;
    let closes_at = text.char_indices().find_map(|(at, char)| {
        depth += i32::from(char == '(') - i32::from(char == ')');
        (depth == 0).then_some(at)
    });
    text.starts_with('(') && closes_at == Some(text.len() - 1)
}

/// Table, name, kind, columns, table that it refers to (where its schema is read), columns of that, actions on delete and on
/// update, definition, expression of a check, the table that it refers to as the definition names it.
type ConstraintRow =
    (String, String, String, Vec<String>, Option<String>, Vec<String>, String, String, String, Option<String>, String);

fn load_constraints(connection: &mut PgConnection) -> QueryResult<Vec<ConstraintRow>> {
    let columns = |table: &str, key: &str| {
        format!(
            "ARRAY(SELECT attname::text FROM unnest({key}) WITH ORDINALITY k (number, place) \
             JOIN pg_attribute ON attrelid = {table} AND attnum = number ORDER BY place)"
        )
    };
    let query = format!(
        "SELECT t.path, conname::text, contype::text, {}, \
             (SELECT {} FROM {TABLES} AND c.oid = confrelid), {}, \
             confdeltype::text, confupdtype::text, pg_get_constraintdef(k.oid), pg_get_expr(conbin, conrelid), \
             confrelid::regclass::text \
         FROM {} JOIN pg_constraint k ON conrelid = t.oid AND conparentid = 0 \
         WHERE contype IN ('p', 'u', 'f', 'c', 'x') ORDER BY t.oid, k.oid",
        columns("conrelid", "conkey"),
        path_sql("c", "n"),
        columns("confrelid", "confkey"),
        tables_sql(),
    );
    sql::<(Text, Text, Text, Array<Text>, Nullable<Text>, Array<Text>, Text, Text, Text, Nullable<Text>, Text)>(&query)
        .load(connection)
}

/// Adds a constraint. What its definition says beyond the fields of the schema, such as DEFERRABLE, is a clause with all
/// of its text.
fn add_constraint(table: &mut Table, row: &ConstraintRow) {
    let (_, name, kind, columns, parent, references, on_delete, on_update, definition, expression, parent_sql) = row;
    let (kind, usual) = match (kind.as_str(), parent, expression) {
        ("p", ..) => {
            table.primary_key.clone_from(columns);
            table.primary_key_name = Some(name.clone());
            (ClauseKind::PrimaryKey, format!("PRIMARY KEY ({})", quote_all(columns)))
        }
        ("u", ..) => {
            let columns: Vec<_> = columns.iter().map(|column| IndexColumn::asc(column)).collect();
            let usual = format!("UNIQUE ({})", index_columns(&columns, quote));
            table.indexes.push(Index { name: name.clone(), columns, unique: true, constraint: true, stored: None });
            (ClauseKind::Unique, usual)
        }
        ("f", Some(parent), _) => {
            let (on_delete, on_update) = (read_action(on_delete), read_action(on_update));
            let usual = format!(
                "FOREIGN KEY ({}) REFERENCES {}({}){}",
                quote_all(columns),
                parent_sql,
                quote_all(references),
                actions(on_delete, on_update)
            );
            let mut key = ForeignKey::new([], parent, []).on_delete(on_delete).on_update(on_update);
            key.name = Some(name.clone());
            (key.columns, key.references) = (columns.clone(), references.clone());
            table.foreign_keys.push(key);
            (ClauseKind::ForeignKey, usual)
        }
        ("c", _, Some(expression)) => {
            let bare = if is_in_parentheses(expression) { &expression[1..expression.len() - 1] } else { expression };
            table.checks.push(Check { normalized: bare.to_owned(), ..Check::new(bare).named(name) });
            (ClauseKind::Check, format!("CHECK ({expression})"))
        }
        // An EXCLUDE, or a foreign key to a table of a schema that is not read.
        _ => (ClauseKind::Option, String::new()),
    };
    if *definition != usual {
        let text = format!("CONSTRAINT {} {definition}", quote(name));
        let normalized = if kind == ClauseKind::Option { text.clone() } else { definition.clone() };
        table.clauses.get_or_insert_default().push(Clause { column: None, kind, normalized, text });
    }
}

/// Table, name, unique, columns, descending or not, definition.
type IndexRow = (String, String, bool, Vec<String>, Vec<bool>, String);

/// The indexes that a failed `CREATE INDEX CONCURRENTLY` left, each with its table: no query uses them. The schema is as if
/// they were not there.
pub(super) fn invalid_indexes(connection: &mut PgConnection) -> QueryResult<Vec<(String, String)>> {
    let query = format!(
        "SELECT i.relname::text, path FROM {} \
         JOIN pg_index ON indrelid = t.oid JOIN pg_class i ON i.oid = indexrelid WHERE NOT indisvalid ORDER BY 1",
        tables_sql()
    );
    sql::<(Text, Text)>(&query).load(connection)
}

fn load_indexes(connection: &mut PgConnection) -> QueryResult<Vec<IndexRow>> {
    let parts = |part: &str| {
        format!(
            "ARRAY(SELECT {part} FROM unnest(indkey::int2[], indoption::int2[]) WITH ORDINALITY k (number, option, place) \
             LEFT JOIN pg_attribute ON attrelid = t.oid AND attnum = number ORDER BY place)"
        )
    };
    let query = format!(
        "SELECT t.path, i.relname::text, indisunique, {}, {}, \
             replace(pg_get_indexdef(indexrelid), ' ON ' || quote_ident(current_schema()) || '.', ' ON ') \
         FROM {} JOIN pg_index ON indrelid = t.oid \
         JOIN pg_class i ON i.oid = indexrelid \
         WHERE indisvalid AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x')) \
         ORDER BY t.oid, i.oid",
        parts("coalesce(attname::text, '')"),
        parts("coalesce(option & 1, 0) = 1"),
        tables_sql(),
    );
    sql::<(Text, Text, Bool, Array<Text>, Array<Bool>, Text)>(&query).load(connection)
}

/// Adds an index; returns one that `schema!` cannot declare as an object.
fn add_index(table: &mut Table, (_, name, unique, columns, descending, definition): IndexRow) -> Option<Object> {
    let columns = columns.into_iter().zip(descending).map(|(name, descending)| IndexColumn { name, descending });
    let columns: Vec<_> = columns.collect();
    let index = Index { name, columns, unique, constraint: false, stored: Some(definition.clone()) };
    if !index.is_undeclarable()
        && definition == create_index(&quote_table(&table.name), &index, quote).replacen(" (", " USING btree (", 1)
    {
        table.indexes.push(index);
        return None;
    }
    let (name, table) = (index.name, table.name.clone());
    Some(Object { kind: ObjectKind::Index, name, table, sql: definition.clone(), normalized: definition })
}

type ObjectRow = (String, String, Option<String>, String);

fn load_objects(connection: &mut PgConnection) -> QueryResult<Vec<ObjectRow>> {
    let query = include_str!("objects.sql").replace("TABLES", &tables_sql());
    sql::<(Text, Text, Nullable<Text>, Text)>(&query).load(connection)
}

fn object(kind: &str, name: String, table: Option<String>, definition: String) -> Object {
    let kind = match kind {
        "view" => ObjectKind::View,
        "trigger" => ObjectKind::Trigger,
        other => ObjectKind::Other(KINDS.split(", ").find(|kind| *kind == other).unwrap_or("object")),
    };
    let table = table.unwrap_or_else(|| name.clone());
    Object { kind, name, table, sql: definition.clone(), normalized: definition }
}
