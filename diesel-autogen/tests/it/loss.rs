//! Losses: a plan counts what it would lose in the rows, and needs consent.

use crate::support::Scratch;
use diesel_autogen::schema::{Column, DefaultValue, Schema, Table, Type};
use diesel_autogen::{Plan, Target};

const TEXT: Type = Type::Text { max_length: None };

fn notes(columns: impl IntoIterator<Item = Column>) -> Schema {
    let table = Table::new("notes", ["id"]).column(Column::new("id", Type::Integer));
    Schema::new([columns.into_iter().fold(table, Table::column)])
}

/// A table `notes` with a column `what` of that type, and these values in it, as SQL writes them.
fn with_values(ty: &Type, values: &[&str]) -> Scratch {
    let scratch = Scratch::new();
    scratch.migrate(&notes([Column::new("what", ty.clone()).nullable()]));
    for value in values {
        scratch.execute(&format!("INSERT INTO notes (what) VALUES ({value})"));
    }
    scratch
}

fn plan(scratch: &Scratch, models: &Schema, fills: &[&str]) -> Plan {
    let wishes = with!(PlanOptions { fills: fills.iter().map(ToString::to_string).collect() });
    scratch.project.plan(models, &wishes).unwrap().unwrap()
}

fn words(plan: &Plan) -> Vec<&str> {
    plan.losses.iter().map(|loss| loss.text.as_str()).collect()
}

#[track_caller]
fn assert_losses(from: &Type, values: &[&str], to: &Type, expected: &[&str]) {
    let scratch = with_values(from, values);
    let plan = plan(&scratch, &notes([Column::new("what", to.clone()).nullable()]), &[]);
    assert_eq!(words(&plan), expected);
    // The downgrade restores every value.
    let quoted = || scratch.query("SELECT typeof(what) || quote(what) FROM notes ORDER BY id");
    let before = quoted();
    scratch.project.apply(&plan.accept_losses()).unwrap();
    scratch.downgrade();
    assert_eq!(quoted(), before);
}

#[test]
fn counts_the_values_of_a_dropped_column() {
    let scratch = with_values(&TEXT, &["NULL"]);
    scratch.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)
         INSERT INTO notes (what) SELECT CASE WHEN i <= 1204 THEN 'x' END FROM n",
    );
    let plan = plan(&scratch, &notes([]), &[]);
    assert_eq!(words(&plan), ["drops notes.what: 1,204 of 2,000 rows hold a value"]);
    let error = scratch.project.apply(&plan).unwrap_err().to_string();
    assert_eq!(
        error,
        "this migration would lose data: drops notes.what: 1,204 of 2,000 rows hold a value, kept in _kept_002_notes"
    );
    assert_eq!(scratch.project.version().unwrap(), 1);
    assert!(!scratch.path().join("migrations/sqlite/002_migration").exists());
}

/// The text of each loss, and the error when none is accepted.
fn said(scratch: &Scratch, models: &Schema, no_keep: bool) -> (String, String) {
    let wishes = with!(PlanOptions { no_keep: no_keep });
    let plan = scratch.project.plan(models, &wishes).unwrap().unwrap();
    let lines = plan.to_string();
    let lines: Vec<_> = lines.lines().filter_map(|line| line.strip_prefix("attention: ")).collect();
    (lines.join("\n"), scratch.project.apply(&plan).unwrap_err().to_string())
}

#[test]
fn names_where_the_values_are_kept() {
    let scratch = with_values(&TEXT, &["'n/a'", "'7'", "NULL"]);
    let number = notes([Column::new("what", Type::Integer).nullable()]);
    let short = notes([Column::new("what", Type::Text { max_length: Some(2) }).nullable()]);
    let filled = notes([Column::new("what", TEXT).default(DefaultValue::Text("none".into()))]);
    let drops = "drops notes.what: 2 of 3 rows hold a value";
    let changes = "changes notes.what from Text to Integer: 1 value is not a 32-bit integer ('n/a')";
    let table = "drops table notes: it holds 3 rows";
    let null = "makes notes.what NOT NULL: 1 row is NULL";
    for (models, loss) in [(notes([]), drops), (number, changes), (Schema::new([]), table), (filled, null)] {
        for (no_keep, fate) in [(false, "kept in _kept_002_notes"), (true, "which would be lost")] {
            let (line, error) = said(&scratch, &models, no_keep);
            assert_eq!(line, format!("{loss}, {fate}"));
            assert!(error.contains(&line), "{error}");
        }
    }
    // SQLite does not truncate.
    assert_eq!(said(&scratch, &short, true).0, "shortens notes.what to 2: 1 row is longer, left as is");
}

