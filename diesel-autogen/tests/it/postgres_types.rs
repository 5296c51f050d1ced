//! Column types on PostgreSQL: every type of Diesel's, arrays, types of the database, and what PostgreSQL lacks.

use diesel_autogen::schema::{Check, Column, DefaultValue, Schema, Table, Type};
use diesel_autogen::{Error, PlanOptions, Target};

use crate::postgres::Server;

const DIESEL: [&str; 27] = [
    "Numeric",
    "Timestamptz",
    "Interval",
    "Json",
    "Jsonb",
    "Uuid",
    "Inet",
    "Cidr",
    "MacAddr",
    "MacAddr8",
    "Money",
    "Oid",
    "PgLsn",
    "CChar",
    "Citext",
    "Int4range",
    "Int8range",
    "Numrange",
    "Tsrange",
    "Tstzrange",
    "Daterange",
    "Int4multirange",
    "Int8multirange",
    "Nummultirange",
    "Tsmultirange",
    "Tstzmultirange",
    "Datemultirange",
];

fn mood() -> Type {
    Type::Custom { name: "Mood".into(), postgres: Some("\"Mood\"".into()), sqlite: None }
}

fn array(item: Type) -> Type {
    Type::Array(Box::new(item))
}

fn models(types: impl IntoIterator<Item = Type>) -> Schema {
    let columns = types.into_iter().enumerate().map(|(at, ty)| Column::new(&format!("c{at}"), ty));
    Schema::new([columns.fold(Table::new("things", ["id"]).column(Column::new("id", Type::Integer)), Table::column)])
}

fn plan(server: &Server, models: &Schema) -> Result<Option<String>, Error> {
    Ok(server.migrator().plan(models, &PlanOptions::default())?.map(|plan| plan.to_string()))
}

/// A database with an enum, a domain and an extension's type.
fn server() -> Option<Server> {
    let server = Server::new()?;
    server.migrator().init().unwrap();
    server.execute(
        "CREATE EXTENSION IF NOT EXISTS citext; CREATE TYPE \"Mood\" AS ENUM ('sad', 'happy'); \
         CREATE DOMAIN email AS VARCHAR(80) CHECK (value LIKE '%@%')",
    );
    Some(server)
}

#[test]
fn a_column_of_each_type_reads_back() {
    let Some(server) = server() else { return };
    let shared = [
        Type::SmallInt,
        Type::Integer,
        Type::BigInt,
        Type::Float,
        Type::Double,
        Type::Text { max_length: None },
        Type::Text { max_length: Some(20) },
        Type::Binary,
        Type::Bool,
        Type::Date,
        Type::Time,
        Type::Timestamp,
        mood(),
    ];
    let stated = ["numeric(10, 2)", "bpchar", "bpchar(3)", "bit(8)", "timestamptz(3)", "interval day", "email", "xml"];
    let items: Vec<_> = shared.into_iter().chain(DIESEL.map(Type::Diesel)).collect();
    let arrays: Vec<_> = items.iter().cloned().map(array).collect();
    let stated = stated.map(|sql| Type::Other(sql.into()));
    let models = models(items.into_iter().chain(arrays).chain(stated));

    let migrator = server.migrator();
    let made = migrator.plan(&models, &PlanOptions::default()).unwrap().unwrap();
    migrator.apply(&made).unwrap();
    assert_eq!(plan(&server, &models).unwrap(), None);
    let live = migrator.introspect().unwrap();
    let read = |at: usize| &live.tables[0].columns[at + 1].ty;
    for (at, name) in DIESEL.into_iter().enumerate() {
        assert_eq!((read(13 + at), read(53 + at)), (&Type::Diesel(name), &array(Type::Diesel(name))));
    }
    assert_eq!(*read(12), Type::Other("\"Mood\"".into()));
    migrator.downgrade(Target::version(0)).unwrap();
    assert_eq!(migrator.introspect().unwrap().tables, []);
}

