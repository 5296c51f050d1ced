//! What a program of the previous release does not survive beside a migration.

use diesel_autogen::schema::{Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type};
use diesel_autogen::{Migrator, PlanOptions};

fn text(name: &str) -> Column {
    Column::new(name, Type::Text { max_length: None })
}

fn users() -> Table {
    Table::new("users", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(text("name"))
        .column(text("bio").nullable())
}

/// What the plan from [`users`] and `notes` to this schema breaks.
fn breaks(tables: impl IntoIterator<Item = Table>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("app.db").display());
    let migrator = Migrator::new(&url, folder.path().join("migrations")).unwrap();
    migrator.init().unwrap();
    let before = Schema::new([users(), notes()]);
    migrator.apply(&migrator.plan(&before, &PlanOptions::default()).unwrap().unwrap()).unwrap();
    let plan = migrator.plan(&Schema::new(tables), &PlanOptions::default()).unwrap();
    plan.map_or_else(|| panic!("no change"), |plan| plan.breaks())
}

fn notes() -> Table {
    Table::new("notes", ["id"]).column(Column::new("id", Type::Integer))
}

/// `users` with one of its columns replaced.
fn with(column: Column) -> [Table; 2] {
    let mut table = users();
    table.columns.retain(|own| own.name != column.name);
    [table.column(column), notes()]
}

#[test]
fn it_survives_what_only_adds() {
    let nothing: [&str; 0] = [];
    assert_eq!(
        breaks([users(), notes(), Table::new("more", ["id"]).column(Column::new("id", Type::Integer))]),
        nothing
    );
    assert_eq!(breaks(with(text("new").nullable())), nothing);
    assert_eq!(breaks(with(text("new").default(DefaultValue::Text("x".into())))), nothing);
    assert_eq!(breaks(with(text("name").default(DefaultValue::Text("x".into())))), nothing);
    let index = Index::new("users", [IndexColumn::asc("name")], false);
    assert_eq!(breaks([users().index(index), notes()]), nothing);
}

#[test]
fn it_fails_where_a_column_is_gone_or_another() {
    assert_eq!(breaks([users()]), ["notes is dropped"]);
    let mut narrow = users();
    narrow.columns.retain(|column| column.name != "bio");
    assert_eq!(breaks([narrow, notes()]), ["users.bio is dropped"]);
    assert_eq!(breaks(with(Column::new("bio", Type::Integer).nullable())), ["users.bio has another type"]);
    let renamed = with(text("title").renamed_from("name"));
    let mut renamed = renamed.map(|mut table| {
        table.columns.retain(|column| column.name != "name");
        table
    });
    renamed[1] = notes();
    assert_eq!(breaks(renamed), ["it renames users.name to title"]);
}

#[test]
fn it_fails_where_less_is_allowed_or_more_is_found() {
    let required = "inserts into users lack new, which is NOT NULL and has no default";
    assert_eq!(breaks(with(text("new"))), [required]);
    assert_eq!(breaks(with(text("bio"))), ["inserts and updates may leave users.bio NULL"]);
    let with_default = text("bio").default(DefaultValue::Text(String::new()));
    assert_eq!(breaks(with(with_default)), ["inserts and updates may set users.bio to NULL"]);
    assert_eq!(breaks(with(text("name").nullable())), ["users.name may be NULL"]);
    let refused = "inserts and updates of users may be refused, since it adds";
    let unique = Index::new("users", [IndexColumn::asc("name")], true);
    assert_eq!(breaks([users().index(unique), notes()]), [format!("{refused} unique index users_name_key (name)")]);
    let check = Check::new("length(name) > 0");
    assert_eq!(breaks([users().check(check), notes()]), [format!("{refused} check (length(name) > 0)")]);
    let key = ForeignKey::new(["id"], "notes", ["id"]);
    let said = breaks([users().foreign_key(key), notes()]);
    assert_eq!(said, [format!("{refused} foreign key (id) to notes (id)")]);
}
