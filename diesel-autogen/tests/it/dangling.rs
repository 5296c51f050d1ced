//! Foreign keys whose rows or tables are missing: what dangled before stays as it is and stops nothing.

use diesel_autogen::Target;

use crate::support::{Scratch, cycle, listening, taken};

const USERS: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, code TEXT UNIQUE);";

#[test]
fn rows_of_a_dropped_table_follow_their_parents() {
    let posts = "CREATE TABLE posts (id INTEGER PRIMARY KEY, a INT REFERENCES users ON DELETE SET NULL,
                 b INT REFERENCES users ON DELETE CASCADE, c INT REFERENCES posts, d INT REFERENCES missing)";
    let rows = "INSERT INTO users (id) VALUES (1), (2), (3);
                INSERT INTO posts VALUES (1, 1, NULL, 1, 5), (2, 2, 1, 1, NULL), (3, 1, 3, NULL, NULL), (4, 99, 98, 97, 96)";
    let between =
        "DELETE FROM users WHERE id > 1; INSERT INTO users (id) VALUES (2); UPDATE users SET id = 7 WHERE id = 1";
    let query = "SELECT id || quote(a) || quote(b) || quote(c) || quote(d) FROM posts ORDER BY id";
    let found = cycle(&format!("{USERS}{posts}"), rows, USERS, between, query);
    assert_eq!(found, "17NULL15 2NULL71NULL 499989796");
}

#[test]
fn a_foreign_key_is_dropped_with_its_parent_column() {
    let posts = "CREATE TABLE posts (id INTEGER PRIMARY KEY, code TEXT REFERENCES users (code) ON UPDATE CASCADE);";
    let rows = "INSERT INTO users VALUES (1, 'x'); INSERT INTO posts VALUES (1, 'x'), (2, NULL)";
    let (users, bare_posts) =
        ("CREATE TABLE users (id INTEGER PRIMARY KEY);", "CREATE TABLE posts (id INTEGER PRIMARY KEY)");
    for from in [format!("{USERS}{posts}"), format!("{posts}{USERS}")] {
        for to in [&format!("{users}{bare_posts}"), users, bare_posts, ""] {
            assert_eq!(cycle(&from, rows, to, "", "SELECT quote(code) FROM posts ORDER BY id"), "'x' NULL", "{to}");
        }
    }
    let table = |columns: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY{columns})");
    let all = table(", a TEXT, b TEXT, c TEXT, d TEXT, UNIQUE (a, b), FOREIGN KEY (c, d) REFERENCES t (a, b)");
    let rows = "INSERT INTO t VALUES (1, 'a', 'b', 'a', 'b'), (2, NULL, 'b', 'a', NULL)";
    let query = "SELECT quote(a) || quote(b) || quote(c) || quote(d) FROM t ORDER BY id";
    for to in ["", ", c TEXT, d TEXT", ", a TEXT, b TEXT"] {
        assert_eq!(cycle(&all, rows, &table(to), "", query), "'a''b''a''b' NULL'b''a'NULL", "{to}");
    }
}

#[test]
fn a_misspelled_parent_is_corrected() {
    let rows = "INSERT INTO users (id, code) VALUES (1, '1'); INSERT INTO posts VALUES (1, 1), (2, NULL)";
    for (wrong, right) in [("usres", "users"), ("usres (id)", "users (id)"), ("users (cod)", "users (code)")] {
        let tables =
            |parent: &str| format!("{USERS} CREATE TABLE posts (id INTEGER PRIMARY KEY, u INT REFERENCES {parent})");
        let found = cycle(&tables(wrong), rows, &tables(right), "", "SELECT quote(u) FROM posts ORDER BY id");
        assert_eq!(found, "1 NULL", "{wrong}");
    }
}

#[test]
fn a_dropped_table_may_refer_to_what_is_missing() {
    let p = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT);";
    let c = |key: &str| format!("CREATE TABLE c (id INTEGER PRIMARY KEY, p INT {key});");
    for (parent, key, to) in [
        ("", "REFERENCES missing", ""),
        ("", "NOT NULL REFERENCES missing (x) ON DELETE CASCADE", ""),
        ("", "REFERENCES c", ""),
        ("", "REFERENCES missing", "CREATE TABLE c (id INTEGER PRIMARY KEY)"),
        (p, "REFERENCES p", ""),
        (p, "REFERENCES p", p),
        (p, "REFERENCES p", "CREATE TABLE c (id INTEGER PRIMARY KEY)"),
        (p, "REFERENCES p (x)", ""),
        (p, "REFERENCES p (x)", p),
        (p, "REFERENCES p (y)", p),
        ("CREATE TABLE p (id INTEGER PRIMARY KEY, c INT REFERENCES c);", "REFERENCES p", ""),
    ] {
        for from in [format!("{parent}{}", c(key)), format!("{}{parent}", c(key))] {
            let rows = "INSERT INTO c (id, p) VALUES (1, 1), (2, 99)";
            let found = cycle(&from, rows, to, "", "SELECT id || ' ' || p FROM c ORDER BY id");
            assert_eq!(found, "1 1 2 99", "{from} -> {to}");
        }
    }
}