#[test]
fn rows_of_each_type_survive_a_downgrade() {
    let Some(server) = server() else { return };
    let mut models = models(DIESEL.map(Type::Diesel).into_iter().chain([mood(), array(mood())]));
    models.tables[0].columns[1..].iter_mut().for_each(|column| column.nullable = true);
    let migrator = server.migrator();
    let apply = |models: &Schema| {
        let plan = migrator.plan(models, &PlanOptions::default()).unwrap().unwrap();
        migrator.apply(&plan.accept_losses()).unwrap();
    };
    apply(&models);
    server.execute(
        "INSERT INTO things SELECT 1, 1.5, '2012-02-29 12:00:00+00', '1 day', '{\"a\": 1}', '{\"a\": 1}', \
         '00000000-0000-0000-0000-000000000001', '10.0.0.1', '10.0.0.0/8', '08:00:2b:01:02:03', \
         '08:00:2b:01:02:03:04:05', '1.50', 7, '16/B374D848', 'x', 'Susan', '[1,2)', '[1,2)', '[1,2)', \
         '[2012-02-28,2012-02-29)', '[2012-02-28,2012-02-29)', '[2012-02-28,2012-02-29)', '{[1,2)}', '{[1,2)}', \
         '{[1,2)}', '{[2012-02-28,2012-02-29)}', '{[2012-02-28,2012-02-29)}', '{[2012-02-28,2012-02-29)}', \
         'happy', '{sad,happy}'",
    );
    let before = server.rows();
    let mut fewer = models.clone();
    fewer.tables[0].columns.truncate(1);
    apply(&fewer);
    migrator.downgrade(Target::Previous).unwrap();
    assert_eq!(server.rows(), before);
}

#[test]
fn defaults_of_each_kind_read_back() {
    let Some(server) = server() else { return };
    let text = |text: &str| DefaultValue::Text(text.into());
    let defaults = [
        (Type::Diesel("Numeric"), DefaultValue::Number("1.5".into())),
        (Type::Diesel("Timestamptz"), DefaultValue::Now),
        (Type::Diesel("Jsonb"), text("{}")),
        (Type::Diesel("Uuid"), DefaultValue::Sql("gen_random_uuid()".into())),
        (array(Type::Text { max_length: None }), text("{}")),
        (mood(), text("happy")),
        (Type::Other("bpchar(3)".into()), text("abc")),
    ];
    let (types, defaults): (Vec<_>, Vec<_>) = defaults.into_iter().unzip();
    let mut models = models(types);
    for (column, default) in models.tables[0].columns[1..].iter_mut().zip(defaults) {
        column.default = Some(default);
    }
    let migrator = server.migrator();
    migrator.apply(&migrator.plan(&models, &PlanOptions::default()).unwrap().unwrap()).unwrap();
    server.execute("INSERT INTO things DEFAULT VALUES");
    assert_eq!(plan(&server, &models).unwrap(), None);
}

#[test]
fn what_diesel_does_not_print_stays() {
    let Some(server) = server() else { return };
    server.execute(
        "CREATE TABLE things (id SERIAL PRIMARY KEY, c0 NUMERIC(10, 2) NOT NULL, c1 TIMESTAMP(3) NOT NULL, \
         c2 TIMESTAMPTZ(0) NOT NULL, c3 TIME(3) NOT NULL, c4 INTERVAL DAY TO SECOND(3) NOT NULL, \
         c5 VARCHAR(20)[] NOT NULL, c6 NUMERIC(10, 2)[] NOT NULL, c7 EMAIL NOT NULL, c8 CHAR(3) NOT NULL, \
         c9 BIT(8) NOT NULL)",
    );
    let text = |max_length| Type::Text { max_length };
    let printed = models([
        Type::Diesel("Numeric"),
        Type::Timestamp,
        Type::Diesel("Timestamptz"),
        Type::Time,
        Type::Diesel("Interval"),
        array(text(None)),
        array(Type::Diesel("Numeric")),
        text(Some(80)),
        Type::Other("bpchar(3)".into()),
        Type::Other("bit(8)".into()),
    ]);
    assert_eq!(plan(&server, &printed).unwrap(), None);

    let stated = models([Type::Other("numeric(12,2)".into())]);
    let said = plan(&server, &stated).unwrap().unwrap();
    assert!(said.contains("changes c0 from numeric(10,2) to numeric(12,2)"), "{said}");
}