#[test]
fn names_a_renamed_table_by_its_new_name() {
    let scratch = with_values(&TEXT, &["'a'"]);
    let wishes = with!(PlanOptions { renames: vec!["notes=memos".into()] });
    let mut models = notes([]);
    models.tables[0].name = "memos".into();
    let plan = scratch.project.plan(&models, &wishes).unwrap().unwrap();
    assert!(plan.to_string().ends_with("drops notes.what: 1 of 1 row holds a value, kept in _kept_002_memos"));
    scratch.project.apply(&plan.accept_losses()).unwrap();
    assert_eq!(scratch.query("SELECT what FROM _kept_002_memos"), [Some("a".into())]);
}

#[test]
fn refuses_losses_that_came_after_the_plan() {
    let scratch = with_values(&TEXT, &["'a'", "NULL"]);
    let plan = plan(&scratch, &notes([]), &[]).accept_losses();
    scratch.execute("INSERT INTO notes (what) VALUES ('b')");
    let error = scratch.project.apply(&plan).unwrap_err().to_string();
    assert_eq!(
        error,
        "the rows have changed since the plan was made, and more would be lost: drops notes.what: 2 of 3 rows hold a \
         value, kept in _kept_002_notes; plan again"
    );
    assert_eq!(scratch.project.version().unwrap(), 1);
    assert!(!scratch.path().join("migrations/sqlite/002_migration").exists());
    scratch.execute("DELETE FROM notes WHERE what = 'b'; INSERT INTO notes (what) VALUES (NULL)");
    scratch.project.apply(&plan).unwrap();
}

#[test]
fn counts_again_a_table_that_was_empty_in_the_plan() {
    let scratch = with_values(&TEXT, &[]);
    let dropped = plan(&scratch, &Schema::new([]), &[]);
    let models = notes([Column::new("what", TEXT).nullable(), Column::new("size", Type::Integer)]);
    let added = plan(&scratch, &models, &[]);
    scratch.execute("INSERT INTO notes (what) VALUES (NULL)");
    for (plan, what) in [
        (dropped, "drops table notes: it holds 1 row"),
        (added, "adds notes.size NOT NULL without a default: 1 row needs a value"),
    ] {
        let error = scratch.project.apply(&plan.accept_losses()).unwrap_err().to_string();
        assert!(error.contains("since the plan was made") && error.contains(what), "{error}");
    }
    assert_eq!(scratch.project.version().unwrap(), 1);
}

#[test]
fn dropping_what_holds_no_values_is_no_loss() {
    let scratch = with_values(&TEXT, &["NULL", "NULL"]);
    assert_eq!(words(&plan(&scratch, &notes([]), &[])), [""; 0]);
    scratch.execute("DELETE FROM notes");
    assert_eq!(words(&plan(&scratch, &Schema::new([]), &[])), [""; 0]);
    scratch.execute("INSERT INTO notes (what) VALUES (NULL)");
    assert_eq!(words(&plan(&scratch, &Schema::new([]), &[])), ["drops table notes: it holds 1 row"]);
}

#[test]
fn counts_and_shows_texts_that_are_not_integers() {
    assert_losses(
        &TEXT,
        &["'1'", "'-5'", "'2147483647'", "'n/a'", "'n/a'", "NULL"],
        &Type::Integer,
        &["changes notes.what from Text to Integer: 2 values are not 32-bit integers ('n/a')"],
    );
    assert_losses(&TEXT, &["'0'", "NULL", "'12'"], &Type::BigInt, &[]);
    for odd in ["''", "'007'", "' 7'", "'7 '", "'1.0'", "'1e3'", "'+1'", "'9223372036854775808'", "x'37'", "'٣'"] {
        let expected =
            format!("changes notes.what from Text to BigInt: 1 value is not an integer ({})", odd.to_uppercase());
        let expected = expected.replace("'1E3'", "'1e3'");
        assert_losses(&TEXT, &[odd], &Type::BigInt, &[&expected]);
    }
}

