//! Databases whose printed source has to compile, and to agree with them.

/// SQLite, beside those that are hard on a generator of SQL.
pub const SQLITE: [&str; 16] = [
    "",
    // A blog.
    "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, nickname VARCHAR(64) NOT NULL UNIQUE, email VARCHAR(120) NOT NULL,
         about_me VARCHAR(140) DEFAULT '', is_admin BOOLEAN NOT NULL DEFAULT 0, karma INTEGER NOT NULL DEFAULT -1,
         weight DOUBLE DEFAULT 2.5, joined TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, born DATE DEFAULT CURRENT_DATE,
         CHECK (karma > -2), CONSTRAINT adult CHECK (born < joined));
     CREATE UNIQUE INDEX one_email ON users (email);
     CREATE TABLE posts (id INTEGER NOT NULL PRIMARY KEY, body VARCHAR(140) NOT NULL CHECK (length(body) > 0),
         written_at TIMESTAMP NOT NULL, user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
         answers INTEGER REFERENCES posts ON DELETE SET NULL ON UPDATE RESTRICT);
     CREATE INDEX posts_written_at_idx ON posts (written_at DESC); CREATE INDEX posts_user_id_idx ON posts (user_id);
     CREATE INDEX feed ON posts (user_id, written_at DESC);
     CREATE TABLE followers (follower_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
         followed_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, PRIMARY KEY (follower_id, followed_id),
         CHECK (follower_id <> followed_id))",
    // Names.
    r#"CREATE TABLE type (id INTEGER PRIMARY KEY, type TEXT, self TEXT, "Super" TEXT, crate TEXT, "match" TEXT, gen TEXT,
         type_ TEXT, "r#fn" TEXT);
     CREATE TABLE "Self" (id INTEGER PRIMARY KEY, "a b" TEXT, "a-b" TEXT, a_b TEXT, "1st" TEXT, "größe" TEXT, "it's" TEXT,
         "q""q" TEXT, "\" TEXT, "表" TEXT, __x TEXT, __y_ TEXT, UNIQUE ("a b", "1st"));
     CREATE TABLE columns (id INTEGER PRIMARY KEY, "columns" TEXT, "table" INT REFERENCES "table", star INT, all_columns INT,
         dsl TEXT, diesel TEXT, q TEXT, str TEXT, "Ok" INT, "Date" DATE, "Text" TEXT, "DB" INT, "T" INT, "SqlType" INT,
         schema TEXT, autogen TEXT, name TEXT, "desc" INT);
     CREATE INDEX "by name" ON columns (name, "desc" DESC, "table"); CREATE INDEX "q""i" ON columns (dsl);
     CREATE TABLE "table" (id INTEGER PRIMARY KEY, "table" TEXT CHECK ("table" <> 'a "b" \c'), CHECK (id > 0));
     CREATE TABLE "on delete" (id INTEGER PRIMARY KEY, "on delete" INT REFERENCES "Self" (id) ON DELETE CASCADE,
         on_delete INT REFERENCES type);
     CREATE TABLE on_delete (id INTEGER PRIMARY KEY); CREATE TABLE sql_types (id INTEGER PRIMARY KEY, sql_types TEXT)"#,
    // Texts.
    "CREATE TABLE texts (id INTEGER PRIMARY KEY, a TEXT DEFAULT 'it''s \"quoted\"', b TEXT DEFAULT 'two
lines', c TEXT DEFAULT '\\ and \\n', d TEXT DEFAULT ('a' || char(10)), e TEXT DEFAULT (lower('A  B')), f VARCHAR(2) DEFAULT 'long',
         g TEXT DEFAULT 'null', h TEXT DEFAULT NULL, i TEXT DEFAULT ' ', j TEXT DEFAULT '\u{202e}\u{7}', k TEXT DEFAULT '\"#',
         l TIMESTAMP DEFAULT (datetime('now', '-1 day')), m TEXT DEFAULT CURRENT_TIMESTAMP, n DATE DEFAULT '2012-02-29',
         CONSTRAINT \"it's a \"\"check\"\"\" CHECK (a <> 'x' -- a comment with \"quotes\"
             AND b <> '\\'), CHECK (c NOT IN ('*/', '/*', '//')) /* and */, CHECK (length(d) > 0) -- more
     ); CREATE UNIQUE INDEX \"it's; --\" ON texts (a, b)",
    // Numbers.
    "CREATE TABLE numbers (id INTEGER PRIMARY KEY, a INT DEFAULT 007, b INT DEFAULT 1e3, c DOUBLE DEFAULT .5, d INT DEFAULT +5,
         e INT DEFAULT 0x1F, f INT DEFAULT 5000000000, g TEXT DEFAULT 0, h BOOLEAN DEFAULT TRUE, i TINYINT DEFAULT 5,
         j DECIMAL(5, 2) DEFAULT 1.50, k DOUBLE DEFAULT 1.0, l FLOAT DEFAULT -2.5, m BIGINT DEFAULT -9223372036854775808,
         n SMALLINT DEFAULT 40000, o BLOB DEFAULT x'00ff', p INT DEFAULT '5', q DOUBLE DEFAULT 3, r INT DEFAULT 2.5,
         s INT DEFAULT (1 + 2), t DATE DEFAULT 0, u BOOLEAN DEFAULT 2, v DOUBLE DEFAULT 1e300, w FLOAT DEFAULT 1e300,
         x BIGINT DEFAULT 99999999999999999999)",
    // Foreign keys.
    "CREATE TABLE parents (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, a INT NOT NULL, b INT NOT NULL, big BIGINT UNIQUE,
         UNIQUE (a, b)); CREATE UNIQUE INDEX back ON parents (b DESC, code);
     CREATE TABLE children (id INTEGER PRIMARY KEY, parent BIGINT NOT NULL REFERENCES Parents (ID) ON UPDATE CASCADE,
         code VARCHAR(9) DEFAULT 'x' REFERENCES parents (code) ON DELETE SET DEFAULT, small SMALLINT REFERENCES parents,
         a INT, b INT, big INT REFERENCES parents (big), up INT REFERENCES children DEFERRABLE INITIALLY DEFERRED,
         other INT DEFAULT NULL REFERENCES parents ON DELETE SET DEFAULT,
         FOREIGN KEY (a, b) REFERENCES parents (a, b) ON DELETE RESTRICT,
         FOREIGN KEY (b, code) REFERENCES parents (b, code) ON DELETE CASCADE);
     CREATE TABLE grandchildren (id INTEGER PRIMARY KEY REFERENCES parents, child INT REFERENCES children ON DELETE NO ACTION)",
    // Indexes.
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b TEXT UNIQUE, c TEXT COLLATE NOCASE, d INT, UNIQUE (a, b), UNIQUE (b, a));
     CREATE UNIQUE INDEX t_a_key ON t (a); CREATE INDEX t_a_idx ON t (a); CREATE INDEX t_b_idx ON t (d);
     CREATE INDEX t_a_b_key ON t (a, b); CREATE INDEX part ON t (a) WHERE b > 'x
