//! Renames: a rename keeps the data and updates every use of the name, and is never guessed.

use crate::support::{Scratch, Value};
use diesel_autogen::schema::{Check, Column, ForeignKey, Index, IndexColumn, Schema, Table, Type};
use diesel_autogen::{Migrator, PlanOptions};

fn people() -> Schema {
    let users = Table::new("users", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("nick", Type::Text { max_length: Some(64) }))
        .index(Index::new("users", [IndexColumn::asc("nick")], true))
        .check(Check::new("nick <> ''"));
    let posts = Table::new("posts", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("text", Type::Text { max_length: None }))
        .column(Column::new("user_id", Type::Integer))
        .foreign_key(ForeignKey::new(["user_id"], "users", ["id"]));
    Schema::new([users, posts])
}

/// The models with `users` called `people`, its `nick` `nickname`, and `posts.text` a longer `body`.
fn renamed() -> Schema {
    let people = Table::new("people", ["id"])
        .renamed_from("users")
        .column(Column::new("id", Type::Integer))
        .column(Column::new("nickname", Type::Text { max_length: Some(64) }).renamed_from("nick"))
        .index(Index::new("people", [IndexColumn::asc("nickname")], true))
        .check(Check::new("nickname <> ''"));
    let posts = Table::new("posts", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("body", Type::Text { max_length: Some(140) }).renamed_from("text"))
        .column(Column::new("user_id", Type::Integer))
        .foreign_key(ForeignKey::new(["user_id"], "people", ["id"]));
    Schema::new([people, posts])
}

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.migrate(&people());
    scratch.execute(
        "CREATE VIEW authors AS SELECT nick, text FROM users JOIN posts ON user_id = users.id;
         CREATE TRIGGER shout AFTER INSERT ON posts BEGIN UPDATE users SET nick = upper(nick) WHERE id = new.user_id; END;
         CREATE INDEX long ON posts (text) WHERE length(text) > 100;
         INSERT INTO users VALUES (1, 'john'); INSERT INTO posts VALUES (1, 'my first post!', 1);",
    );
    scratch
}

#[test]
fn keeps_the_values_and_updates_uses_of_the_name() {
    let scratch = scratch();
    let before = scratch
        .query("SELECT name || ': ' || sql FROM sqlite_master WHERE name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY name");
    let plan = scratch.project.plan(&renamed(), &PlanOptions::default()).unwrap().unwrap();
    assert!(plan.losses.is_empty(), "{:?}", plan.losses);
    let words = plan.to_string();
    for said in ["renames table users to people", "renames people.nick to nickname", "renames posts.text to body"] {
        assert!(words.contains(said), "{words}");
    }
    scratch.project.apply(&plan).unwrap();
    assert_eq!(scratch.project.differences(&renamed()).unwrap(), []);
    scratch.execute("INSERT INTO posts VALUES (2, 'another', 1)");
    assert_eq!(
        scratch.query("SELECT nickname || ': ' || body FROM people JOIN posts ON user_id = people.id"),
        [Some("JOHN: my first post!".into()), Some("JOHN: another".into())]
    );
    assert_eq!(scratch.query("SELECT count(*) || '' FROM authors"), [Some("2".into())]);

    scratch.execute("DELETE FROM posts WHERE id = 2");
    scratch.downgrade();
    let unquoted =
        |texts: Vec<Value>| texts.into_iter().flatten().map(|text| text.replace('"', "")).collect::<Vec<_>>();
    let after = scratch
        .query("SELECT name || ': ' || sql FROM sqlite_master WHERE name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY name");
    assert_eq!(unquoted(after), unquoted(before));
    assert_eq!(scratch.query("SELECT nick || ': ' || text FROM authors"), [Some("JOHN: my first post!".into())]);
}

#[test]
fn rewrites_no_row() {
    let scratch = scratch();
    let mut target = people();
    target.tables[0].columns[1] = Column::new("nickname", Type::Text { max_length: Some(64) }).renamed_from("nick");
    target.tables[0].indexes = vec![Index::new("users", [IndexColumn::asc("nickname")], true)];
    target.tables[0].checks = vec![Check::new("nickname <> ''")];
    let plan = scratch.project.plan(&target, &PlanOptions::default()).unwrap().unwrap();
    assert_eq!(plan.sql.up, "-- Generated from the models.\nALTER TABLE users RENAME COLUMN nick TO nickname;\n");
    assert_eq!(plan.sql.down, "ALTER TABLE users RENAME COLUMN nickname TO nick;\n");
}

/// The models with another name for a column, without a declaration of the rename.
fn undeclared() -> Schema {
    let mut models = people();
    models.tables[1].columns[1].name = "body".into();
    models
}