#[test]
fn counts_only_numbers_that_do_not_fit() {
    assert_losses(
        &Type::BigInt,
        &["1", "2147483647", "2147483648", "'stray'"],
        &Type::Integer,
        &["changes notes.what from BigInt to Integer: 2 values are not 32-bit integers (2147483648, 'stray')"],
    );
    assert_losses(&Type::Double, &["1.0", "1e3", "-0.0", "NULL"], &Type::Integer, &[]);
    assert_losses(
        &Type::Double,
        &["1.5", "1e3", "9223372036854775808.0"],
        &Type::BigInt,
        &["changes notes.what from Double to BigInt: 2 values are not integers (1.5, 9.2233720368547758e+18)"],
    );
    assert_losses(
        &Type::BigInt,
        &["9007199254740992", "9007199254740993"],
        &Type::Double,
        &[
            "changes notes.what from BigInt to Double: 1 value is not a number that can be stored exactly (9007199254740993)",
        ],
    );
    assert_losses(
        &TEXT,
        &["'0.5'", "'7'", "'much'", "x'00'"],
        &Type::Double,
        &[
            "changes notes.what from Text to Double: 2 values are not numbers that can be stored exactly ('much', X'00')",
        ],
    );
    assert_losses(
        &Type::Integer,
        &["0", "1", "2"],
        &Type::Bool,
        &["changes notes.what from Integer to Bool: 1 value is not 0 or 1 (2)"],
    );
}

#[test]
fn accepts_the_dates_and_times_that_diesel_reads() {
    assert_losses(
        &TEXT,
        &["'2012-02-29'", "'2012-02-30'", "'now'", "'2456000'", "NULL"],
        &Type::Date,
        &["changes notes.what from Text to Date: 3 values are not dates without a time ('2012-02-30', 'now', …)"],
    );
    assert_losses(
        &TEXT,
        &["'2012-02-29 12:00:00.5'", "'2012-02-29T12:00:00'", "'soon'"],
        &Type::Timestamp,
        &["changes notes.what from Text to Timestamp: 1 value is not a timestamp ('soon')"],
    );
    assert_losses(
        &Type::Timestamp,
        &["'2012-02-29 00:00:00'", "'2012-02-29 12:00:00'"],
        &Type::Date,
        &["changes notes.what from Timestamp to Date: 1 value is not a date without a time ('2012-02-29 12:00:00')"],
    );
    assert_losses(
        &Type::Integer,
        &["5", "1353578400"],
        &Type::Timestamp,
        &["changes notes.what from Integer to Timestamp: 2 values are not timestamps (5, 1353578400)"],
    );
}

#[test]
fn measures_lengths_in_characters() {
    let short = Type::Text { max_length: Some(3) };
    assert_losses(&TEXT, &["'üüü'", "'👋👋👋'", "''", "NULL"], &short, &[]);
    assert_losses(&TEXT, &["'üüüü'", "'abcd'"], &short, &["shortens notes.what to 3: 2 rows are longer"]);
    assert_losses(&Type::Integer, &["1234", "12"], &short, &["shortens notes.what to 3: 1 row is longer"]);
    // A wider column, or one that becomes NOT NULL, does not truncate what is too long already.
    assert_losses(&short, &["'far too long'"], &Type::Text { max_length: Some(5) }, &[]);
}

#[test]
fn shortens_and_escapes_values() {
    let scratch = with_values(&TEXT, &["CAST(zeroblob(100000) AS TEXT) || 'x'", "char(27) || '[2J' || char(10)"]);
    scratch.execute("INSERT INTO notes (what) VALUES (zeroblob(1000)), (CAST(x'ff' AS TEXT))");
    let plan = plan(&scratch, &notes([Column::new("what", Type::Integer).nullable()]), &[]);
    let [loss] = words(&plan)[..] else { panic!("{plan:?}") };
    assert!(loss.starts_with("changes notes.what from Text to Integer: 4 values are not 32-bit integers"), "{loss}");
    assert!(loss.len() < 200 && !loss.contains(char::is_control), "{loss}");
}

#[test]
fn a_not_null_column_needs_a_value_for_its_nulls() {
    let scratch = with_values(&TEXT, &["NULL", "NULL", "'x'", "NULL"]);
    let models = notes([Column::new("what", TEXT)]);
    let refused = plan(&scratch, &models, &[]);
    assert_eq!(words(&refused), ["makes notes.what NOT NULL: 3 rows are NULL"]);
    let error = scratch.project.apply(&refused.accept_losses()).unwrap_err().to_string();
    assert_eq!(error, "this migration needs values: makes notes.what NOT NULL: 3 rows are NULL");
    let filled = plan(&scratch, &models, &["notes.what=it's = \"x\""]);
    scratch.project.apply(&filled.accept_losses()).unwrap();
    let values = || scratch.query("SELECT what FROM notes ORDER BY id");
    let it = Some("it's = \"x\"".to_owned());
    assert_eq!(values(), [it.clone(), it.clone(), Some("x".into()), it]);
    scratch.downgrade();
    assert_eq!(values(), [None, None, Some("x".into()), None]);
}