#[test]
fn rows_that_referred_to_nothing_survive() {
    // The migration is written where there are no rows.
    let parent = "CREATE TABLE p (id INTEGER PRIMARY KEY);";
    let rows = "PRAGMA foreign_keys = OFF; INSERT INTO p VALUES (1); INSERT INTO c (id, p) VALUES (1, 1), (2, 99)";
    for action in ["", "ON DELETE CASCADE", "ON DELETE SET NULL", "ON DELETE RESTRICT ON UPDATE CASCADE"] {
        for not_null in ["", "NOT NULL"] {
            let child = format!("CREATE TABLE c (id INTEGER PRIMARY KEY, p INT {not_null} REFERENCES p {action});");
            for to in [parent.to_owned(), String::new(), format!("{parent} CREATE TABLE c (id INTEGER PRIMARY KEY);")] {
                let scratch = Scratch::of(&format!("{parent}{child}"));
                scratch.generate("001_migration", &Scratch::of(&to).introspect());
                scratch.execute(rows);
                let what = format!("{child} -> {to}");
                scratch.project.rehearse(Target::Latest).unwrap_or_else(|error| panic!("{error}: {what}"));
                scratch.project.upgrade(Target::Latest).unwrap_or_else(|error| panic!("{error}: {what}"));
                scratch.downgrade();
                assert_eq!(scratch.joined("SELECT id || ' ' || p FROM c ORDER BY id"), "1 1 2 99", "{what}");
            }
        }
    }
}

#[test]
fn a_kept_key_without_its_parent_stays() {
    let from =
        "CREATE TABLE users (id INTEGER PRIMARY KEY); CREATE TABLE profiles (id INTEGER PRIMARY KEY REFERENCES users);
        CREATE TABLE photos (id INTEGER PRIMARY KEY, profile INT REFERENCES profiles);";
    let rows = "INSERT INTO users VALUES (1), (2); INSERT INTO profiles VALUES (1), (2), (99); INSERT INTO photos VALUES (1, 1), (2, 98), (3, 99)";
    let users = "CREATE TABLE users (id INTEGER PRIMARY KEY)";
    let query = "SELECT id || '' FROM profiles UNION ALL SELECT id || '-' || profile FROM photos";
    assert_eq!(cycle(from, rows, users, "", query), "1 2 99 1-1 2-98 3-99");
    assert_eq!(cycle(from, rows, users, "DELETE FROM users WHERE id = 1", query), "2 99 2-98 3-99");
}

/// Schemas with and without a foreign key, the rows of which one refers to nothing, and what the child holds.
const RESTORED: [(&str, &str, &str, &str); 7] = [
    (
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p INT REFERENCES p);",
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p INT);",
        "INSERT INTO c VALUES (1, 1), (2, 99)",
        "SELECT id || ' ' || p FROM c",
    ),
    (
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p INT REFERENCES p ON DELETE CASCADE, x INT);",
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p INT, x TEXT NOT NULL DEFAULT 'a');",
        "INSERT INTO c VALUES (1, 1, 5), (2, 99, NULL)",
        "SELECT id || ' ' || p FROM c",
    ),
    (
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p TEXT REFERENCES p);",
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p INT);",
        "INSERT INTO c VALUES (1, '1'), (2, '99')",
        "SELECT id || ' ' || p FROM c",
    ),
    (
        "CREATE TABLE c (id TEXT PRIMARY KEY, p INT NOT NULL REFERENCES p) WITHOUT ROWID;",
        "CREATE TABLE c (id TEXT PRIMARY KEY) WITHOUT ROWID;",
        "INSERT INTO c VALUES ('1', 1), ('2', 99)",
        "SELECT id || ' ' || p FROM c",
    ),
    (
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p INT REFERENCES c);",
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p INT);",
        "INSERT INTO c VALUES (1, 1), (2, 99)",
        "SELECT id || ' ' || p FROM c",
    ),
    (
        "CREATE TABLE c (id INTEGER PRIMARY KEY, a INT NOT NULL, b INT NOT NULL, FOREIGN KEY (a, b) REFERENCES q (x, y));",
        "CREATE TABLE c (id INTEGER PRIMARY KEY, a INT NOT NULL, b INT NOT NULL);",
        "INSERT INTO c VALUES (1, 1, 1), (2, 1, 99)",
        "SELECT id || ' ' || b FROM c",
    ),
    (
        "CREATE TABLE c (id INTEGER PRIMARY KEY, a INT NOT NULL, b INT NOT NULL, FOREIGN KEY (a, b) REFERENCES q (x, y));",
        "CREATE TABLE c (id INTEGER PRIMARY KEY);",
        "INSERT INTO c VALUES (1, 1, 1), (2, 1, 99)",
        "SELECT id || ' ' || b FROM c",
    ),
];

const PARENTS: &str = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE q (x INT, y INT, PRIMARY KEY (x, y));";