fn without_view() -> Scratch {
    let scratch = scratch();
    scratch.execute("DROP VIEW authors; DROP INDEX long");
    scratch
}

#[test]
fn a_similar_drop_and_add_stop_and_name_the_rename() {
    let scratch = without_view();
    let plan = scratch.project.plan(&undeclared(), &PlanOptions::default()).unwrap().unwrap();
    let error = scratch.project.apply(&plan).unwrap_err().to_string();
    assert!(error.contains("the rename posts.text=body would keep the values"), "{error}");
    assert_eq!(scratch.project.version().unwrap(), 1);
}

#[test]
fn a_rename_or_an_accepted_loss_settles_it() {
    let plan = |scratch: &Scratch, wishes: PlanOptions| {
        let models = {
            let mut models = undeclared();
            models.tables[1].columns[1].nullable = true;
            models
        };
        scratch.project.plan(&models, &wishes).unwrap().unwrap()
    };
    for (wishes, body) in [
        (with!(PlanOptions { renames: vec!["posts.text=body".into()] }), Some("my first post!".to_owned())),
        (with!(PlanOptions { allow_data_loss: true }), None),
    ] {
        let scratch = without_view();
        let error = scratch.project.apply(&plan(&scratch, PlanOptions::default())).unwrap_err().to_string();
        assert_eq!(
            error,
            "this migration may be a rename: drops posts.text and adds posts.body, which are similar: the rename \
             posts.text=body would keep the values"
        );
        scratch.project.apply(&plan(&scratch, wishes)).unwrap();
        assert_eq!(scratch.query("SELECT body FROM posts"), [body]);
    }
}

#[test]
fn a_declared_drop_is_not_ambiguous_but_a_loss() {
    let scratch = without_view();
    let mut models = undeclared();
    models.tables[1].columns[1].nullable = true;
    let wishes = with!(PlanOptions { not_renames: vec!["posts.text=body".into()] });
    let plan = scratch.project.plan(&models, &wishes).unwrap().unwrap();
    let error = scratch.project.apply(&plan).unwrap_err().to_string();
    assert!(error.contains("would lose data: drops posts.text: 1 of 1 row holds a value"), "{error}");
}

#[test]
fn a_fill_names_a_renamed_column_by_its_new_name() {
    let scratch = Scratch::new();
    let table = |column: Column| {
        Schema::new([Table::new("notes", ["id"]).column(Column::new("id", Type::Integer)).column(column)])
    };
    scratch.migrate(&table(Column::new("what", Type::Text { max_length: None }).nullable()));
    scratch.execute("INSERT INTO notes VALUES (1, NULL)");
    let models = table(Column::new("body", Type::Text { max_length: None }).renamed_from("what"));
    let wishes = with!(PlanOptions { fills: vec!["notes.body=-".into()] });
    let plan = scratch.project.plan(&models, &wishes).unwrap().unwrap();
    scratch.project.apply(&plan.accept_losses()).unwrap();
    assert_eq!(scratch.query("SELECT body FROM notes"), [Some("-".into())]);
}

#[test]
fn applies_a_requested_rename() {
    let scratch = without_view();
    let wishes = with!(PlanOptions { renames: vec!["posts.text=body".into()] });
    let plan = scratch.project.plan(&undeclared(), &wishes).unwrap().unwrap();
    scratch.project.apply(&plan).unwrap();
    assert_eq!(scratch.query("SELECT body FROM posts"), [Some("my first post!".into())]);
}

#[test]
fn refuses_an_impossible_rename() {
    let scratch = without_view();
    let refused = |project: &Migrator, rename: &str| {
        let wishes = with!(PlanOptions { renames: vec![rename.into()] });
        project.plan(&undeclared(), &wishes).unwrap_err().to_string()
    };
    for (rename, why) in [
        ("posts.text", "write table.column=new_name"),
        ("posts.text=", "write table.column=new_name"),
        ("tags.name=body", "there is no table tags"),
        ("posts.subject=body", "table posts has no column subject"),
        ("posts.text=id", "column posts.id already exists"),
        ("posts=users", "table users already exists"),
    ] {
        let error = refused(&scratch.project, rename);
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn refuses_a_name_that_the_models_do_not_have() {
    let scratch = scratch();
    for (rename, why) in [
        ("users.nick=nicknam", "the models have no column nicknam"),
        ("users=peopel", "the models have no table peopel"),
        ("posts.text=bdy", "the models have no column posts.bdy"),
    ] {
        let wishes = with!(PlanOptions { renames: vec![rename.into()] });
        let error = scratch.project.plan(&renamed(), &wishes).unwrap_err().to_string();
        assert!(error.ends_with(why), "{error}");
    }
}