#[test]
fn a_new_not_null_column_needs_a_value_when_there_are_rows() {
    let scratch = with_values(&TEXT, &["'a'"]);
    let what = Column::new("what", TEXT).nullable();
    let models = notes([what.clone(), Column::new("size", Type::Integer)]);
    assert_eq!(
        words(&plan(&scratch, &models, &[])),
        ["adds notes.size NOT NULL without a default: 1 row needs a value"]
    );
    scratch.project.apply(&plan(&scratch, &models, &["notes.size=-3"])).unwrap();
    assert_eq!(scratch.query("SELECT quote(size) FROM notes"), [Some("-3".into())]);
    let with_default = Column::new("more", Type::Integer).default(DefaultValue::Number("0".into()));
    let models = notes([what, Column::new("size", Type::Integer), with_default]);
    assert_eq!(words(&plan(&scratch, &models, &[])), [""; 0]);
}

#[test]
fn refuses_an_impossible_fill() {
    let scratch = with_values(&TEXT, &["'a'"]);
    let short = Type::Text { max_length: Some(3) };
    let column = |(name, ty): (&str, Type)| Column::new(name, ty);
    let columns = [
        ("n", Type::Integer),
        ("s", short),
        ("small", Type::SmallInt),
        ("day", Type::Date),
        ("hour", Type::Time),
        ("at", Type::Timestamp),
    ];
    let models = notes([Column::new("what", TEXT).nullable()].into_iter().chain(columns.map(column)));
    for (fill, why) in [
        ("notes.n=3000000000", "\"3000000000\" is no Integer for notes.n"),
        ("notes.small=40000", "\"40000\" is no SmallInt for notes.small"),
        ("notes.day=banana", "\"banana\" is no Date for notes.day"),
        ("notes.day=2026-02-30", "\"2026-02-30\" is no Date for notes.day"),
        ("notes.hour=25:00", "\"25:00\" is no Time for notes.hour"),
        ("notes.at=2026-11-22", "\"2026-11-22\" is no Timestamp for notes.at"),
        ("notes.n", "write it as table.column=value"),
        ("n=1", "write it as table.column=value"),
        ("", "write it as table.column=value"),
        ("posts.n=1", "the models have no table posts"),
        ("notes.m=1", "table notes has no column m"),
        ("notes.n=one", "\"one\" is no Integer for notes.n"),
        ("notes.n=", "\"\" is no Integer for notes.n"),
        ("notes.s=long", "\"long\" is no VarChar(3) for notes.s"),
    ] {
        let wishes = with!(PlanOptions { fills: vec![fill.into()] });
        let error = scratch.project.plan(&models, &wishes).unwrap_err().to_string();
        assert_eq!(error, format!("{fill}: {why}"));
    }
    let fills = ["n=-1", "s=abc", "small=7", "day=2026-11-22", "hour=10:15:00.5", "at=2026-11-22 10:15:00"];
    let fills = fills.iter().map(|fill| format!("notes.{fill}")).collect();
    let wishes = with!(PlanOptions { fills: fills, allow_data_loss: true });
    scratch.project.apply(&scratch.project.plan(&models, &wishes).unwrap().unwrap()).unwrap();
    assert_eq!(
        scratch.query("SELECT day || hour || at FROM notes"),
        [Some("2026-11-2210:15:00.52026-11-22 10:15:00".into())]
    );
}

#[test]
fn a_downgrade_reports_values_that_the_old_type_cannot_hold() {
    let scratch = Scratch::new();
    let models = |ty| {
        Schema::new([Table::new("t", ["id"])
            .column(Column::new("id", Type::Integer))
            .column(Column::new("v", ty).nullable())])
    };
    scratch.migrate(&models(Type::Integer));
    scratch.migrate(&models(Type::Text { max_length: None }));
    scratch.execute("INSERT INTO t (v) VALUES ('7'), (NULL), ('seven')");
    let losses: Vec<_> =
        scratch.project.downgrade_losses(Target::Previous).unwrap().into_iter().map(|loss| loss.text).collect();
    assert_eq!(losses, ["changes t.v from Text to Integer: 1 value is not a 32-bit integer ('seven')"]);
}