y'; CREATE INDEX expr ON t (lower(a), b DESC); CREATE INDEX coll ON t (a COLLATE NOCASE); CREATE UNIQUE INDEX u ON t (c, d DESC);
     CREATE INDEX own ON t (c); CREATE INDEX twice ON t (d, d); CREATE UNIQUE INDEX down ON t (d DESC);
     CREATE TABLE t_d_idx (id INTEGER PRIMARY KEY, k INT UNIQUE, CONSTRAINT \"\" CHECK (k > 0)); CREATE INDEX t_d ON t (d);
     CREATE UNIQUE INDEX \"\" ON t (d, c)",
    // What schema! cannot say.
    "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL ON CONFLICT IGNORE COLLATE NOCASE,
         twice TEXT AS (name || name), len INT GENERATED ALWAYS AS (length(name)) STORED UNIQUE ON CONFLICT REPLACE);
     CREATE TABLE s (id INT NOT NULL PRIMARY KEY, t TEXT DEFAULT 'x', i INT, r REAL, b BLOB, a ANY) STRICT, WITHOUT ROWID;
     CREATE TABLE d (id INTEGER PRIMARY KEY DESC, a INT REFERENCES a ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, b INT,
         CONSTRAINT key FOREIGN KEY (b) REFERENCES s (id) MATCH FULL, UNIQUE (a, b) ON CONFLICT FAIL)",
    // Objects.
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT);
     CREATE VIEW titles AS SELECT title FROM notes; CREATE VIRTUAL TABLE search USING fts5 (title, body);
     CREATE TRIGGER notes_insert AFTER INSERT ON notes BEGIN INSERT INTO search VALUES (new.title, new.body); END",
    // Types.
    "CREATE TABLE types (id INTEGER PRIMARY KEY, a TINYINT(1), b INT2, c INT8, d MEDIUMINT, e UNSIGNED BIG INT, f NVARCHAR(100),
         g CLOB, h VARCHAR(0), i TEXT(20), j CHARACTER(20), k REAL, l NUMERIC, m DECIMAL(10, 5), n DATETIME, o TIME,
         p VARBINARY(9), q, r DOUBLE PRECISION, s VARCHAR(99999999), t BOOL, u BIGINT UNSIGNED, v \"VARCHAR\"(7))",
    // Capital letters, and a name in other ones.
    "CREATE TABLE [Album] ([AlbumId] INTEGER NOT NULL, [Title] NVARCHAR(160) NOT NULL, [ArtistId] INTEGER NOT NULL,
         CONSTRAINT [PK_Album] PRIMARY KEY ([AlbumId]), FOREIGN KEY ([ArtistId]) REFERENCES [artist] ([artistid]));
     CREATE TABLE [Artist] ([ArtistId] INTEGER NOT NULL, [Name] NVARCHAR(120), CONSTRAINT [PK_Artist] PRIMARY KEY ([ArtistId]));
     CREATE INDEX [IFK_AlbumArtistId] ON [Album] ([ArtistId]); CREATE UNIQUE INDEX [IPK_Artist] ON [Artist] ([ArtistId])",
    // Keys.
    "CREATE TABLE a (name TEXT PRIMARY KEY, v INT); CREATE TABLE b (x INT PRIMARY KEY, v INT);
     CREATE TABLE c (x INT, y TEXT, z INT, PRIMARY KEY (y, x)); CREATE TABLE d (uuid CHAR(36) NOT NULL PRIMARY KEY, a TEXT REFERENCES a);
     CREATE TABLE e (id BIGINT PRIMARY KEY NOT NULL, c INT, b TEXT, FOREIGN KEY (b, c) REFERENCES c (y, x));
     CREATE TABLE f (day DATE NOT NULL, time TIME NOT NULL, PRIMARY KEY (day, time))",
    // Two tables that refer to each other, and two keys between two tables.
    "CREATE TABLE a (id INTEGER PRIMARY KEY, b INT REFERENCES b ON DELETE SET NULL);
     CREATE TABLE b (id INTEGER PRIMARY KEY, a INT NOT NULL REFERENCES a ON DELETE CASCADE);
     CREATE TABLE c (id INTEGER PRIMARY KEY, x INT REFERENCES a, y INT REFERENCES a, z INT REFERENCES b)",
    // Foreign keys that `schema!` refuses.
    "CREATE TABLE a (id INTEGER PRIMARY KEY, x INT REFERENCES missing, y INT REFERENCES b (nope), z INT REFERENCES v, w INT REFERENCES a (x),
         k INT REFERENCES keyless, m INT REFERENCES a (id) ON DELETE CASCADE REFERENCES a (id) ON DELETE SET NULL, n TEXT REFERENCES a);
     CREATE TABLE b (id INTEGER PRIMARY KEY, a INT NOT NULL REFERENCES a ON DELETE SET NULL); CREATE VIEW v AS SELECT 1 AS id;
     CREATE TABLE keyless (x INT, c INT REFERENCES c); CREATE TABLE c (x INT, y INT, z INT, PRIMARY KEY (x, y), UNIQUE (y, z),
         FOREIGN KEY (x, z) REFERENCES c, FOREIGN KEY (z, x) REFERENCES c (y, z) ON DELETE CASCADE, FOREIGN KEY (x, x) REFERENCES c)",
    // Names and keys that `schema!` refuses.
    "CREATE TABLE \"\" (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, \"\" INT); CREATE TABLE u (a INT, b INT, UNIQUE (a, a), UNIQUE (a, b, a));
     CREATE TABLE _kept_letters (id INTEGER PRIMARY KEY); CREATE TABLE \" \" (id INTEGER PRIMARY KEY, \"\t\" INT, \"\n\" INT REFERENCES \" \");
     CREATE TABLE __diesel_notes (id INTEGER PRIMARY KEY, t INT REFERENCES t)",
    // A text that no raw string of Rust can hold.
    concat!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT DEFAULT '\\\"", "################################",
        "################################################################################################################",
        "################################################################################################################')"),
];