#[test]
fn a_foreign_key_is_restored_over_rows_that_dangled() {
    for (with_key, without, rows, query) in RESTORED {
        let scratch = Scratch::of(&format!("{PARENTS}{with_key}"));
        scratch.generate("001_migration", &Scratch::of(&format!("{PARENTS}{without}")).introspect());
        scratch.execute(&format!(
            "PRAGMA foreign_keys = OFF; INSERT INTO p VALUES (1); INSERT INTO q VALUES (1, 1); {rows}"
        ));
        scratch.project.rehearse(Target::Latest).unwrap_or_else(|error| panic!("{error}: {without}"));
        scratch.project.upgrade(Target::Latest).unwrap_or_else(|error| panic!("{error}: {without}"));
        let (project, events) = listening(&scratch.project, with!(Settings { backups: 0 }));
        project.downgrade(Target::Previous).unwrap_or_else(|error| panic!("{error}: {with_key}"));
        assert_eq!(scratch.joined(&format!("{query} ORDER BY id")), "1 1 2 99", "{with_key}");
        let said = taken(&events).join("");
        assert!(said.starts_with("1 row already referred to a missing row of another table"), "{said}: {with_key}");
    }
}

#[test]
fn a_row_that_the_downgrade_makes_dangle_is_refused() {
    for (with_key, without, rows, _) in RESTORED {
        for (harm, refused) in [
            ("DELETE FROM p; DELETE FROM q; DELETE FROM c WHERE id <> 1;", true),
            ("UPDATE c SET id = 1000 WHERE id = 1;", with_key.contains("REFERENCES c")),
        ] {
            let scratch = Scratch::of(&format!("{PARENTS}{with_key}"));
            let sql = scratch.generate("001_migration", &Scratch::of(&format!("{PARENTS}{without}")).introspect());
            let down = scratch.path().join("migrations/sqlite/001_migration/down.sql");
            std::fs::write(down, format!("{}{harm}", sql.down)).unwrap();
            scratch.execute(&format!(
                "PRAGMA foreign_keys = OFF; INSERT INTO p VALUES (1); INSERT INTO q VALUES (1, 1); {rows}"
            ));
            scratch.project.upgrade(Target::Latest).unwrap();
            // The row that refers to itself stays.
            let refused = refused && !(harm.starts_with("DELETE") && with_key.contains("REFERENCES c"));
            let result = scratch.project.downgrade(Target::Previous).map_err(|error| error.to_string());
            assert_eq!(result.is_err(), refused, "{result:?}: {harm} {with_key}");
            if let Err(error) = result {
                assert!(error.contains("1 row would refer to a missing row"), "{error}: {harm} {with_key}");
                assert_eq!(scratch.project.version().unwrap(), 1);
            }
        }
    }
}

#[test]
fn a_renamed_table_and_column_are_still_known() {
    let of = |table: &str, column: &str, key: &str| {
        format!(
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE {table} (id INTEGER PRIMARY KEY, {column} INT {key})"
        )
    };
    let scratch = Scratch::new();
    scratch.write("001_a", &of("c", "p", "REFERENCES p"));
    scratch.execute("PRAGMA foreign_keys = OFF; INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1), (2, 99)");
    let mut models = Scratch::of(&of("d", "q", "")).models();
    let child = models.tables.iter_mut().find(|table| table.name == "d").unwrap();
    child.renamed_from = Some("c".into());
    child.columns.iter_mut().find(|column| column.name == "q").unwrap().renamed_from = Some("p".into());
    assert!(scratch.migrate(&models));
    scratch.downgrade();
    assert_eq!(scratch.joined("SELECT id || ' ' || p FROM c ORDER BY id"), "1 1 2 99");
    scratch.project.upgrade(Target::Latest).unwrap();
    scratch.execute("INSERT INTO d VALUES (3, 98)");
    let down = scratch.path().join("migrations/sqlite/002_migration/down.sql");
    let text = std::fs::read_to_string(&down).unwrap();
    std::fs::write(down, format!("{text}UPDATE c SET p = 97 WHERE id = 1;")).unwrap();
    let error = scratch.project.downgrade(Target::Previous).unwrap_err().to_string();
    assert!(error.contains("1 row would refer") && error.contains("such as c with rowid 1, to p"), "{error}");
}

#[test]
fn a_parent_is_not_dropped_below_its_rows() {
    for key in ["REFERENCES p", "REFERENCES P (ID)"] {
        let scratch = Scratch::new();
        scratch.write(
            "001_a",
            &format!("CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p INT {key})"),
        );
        scratch.execute("PRAGMA foreign_keys = OFF; INSERT INTO p VALUES (1); INSERT INTO c VALUES (2, 99)");
        scratch.script("002_b", "DROP TABLE p");
        scratch.project.rehearse(Target::Latest).unwrap();
        scratch.execute("INSERT INTO c VALUES (3, 1)");
        let error = scratch.project.upgrade(Target::Latest).unwrap_err().to_string();
        assert!(error.contains("1 row would refer") && error.contains("such as c with rowid 3, to"), "{error}: {key}");
    }
}
