//! For each kind of change and each database a snapshot: the two schemas, up.sql and down.sql. This is the document to
//! read before the code that writes SQL. `INSTA_UPDATE=always cargo test -p migrate golden` writes it again.

use std::fmt::Write as _;

use diesel_autogen::schema::{
    Action, Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type,
};
use diesel_autogen::{DatabaseUrl, Migrator, PlanOptions};
use test_support::TestDatabase;

/// A kind of change, with the models before and after.
type Case = (&'static str, Schema, Schema);

#[test]
fn sqlite() {
    for (name, from, to) in cases() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::parse("app.db", folder.path()).unwrap();
        snapshot("sqlite", name, &Migrator::with_url(url, folder.path().join("migrations")), &from, &to);
    }
}

#[test]
fn postgresql() {
    for (name, from, to) in cases() {
        let Some(database) = TestDatabase::new() else { return };
        let folder = tempfile::tempdir().unwrap();
        snapshot("postgresql", name, &Migrator::new(database.url(), folder.path()).unwrap(), &from, &to);
    }
}

fn snapshot(dialect: &str, name: &str, migrator: &Migrator, from: &Schema, to: &Schema) {
    migrator.init().unwrap();
    if let Some(plan) = migrator.plan(from, &PlanOptions::default()).unwrap() {
        migrator.apply(&plan).unwrap();
    }
    let options = with!(RenderOptions { keep: Some("002".into()) });
    let (changes, sql) = migrator.compare(&migrator.introspect().unwrap(), to, &options).unwrap();
    let plan: Vec<_> = changes.iter().map(ToString::to_string).collect();
    let text = format!(
        "# From\n\n{}\n# To\n\n{}\n# Plan\n\n{}\n\n# up.sql\n\n{}\n# down.sql\n\n{}",
        describe(from),
        describe(to),
        plan.join("\n"),
        sql.up,
        sql.down
    );
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../golden", omit_expression => true }, {
        insta::assert_snapshot!(format!("{name}.{dialect}"), text);
    });
}

/// A schema in the form of `schema!`.
fn describe(schema: &Schema) -> String {
    let mut text = String::new();
    for table in &schema.tables {
        let renamed = table.renamed_from.as_ref().map(|old| format!(", renamed from {old}")).unwrap_or_default();
        writeln!(text, "{} ({}){renamed}", table.name, table.primary_key.join(", ")).unwrap();
        for column in &table.columns {
            let ty = if column.nullable { format!("Nullable<{}>", column.ty) } else { column.ty.to_string() };
            write!(text, "    {} -> {ty}", column.name).unwrap();
            column.default.iter().for_each(|default| write!(text, ", default {default}").unwrap());
            column.renamed_from.iter().for_each(|old| write!(text, ", renamed from {old}").unwrap());
            text.push('\n');
        }
        table.indexes.iter().for_each(|index| writeln!(text, "    {index}").unwrap());
        table.foreign_keys.iter().for_each(|key| writeln!(text, "    {key}").unwrap());
        table.checks.iter().for_each(|check| writeln!(text, "    {check}").unwrap());
    }
    if text.is_empty() { "no tables\n".into() } else { text }
}

fn text(length: u32) -> Type {
    Type::Text { max_length: Some(length) }
}

fn users() -> Table {
    Table::new("users", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("nickname", text(64)))
        .column(Column::new("about_me", text(140)).nullable())
        .column(Column::new("age", Type::Integer).nullable())
}

fn posts() -> Table {
    Table::new("posts", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("body", text(140)))
        .column(Column::new("user_id", Type::Integer))
}

fn author() -> ForeignKey {
    ForeignKey::new(["user_id"], "users", ["id"])
}

/// The schema with a table edited.
fn edited(tables: &[Table], name: &str, edit: impl Fn(&mut Table)) -> Schema {
    let mut schema = Schema::new(tables.to_vec());
    edit(schema.tables.iter_mut().find(|table| table.name == name).unwrap());
    schema
}

/// `users` as it is, and with that column edited.
fn column(name: &'static str, column: &str, edit: impl Fn(&mut Column)) -> Case {
    let after = edited(&[users()], "users", |table| {
        edit(table.columns.iter_mut().find(|other| other.name == column).unwrap());
    });
    (name, Schema::new([users()]), after)
}