#[test]
fn a_type_that_postgres_lacks_is_refused_by_name() {
    let Some(server) = server() else { return };
    let of_sqlite = Type::Custom { name: "Own".into(), postgres: None, sqlite: Some("Text".into()) };
    let missing = Type::Custom { name: "Hue".into(), postgres: Some("\"hue\"".into()), sqlite: None };
    let cases = [
        (Type::Diesel("TimestamptzSqlite"), "PostgreSQL has no type TimestamptzSqlite"),
        (of_sqlite, "PostgreSQL has no type Own"),
        (missing, "the database has no type \"hue\": create it in a migration before this one"),
        (Type::Other("ghost(3)".into()), "the database has no type ghost(3): create it in a migration before this one"),
    ];
    for (ty, why) in cases {
        let error = plan(&server, &models([ty])).unwrap_err();
        assert!(matches!(&error, Error::CannotExpress { object, .. } if object == "things.c0"), "{error:?}");
        assert!(error.to_string().ends_with(why), "{error}");
    }
}

#[test]
fn a_timestamp_gets_the_time_zone_utc() {
    let Some(server) = server() else { return };
    server.execute(
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Tokyo''', current_database()); END$$",
    );
    let migrator = server.migrator();
    let apply = |types: [Type; 3]| {
        let plan = migrator.plan(&models(types), &PlanOptions::default()).unwrap().unwrap();
        migrator.apply(&plan.accept_losses()).unwrap();
    };
    let zoned = Type::Diesel("Timestamptz");
    apply([Type::Timestamp, zoned.clone(), zoned.clone()]);
    server.execute("INSERT INTO things VALUES (1, '2012-02-29 12:00', '2012-02-29 12:00Z', '2012-02-29 00:00Z')");
    apply([zoned.clone(), Type::Timestamp, Type::Date]);
    let query = "SELECT concat_ws(' ', c0 AT TIME ZONE 'UTC', c1, c2) FROM things";
    assert_eq!(server.query(query).unwrap(), "2012-02-29 12:00:00 2012-02-29 12:00:00 2012-02-29");
    apply([Type::Timestamp, zoned.clone(), zoned]);
    let query = "SELECT concat_ws(' ', c0, c1 AT TIME ZONE 'UTC', c2 AT TIME ZONE 'UTC') FROM things";
    assert_eq!(server.query(query).unwrap(), "2012-02-29 12:00:00 2012-02-29 12:00:00 2012-02-29 00:00:00");
    migrator.downgrade(Target::Previous).unwrap();
    migrator.downgrade(Target::Previous).unwrap();
    assert_eq!(server.query(query).unwrap(), "2012-02-29 12:00:00 2012-02-29 12:00:00 2012-02-29 00:00:00");
}

#[test]
fn the_current_schema_may_be_named() {
    let Some(server) = server() else { return };
    let mut models = models([Type::Integer]);
    models.tables[0].schema = Some("public".into());
    server.execute("CREATE TABLE things (id SERIAL PRIMARY KEY, c0 INTEGER NOT NULL)");
    assert_eq!(plan(&server, &models).unwrap(), None);
}

#[test]
fn values_that_a_narrower_type_cuts_are_counted() {
    let Some(server) = server() else { return };
    server.execute(
        "CREATE TABLE things (id SERIAL PRIMARY KEY, c0 NUMERIC NOT NULL, c1 NUMERIC(10, 2) NOT NULL, \
         c2 INTEGER NOT NULL, c3 TEXT NOT NULL, c4 CHAR(5) NOT NULL, c5 BIT(8) NOT NULL, c6 TIMESTAMP NOT NULL, \
         c7 TIMESTAMPTZ NOT NULL, c8 NUMERIC NOT NULL); \
         INSERT INTO things VALUES (1, 1.25, 1.25, 12, 'abc', 'abc', B'10100000', '2012-02-29 00:00', '2012-02-29Z', 0.5), \
         (2, 1.234, 1.2, 1234, 'abcd', 'abcd', B'10100001', '2012-02-29 12:00:00.5', '2012-02-29 12:00Z', 0.1), \
         (3, 12345, 12345, 123, 'ab ', 'ab', B'11110000', '2012-02-29 12:00', '2012-02-29Z', 0.123456789012345678)",
    );
    let other = |sql: &str| Type::Other(sql.into());
    let narrower = models([
        other("numeric(5,2)"),
        other("numeric(5,1)"),
        other("numeric(3,0)"),
        other("bpchar(3)"),
        other("bpchar(3)"),
        other("bit(4)"),
        other("timestamp(0)"),
        Type::Date,
        Type::Double,
    ]);
    // A number that is too large for its type fails the rehearsal.
    let options = with!(PlanOptions { no_rehearsal: true });
    let plan = server.migrator().plan(&narrower, &options).unwrap().unwrap();
    let lost = |column: &str| {
        let is_of = |loss: &&diesel_autogen::Loss| loss.change.contains(&format!("things.{column} "));
        plan.losses.iter().find(is_of).map_or(0, |loss| loss.count)
    };
    assert_eq!(["c0", "c1", "c2", "c3", "c4"].map(lost), [2, 2, 1, 2, 1], "{:?}", plan.losses);
    assert_eq!(["c5", "c6", "c7", "c8"].map(lost), [3, 1, 1, 1], "{:?}", plan.losses);
}

#[test]
fn what_the_database_lacks_is_named_with_its_table() {
    let Some(database) = Server::new() else { return };
    let migrator = database.migrator();
    migrator.init().unwrap();
    let custom = |name: &str| Type::Custom { name: name.into(), postgres: Some(name.into()), sqlite: None };
    let own = |ty| Column::new("own", ty);
    let text = || own(Type::Text { max_length: None });
    let with_default = |sql: &str| text().default(DefaultValue::Sql(sql.into()));
    let cases = [
        (own(custom("mood")), None, ".own: the database has no type mood: create it in a migration before this one"),
        (
            own(Type::Diesel("Citext")),
            None,
            ".own: the database has no type citext: create the extension citext in a migration before this one",
        ),
        (
            own(Type::Array(Box::new(custom("mood")))),
            None,
            ".own: the database has no type mood: create it in a migration before this one",
        ),
        (
            own(Type::Other("numeric(5".into())),
            None,
            ".own: PostgreSQL cannot read the type numeric(5: syntax error at end of input",
        ),
        (
            with_default("uuid_generate_v4()"),
            None,
            ": PostgreSQL refuses it: function uuid_generate_v4() does not exist",
        ),
        (with_default("nextval('codes')"), None, ": PostgreSQL refuses it: relation \"codes\" does not exist"),
        (
            text(),
            Some("similarity(own, 'a') > 0.5"),
            ": PostgreSQL refuses it: function similarity(text, unknown) does not exist",
        ),
        (text(), Some("own ->> 'a' = 'b'"), ": PostgreSQL refuses it: operator does not exist: text ->> unknown"),
    ];
    for (column, check, expected) in cases {
        let mut table = Table::new("places", ["id"]).column(Column::new("id", Type::Integer)).column(column);
        table.checks.extend(check.map(Check::new));
        let other = Table::new("people", ["id"]).column(Column::new("id", Type::Integer));
        let error = migrator.plan(&Schema::new([other, table]), &PlanOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write a migration for places{expected}"));
    }
}