/// PostgreSQL.
#[cfg(feature = "postgres")]
pub const POSTGRES: [&str; 24] = [
    "",
    // A blog, with comments.
    "CREATE TABLE users (id SERIAL PRIMARY KEY, nickname VARCHAR(64) NOT NULL UNIQUE, email VARCHAR(120) NOT NULL,
         about_me VARCHAR(140) DEFAULT '', is_admin BOOLEAN NOT NULL DEFAULT FALSE, karma INTEGER NOT NULL DEFAULT -1,
         weight DOUBLE PRECISION DEFAULT 2.5, joined TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'utc'), born DATE,
         CHECK (karma > -2), CONSTRAINT adult CHECK (born < joined));
     CREATE UNIQUE INDEX one_email ON users (email);
     COMMENT ON TABLE users IS 'People who write posts.\n\n    They have */ names -- and \"quotes\" /* ';
     COMMENT ON COLUMN users.nickname IS 'What others call them: `nick`\u{202e}\t\\';
     CREATE TABLE posts (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body VARCHAR(140) NOT NULL CHECK (length(body) > 0),
         written_at TIMESTAMPTZ NOT NULL DEFAULT now(), user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
         answers BIGINT REFERENCES posts ON DELETE SET NULL ON UPDATE RESTRICT);
     CREATE INDEX posts_written_at_idx ON posts (written_at DESC); CREATE INDEX feed ON posts (user_id, written_at DESC);
     CREATE TABLE followers (follower_id INTEGER REFERENCES users ON DELETE CASCADE,
         followed_id INTEGER REFERENCES users ON DELETE CASCADE, PRIMARY KEY (follower_id, followed_id))",
    // Names.
    r#"CREATE TABLE type (id INTEGER PRIMARY KEY, type TEXT, self TEXT, "Super" TEXT, crate TEXT, "match" TEXT, "r#fn" TEXT);
     CREATE TABLE "Self" (id INTEGER PRIMARY KEY, "a b" TEXT, "a-b" TEXT, a_b TEXT, "1st" TEXT, "größe" TEXT, "it's" TEXT,
         "q""q" TEXT, "\" TEXT, "表" TEXT, __x TEXT, UNIQUE ("a b", "1st"));
     CREATE TABLE columns (id INTEGER PRIMARY KEY, "columns" TEXT, "table" INT REFERENCES "Self", star INT, all_columns INT,
         dsl TEXT, diesel TEXT, q TEXT, "Ok" INT, "Date" DATE, "Text" TEXT, "T" INT, schema TEXT, name TEXT, "desc" INT);
     CREATE INDEX "by name" ON columns (name, "desc" DESC, "table"); CREATE INDEX "q""i" ON columns (dsl);
     CREATE TABLE "table" (id INTEGER PRIMARY KEY, "table" TEXT CHECK ("table" <> 'a "b" \c'), CHECK (id > 0));
     CREATE TABLE "user" (id INTEGER PRIMARY KEY, "order" INT REFERENCES columns); CREATE TABLE sql_types (id INT PRIMARY KEY)"#,
    // Texts.
    r##"CREATE TABLE texts (id INTEGER PRIMARY KEY, a TEXT DEFAULT 'it''s "quoted"', b TEXT DEFAULT E'two\nlines', c TEXT DEFAULT '\ and \n',
         d TEXT DEFAULT ('a' || chr(10)), e TEXT DEFAULT lower('A  B'), f VARCHAR(2) DEFAULT 'ab', g TEXT DEFAULT 'null',
         h TEXT DEFAULT NULL, i TEXT DEFAULT ' ', j TEXT DEFAULT current_user, k TEXT DEFAULT '"#', l BYTEA DEFAULT '\x00ff',
         m TIMESTAMP DEFAULT '2012-02-29 12:00:00', n DATE DEFAULT '2012-02-29', o TIMESTAMP DEFAULT now(), p DATE DEFAULT CURRENT_DATE,
         q TIME DEFAULT LOCALTIME, r VARCHAR DEFAULT 'x'::varchar, s TEXT DEFAULT 5, t VARCHAR(9) DEFAULT 'a'::text || 'b',
         CONSTRAINT "it's a ""check""" CHECK (a <> 'x' AND b <> '\'), CHECK (c NOT IN ('*/', '/*', '//')), CHECK (d LIKE E'%\n%'));
     CREATE UNIQUE INDEX "it's; --" ON texts (a, b)"##,
    // Numbers.
    "CREATE TABLE numbers (id INTEGER PRIMARY KEY, a INT DEFAULT 007, b INT DEFAULT 1e3, c DOUBLE PRECISION DEFAULT .5, d INT DEFAULT +5,
         e REAL DEFAULT 'NaN', f BIGINT DEFAULT 5000000000, g BIGINT DEFAULT -9223372036854775808, h BOOLEAN DEFAULT TRUE,
         i SMALLINT DEFAULT 5, j NUMERIC(5, 2) DEFAULT 1.50, k DOUBLE PRECISION DEFAULT 1.0, l REAL DEFAULT -2.5, m NUMERIC DEFAULT 3,
         n DOUBLE PRECISION DEFAULT 1e300, o INT DEFAULT (1 + 2), p DOUBLE PRECISION DEFAULT random(), q INT DEFAULT '5', r MONEY DEFAULT 1)",
    // Foreign keys.
    "CREATE TABLE parents (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, a INT NOT NULL, b INT NOT NULL, big BIGINT UNIQUE,
         UNIQUE (a, b)); CREATE UNIQUE INDEX back ON parents (b, code);
     CREATE TABLE children (id INTEGER PRIMARY KEY, parent BIGINT NOT NULL REFERENCES parents ON UPDATE CASCADE,
         code VARCHAR(9) DEFAULT 'x' REFERENCES parents (code) ON DELETE SET DEFAULT, small SMALLINT REFERENCES parents,
         a INT, b INT, big INT REFERENCES parents (big), up INT REFERENCES children DEFERRABLE INITIALLY DEFERRED,
         other INT REFERENCES parents ON DELETE SET DEFAULT,
         CONSTRAINT pair FOREIGN KEY (a, b) REFERENCES parents (a, b) MATCH FULL ON DELETE RESTRICT,
         FOREIGN KEY (b, code) REFERENCES parents (b, code) ON DELETE CASCADE);
     CREATE TABLE grandchildren (id INTEGER PRIMARY KEY REFERENCES parents, child INT REFERENCES children)",
    // Indexes.
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b TEXT UNIQUE, c TEXT COLLATE \"C\", d INT, UNIQUE (a, b), UNIQUE (b, a));
     CREATE UNIQUE INDEX t_a_key2 ON t (a); CREATE INDEX t_a_idx ON t (a); CREATE INDEX t_b_idx ON t (d);
     CREATE INDEX part ON t (a) WHERE b > E'x\ny'; CREATE INDEX expr ON t (lower(a), b DESC); CREATE INDEX hashed ON t USING hash (a);
     CREATE UNIQUE INDEX u ON t (c, d DESC); CREATE INDEX twice ON t (d, d); CREATE UNIQUE INDEX down ON t (d DESC);
     CREATE INDEX covers ON t (a) INCLUDE (b); CREATE INDEX nulls ON t (a NULLS FIRST);
     CREATE TABLE t_d_idx (id INTEGER PRIMARY KEY, k INT UNIQUE); CREATE INDEX t_d ON t (d);
     CREATE TABLE a_table_with_a_long_name_for_an_index (id INT PRIMARY KEY, a_column_with_a_long_name_for_an_index INT UNIQUE)",
    // What schema! cannot say.
    "CREATE SEQUENCE shared; CREATE TABLE a (id INTEGER PRIMARY KEY DEFAULT nextval('shared'), name TEXT NOT NULL COLLATE \"C\",
         len INT GENERATED ALWAYS AS (length(name)) STORED UNIQUE, number SERIAL, EXCLUDE USING btree (name WITH =));
     CREATE UNLOGGED TABLE d (id INTEGER PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY (START 5 INCREMENT 2),
         a INT REFERENCES a ON DELETE SET NULL DEFERRABLE, b INT UNIQUE DEFERRABLE INITIALLY DEFERRED) WITH (fillfactor = 70);
     ALTER TABLE d ADD CHECK (id > 0) NOT VALID; ALTER TABLE d ENABLE ROW LEVEL SECURITY",
    // Objects.
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL); CREATE VIEW titles AS SELECT title FROM notes;
     CREATE FUNCTION f() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
     CREATE TRIGGER t BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION f(); CREATE MATERIALIZED VIEW m AS SELECT 1 AS one;
     CREATE TABLE parts (i INT) PARTITION BY LIST (i); CREATE TABLE part PARTITION OF parts FOR VALUES IN (1)",
    // The types that Diesel has.
    "CREATE EXTENSION citext; CREATE TABLE types (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), a JSON, b JSONB NOT NULL DEFAULT '{}', c INET, d CIDR,
         e MACADDR, f MACADDR8, g MONEY, h OID, i PG_LSN, j \"char\", k CITEXT DEFAULT 'x', l INT4RANGE, m TSTZRANGE, n INTERVAL DEFAULT '1 day',
         o NUMERIC, p TIMESTAMPTZ DEFAULT now(), q DATEMULTIRANGE, r BYTEA, s TEXT[], t INT[] NOT NULL DEFAULT '{1,2}', u UUID[])",
    // Types with more than a name.
    "CREATE TABLE types (id INTEGER PRIMARY KEY, a NUMERIC(10, 2) NOT NULL DEFAULT 0, b CHAR(3) DEFAULT 'EUR', c TIMESTAMP(3), d TIMESTAMPTZ(0), e TIME(2),
         f INTERVAL DAY TO SECOND, g VARCHAR(20)[], h BIT(3), i BIT VARYING(9), j TIMETZ, k XML, l TSVECTOR, m POINT, n NUMERIC(5, 1)[],
         o NAME, p INTERVAL(2), q VARBIT, r INT[][], s TSQUERY, t CHAR)",
    // Types of the program.
    r#"CREATE TYPE mood AS ENUM ('sad', 'it''s'); CREATE TYPE "Odd ""Name" AS ENUM ('a'); CREATE DOMAIN email AS TEXT CHECK (VALUE <> '');
     CREATE TYPE pair AS (x INT, y INT); CREATE SCHEMA other; CREATE TYPE other.mood AS ENUM ('x'); CREATE TYPE "Text" AS ENUM ('t');
     CREATE TABLE types (id SERIAL PRIMARY KEY, a mood NOT NULL DEFAULT 'sad', b "Odd ""Name", c email, d pair, e other.mood, f mood[], g "Text");
     CREATE TABLE keyed (mood mood PRIMARY KEY); CREATE TABLE more (id SERIAL PRIMARY KEY, mood mood REFERENCES keyed)"#,
    // Without a primary key.
    "CREATE TABLE log (at TIMESTAMP NOT NULL, text TEXT); CREATE TABLE pairs (a INT NOT NULL, b INT NOT NULL, c TEXT, UNIQUE (a, b));
     CREATE TABLE codes (code TEXT UNIQUE, rowid INT); CREATE TABLE uses (id INT PRIMARY KEY, code TEXT REFERENCES codes (code))",
    // Two tables that refer to each other, and two keys between two tables.
    "CREATE TABLE a (id INTEGER PRIMARY KEY, b INT); CREATE TABLE b (id INTEGER PRIMARY KEY, a INT NOT NULL REFERENCES a ON DELETE CASCADE);
     ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b ON DELETE SET NULL;
     CREATE TABLE c (id INTEGER PRIMARY KEY, x INT REFERENCES a, y INT REFERENCES a, z INT REFERENCES b)",
    // Keys.
    "CREATE TABLE a (name TEXT PRIMARY KEY); CREATE TABLE c (x INT, y TEXT, z INT, PRIMARY KEY (y, x));
     CREATE TABLE d (uuid CHAR(36) PRIMARY KEY, a TEXT REFERENCES a); CREATE TABLE f (day DATE, time TIME, CONSTRAINT own PRIMARY KEY (day, time));
     CREATE TABLE e (id BIGINT PRIMARY KEY, c INT, b TEXT, FOREIGN KEY (b, c) REFERENCES c (y, x)); CREATE TABLE s (id SMALLSERIAL PRIMARY KEY)",
    // Capital letters.
    r#"CREATE TABLE "Artist" ("ArtistId" INT NOT NULL, "Name" VARCHAR(120), CONSTRAINT "PK_Artist" PRIMARY KEY ("ArtistId"));
     CREATE TABLE "Album" ("AlbumId" INT NOT NULL, "Title" VARCHAR(160) NOT NULL, "ArtistId" INT NOT NULL REFERENCES "Artist",
         CONSTRAINT "PK_Album" PRIMARY KEY ("AlbumId")); CREATE INDEX "IFK_AlbumArtistId" ON "Album" ("ArtistId")"#,
    // Checks.
    "CREATE TABLE t (id INT PRIMARY KEY, a INT CHECK (a > 0) CHECK (a < 10), b INT, CHECK (a < b), CHECK (a IN (1, 2, 3)), CONSTRAINT named CHECK (b IS NOT NULL),
         c TEXT CHECK (c ~ '^[a-z]+$' OR c = ANY (ARRAY['x', 'y'])), d DATE CHECK (d BETWEEN '2000-01-01' AND now()), CONSTRAINT t_check7 CHECK (NOT (a = b)))",
    // A function of the database in a default, and one in a check.
    "CREATE FUNCTION new_code() RETURNS TEXT LANGUAGE sql AS 'SELECT ''x'''; CREATE FUNCTION is_code(t TEXT) RETURNS BOOLEAN IMMUTABLE LANGUAGE sql AS 'SELECT t <> ''''';
     CREATE TABLE codes (id SERIAL PRIMARY KEY, code TEXT NOT NULL DEFAULT new_code() CHECK (is_code(code)))",
    // Functions for a trigger, as Diesel's first migration makes them.
    "CREATE FUNCTION diesel_manage_updated_at(t regclass) RETURNS VOID LANGUAGE plpgsql AS 'BEGIN END';
     CREATE TABLE t (id SERIAL PRIMARY KEY, updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
    // Inheritance, and a table of another schema.
    "CREATE TABLE base (id INT PRIMARY KEY, a TEXT); CREATE TABLE derived (b TEXT) INHERITS (base); CREATE SCHEMA auth;
     CREATE TABLE auth.users (id INT PRIMARY KEY); CREATE TABLE mine (id INT PRIMARY KEY, u INT REFERENCES auth.users ON DELETE CASCADE)",
    // Types whose names need quotes, and numbers in quotes for types without numbers.
    r#"CREATE TYPE "x(3)" AS ENUM ('1'); CREATE TYPE "with time zone" AS ENUM ('a'); CREATE TYPE "a[]" AS ENUM ('a'); CREATE TYPE "a.b" AS ENUM ('a');
     CREATE TABLE t (id INTEGER PRIMARY KEY, a "x(3)" DEFAULT '1', b "with time zone", c "a[]"[], d "a.b", e JSONB DEFAULT '5', f BIT(3) DEFAULT B'101',
         g INTERVAL DEFAULT '5', h NUMERIC(5, 1) DEFAULT '-5', i NUMERIC DEFAULT '5', "	" INT, " " INT)"#,
    // Foreign keys that `schema!` refuses.
    "CREATE DOMAIN number AS INT; CREATE TABLE u (id number PRIMARY KEY); CREATE TABLE parts (i INT PRIMARY KEY) PARTITION BY LIST (i);
     CREATE TABLE part PARTITION OF parts FOR VALUES IN (1); CREATE TABLE n (a INT, b INT, c INT, d INT, PRIMARY KEY (a, b), UNIQUE (b, c),
         FOREIGN KEY (c, d) REFERENCES n, FOREIGN KEY (d, c) REFERENCES n (b, c), u INT REFERENCES u, part INT REFERENCES parts ON DELETE CASCADE)",
    // Tables that `schema!` refuses.
    "CREATE TABLE zero (); CREATE TABLE _kept_letters (id INT PRIMARY KEY); CREATE TABLE __diesel_notes (id INT PRIMARY KEY REFERENCES _kept_letters)",
    // Unusual forms of what can be declared.
    r##"CREATE TABLE t (id INT PRIMARY KEY, a TEXT, b INT, UNIQUE NULLS NOT DISTINCT (a)); CREATE INDEX i1 ON t (a text_pattern_ops);
     CREATE INDEX i2 ON t (b DESC NULLS LAST); CREATE UNIQUE INDEX i3 ON t (b) NULLS NOT DISTINCT; CREATE INDEX i4 ON t (b) WITH (fillfactor = 50);
     CREATE TABLE c (x INT, y INT, PRIMARY KEY (x) INCLUDE (y), FOREIGN KEY (x) REFERENCES t ON DELETE SET NULL (x) DEFERRABLE);
     COMMENT ON COLUMN t.a IS E'*/ "# //! \r x'; COMMENT ON COLUMN t.b IS ' '"##,
];