/// `users` as it is, and changed; and the way back under another name.
fn both_ways(names: [&'static str; 2], change: impl Fn(Table) -> Table) -> [Case; 2] {
    let (before, after) = (Schema::new([users()]), Schema::new([change(users())]));
    [(names[0], before.clone(), after.clone()), (names[1], after, before)]
}

fn cases() -> Vec<Case> {
    let mut cases = tables();
    cases.extend(columns());
    cases.extend(constraints());
    cases
}

fn tables() -> Vec<Case> {
    let blog = Schema::new([users(), posts().foreign_key(author().on_delete(Action::Cascade))]);
    let circle = Schema::new([
        Table::new("a", ["id"])
            .column(Column::new("id", Type::Integer))
            .column(Column::new("b_id", Type::Integer).nullable())
            .foreign_key(ForeignKey::new(["b_id"], "b", ["id"])),
        Table::new("b", ["id"])
            .column(Column::new("id", Type::Integer))
            .column(Column::new("a_id", Type::Integer))
            .foreign_key(ForeignKey::new(["a_id"], "a", ["id"])),
    ]);
    let mut people = users().renamed_from("users");
    people.name = "people".into();
    vec![
        ("create_tables", Schema::default(), blog.clone()),
        ("create_tables_in_a_cycle", Schema::default(), circle.clone()),
        ("drop_table", blog.clone(), Schema::new([users()])),
        ("drop_tables_in_a_cycle", circle, Schema::default()),
        ("rename_table", Schema::new([users()]), Schema::new([people])),
    ]
}

fn columns() -> Vec<Case> {
    let mut cases = Vec::new();
    let website = || Column::new("website", text(200)).nullable();
    let likes = || Column::new("likes", Type::Integer).default(DefaultValue::Number("0".into()));
    cases.extend(both_ways(["add_column", "drop_column"], |table| table.column(website())));
    cases.extend(both_ways(["add_column_not_null", "drop_column_not_null"], |table| table.column(likes())));
    cases.push(column("rename_column", "about_me", |column| {
        column.name = "about".into();
        column.renamed_from = Some("about_me".into());
    }));
    cases.push(column("change_type", "about_me", |column| column.ty = Type::Integer));
    let with_small_age = edited(&[users()], "users", |table| table.columns[3].ty = Type::SmallInt);
    cases.push(("change_type_without_loss", with_small_age, Schema::new([users()])));
    cases.push(column("lengthen_text", "nickname", |column| column.ty = text(200)));
    cases.push(column("shorten_text", "nickname", |column| column.ty = text(20)));
    cases.push(column("set_not_null", "age", |column| {
        column.nullable = false;
        column.default = Some(DefaultValue::Number("18".into()));
    }));
    cases.push(column("drop_not_null", "nickname", |column| column.nullable = true));
    let default = |table: Table| {
        let mut table = table;
        table.columns[2].default = Some(DefaultValue::Text("new here".into()));
        table
    };
    cases.extend(both_ways(["set_default", "drop_default"], default));
    cases
}

fn constraints() -> Vec<Case> {
    let mut cases = Vec::new();
    let index = |unique| Index::new("users", [IndexColumn::asc("nickname"), IndexColumn::desc("age")], unique);
    cases.extend(both_ways(["add_index", "drop_index"], |table| table.index(index(false))));
    cases.extend(both_ways(["add_unique", "drop_unique"], |table| table.index(index(true))));
    let check = || Check::new("age >= 18").named("adults");
    cases.extend(both_ways(["add_check", "drop_check"], |table| table.check(check())));
    cases.extend(both_ways(["change_primary_key", "change_primary_key_back"], |mut table| {
        table.primary_key = vec!["nickname".into()];
        table
    }));
    let keyless = Schema::new([users(), posts()]);
    let keyed = |key: ForeignKey| Schema::new([users(), posts().foreign_key(key)]);
    cases.push(("add_foreign_key", keyless.clone(), keyed(author())));
    cases.push(("drop_foreign_key", keyed(author()), keyless));
    cases.push(("change_foreign_key", keyed(author()), keyed(author().on_delete(Action::Cascade))));
    cases
}
