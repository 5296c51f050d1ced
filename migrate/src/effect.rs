//! What scripts do to the rows that are there, read from their statements: which tables still hold the rows that
//! another one held, and which of their columns the same values.
//!
//! It is read by tokens and errs on the side of "changed": what it does not understand, it makes no claim about.

use std::collections::BTreeMap;

use crate::sql::create_table::CreateTable;
use crate::sql::{Token, statements, tokens};

/// What a run of scripts leaves of the tables that were there. Names compare without regard to ASCII case.
#[derive(Debug)]
pub(crate) struct Effect {
    tables: BTreeMap<String, Table>,
    /// Whether rows of a table are written to that may have triggers.
    pub may_fire: bool,
    /// Whether a statement picks rows, or takes some away: then a table that is made anew may hold fewer.
    pub picks_rows: bool,
}

/// The words by which a statement leaves rows out on purpose. `OR IGNORE` is none of them: which rows it leaves out,
/// nobody has said.
const PICKS: [&str; 9] = ["DELETE", "WHERE", "LIMIT", "DISTINCT", "GROUP", "HAVING", "JOIN", "EXCEPT", "INTERSECT"];

/// A table and its columns, in order.
pub(crate) type Shape = (String, Vec<String>);

/// A table at some point of a run.
#[derive(Debug, Clone)]
struct Table {
    name: String,
    /// The table whose rows it holds: each of them, and no other.
    rows_of: Option<String>,
    /// Each column, with the column of that table whose values it holds.
    columns: Vec<(String, Option<String>)>,
    state: State,
    /// Whether writing to it may fire a trigger.
    is_armed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It was there before the run.
    Old,
    /// The run has made it, and nothing is in it.
    Empty,
    /// The run has made it, and rows are in it.
    Filled,
}

/// A table after the run that holds the rows of one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Survivor {
    pub before: String,
    pub after: String,
    /// Whether its rows were copied into a new table.
    pub is_rebuilt: bool,
    /// The columns whose values are the same, as pairs of the name before and after.
    pub columns: Vec<(String, String)>,
}

impl Effect {
    /// Reads what those texts do, one after the other, to the tables that are there.
    pub fn of(texts: &[&str], shapes: &[Shape]) -> Self {
        let own = |name: &String| (name.clone(), Some(name.clone()));
        let table = |(name, columns): &Shape| Table {
            name: name.clone(),
            rows_of: Some(name.clone()),
            columns: columns.iter().map(own).collect(),
            state: State::Old,
            is_armed: true,
        };
        let tables = shapes.iter().map(|shape| (key(&shape.0), table(shape))).collect();
        let mut effect = Self { tables, may_fire: false, picks_rows: false };
        for text in texts {
            for statement in statements(text).unwrap_or_else(|_| vec![text]) {
                effect.follow(statement);
            }
        }
        effect
    }

    /// The tables that hold the rows of one that was there.
    pub fn survivors(&self) -> Vec<Survivor> {
        let survivor = |table: &Table| {
            let before = table.rows_of.clone()?;
            let columns = table.columns.iter().filter_map(|(now, old)| Some((old.clone()?, now.clone()))).collect();
            Some(Survivor { before, after: table.name.clone(), is_rebuilt: table.state != State::Old, columns })
        };
        self.tables.values().filter_map(survivor).collect()
    }

    /// The tables that were there, and were made anew from what nobody has followed here.
    pub fn remade(&self) -> Vec<String> {
        let is_remade = |table: &&Table| table.state != State::Old && table.rows_of.is_none();
        self.tables.values().filter(is_remade).map(|table| table.name.clone()).collect()
    }

    fn follow(&mut self, statement: &str) {
        let Ok(tokens) = tokens(statement) else { return self.forget(&[]) };
        self.picks_rows |= tokens.iter().any(|token| token.is_any(&PICKS));
        let mut rest = Cursor(&tokens);
        let understood = match rest.next().map(|token| token.text.to_ascii_uppercase()).as_deref() {
            Some("CREATE") => self.create(rest, statement),
            Some("DROP") => self.drop(rest),
            Some("ALTER") => self.alter(rest),
            Some("INSERT" | "REPLACE") => self.insert(&tokens),
            Some("UPDATE") => self.update(rest),
            Some("DELETE") => rest.skip(&["FROM"]).table().map(|name| self.write_rows(name.as_deref())),
            Some("WITH" | "ROLLBACK") => None,
            _ => Some(()),
        };
        if understood.is_none() {
            self.forget(&tokens);
        }
    }

    /// Makes no claim any more about any table that these tokens name; about none at all when there are none.
    fn forget(&mut self, tokens: &[Token]) {
        let is_named = |name: &str| tokens.is_empty() || tokens.iter().any(|token| key(&token.name()) == name);
        self.may_fire = true;
        // To roll back to a savepoint undoes statements that were followed already.
        let is_rollback = tokens.first().is_some_and(|token| token.is("ROLLBACK"));
        for (_, table) in self.tables.iter_mut().filter(|(name, _)| is_rollback || is_named(name)) {
            table.rows_of = None;
        }
    }

    fn create(&mut self, mut rest: Cursor, statement: &str) -> Option<()> {
        let is_temporary = rest.first().is_some_and(|token| token.is_any(&["TEMP", "TEMPORARY"]));
        rest.skip(&["TEMP", "TEMPORARY"]);
        match rest.next()? {
            word if word.is("TABLE") => {}
            word if word.is("TRIGGER") => {
                let name = rest.after(&["ON"])?.table()??;
                if let Some(table) = self.tables.get_mut(&name) {
                    table.is_armed = true;
                }
                return Some(());
            }
            _ => return Some(()),
        }
        let unless_there = rest.first().is_some_and(|token| token.is("IF"));
        let Some(name) = rest.skip(&["IF", "NOT", "EXISTS"]).table()?.filter(|_| !is_temporary) else {
            return Some(());
        };
        if unless_there && self.tables.contains_key(&name) {
            return Some(());
        }
        let columns = CreateTable::parse(statement).map(|text| text.column_names()).unwrap_or_default();
        // CREATE TABLE AS fills it with what nobody has read here.
        let state = if columns.is_empty() { State::Filled } else { State::Empty };
        let columns = columns.into_iter().map(|column| (column, None)).collect();
        self.tables.insert(key(&name), Table { name, rows_of: None, columns, state, is_armed: false });
        Some(())
    }

    fn drop(&mut self, mut rest: Cursor) -> Option<()> {
        if rest.next()?.is("TABLE")
            && let Some(name) = rest.skip(&["IF", "EXISTS"]).table()?
        {
            self.tables.remove(&name);
        }
        Some(())
    }

    fn alter(&mut self, mut rest: Cursor) -> Option<()> {
        rest.skip(&["TABLE"]);
        let Some(name) = rest.table()? else { return Some(()) };
        let verb = rest.next()?;
        if verb.is("RENAME") && rest.first()?.is("TO") {
            let name_after = rest.0.get(1)?.name();
            let table = self.tables.remove(&name)?;
            self.tables.insert(key(&name_after), Table { name: name_after, ..table });
            return Some(());
        }
        let table = self.tables.get_mut(&name)?;
        let column = rest.skip(&["COLUMN"]).next()?.name();
        let at = table.columns.iter().position(|(own, _)| own.eq_ignore_ascii_case(&column));
        if verb.is("RENAME") {
            let new = rest.skip(&["TO"]).next()?.name();
            table.columns.get_mut(at?)?.0 = new;
        } else if verb.is("ADD") {
            table.columns.push((column, None));
        } else if verb.is("DROP")
            && let Some(at) = at
        {
            table.columns.remove(at);
        }
        Some(())
    }

    fn insert(&mut self, tokens: &[Token]) -> Option<()> {
        let mut rest = Cursor(tokens);
        let into = rest.0.iter().position(|token| token.is("INTO"))?;
        rest.0 = &rest.0[into + 1..];
        let Some(name) = rest.table()? else { return Some(()) };
        let copied = self.copy(&name, rest);
        match self.tables.get_mut(&name) {
            Some(table) if table.state == State::Empty => {
                self.may_fire |= table.is_armed;
                *table = copied.unwrap_or(Table { state: State::Filled, ..table.clone() });
            }
            _ => self.write_rows(Some(&name)),
        }
        Some(())
    }

    /// What `INSERT INTO name (columns) SELECT values FROM source`, with nothing joined that could take a row away, makes
    /// of an empty table.
    fn copy(&self, name: &str, mut rest: Cursor) -> Option<Table> {
        let table = self.tables.get(name)?;
        let names_targets = rest.first()?.text == "(";
        let targets: Vec<String> = if names_targets {
            rest.parenthesized()?
                .split(|token| token.text == ",")
                .filter_map(|name| Some(name.first()?.name()))
                .collect()
        } else {
            table.columns.iter().map(|(name, _)| name.clone()).collect()
        };
        if !rest.next()?.is("SELECT") || rest.first()?.is("DISTINCT") {
            return None;
        }
        let from = rest.position(&["FROM"])?;
        let (values, mut rest) = (&rest.0[..from], Cursor(&rest.0[from + 1..]));
        let source_name = rest.table()??;
        let source = self.tables.get(&source_name)?;
        let ends = ["WHERE", "GROUP", "HAVING", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "WINDOW", ",", "RETURNING"];
        let joins = rest.0.iter().enumerate().filter(|(_, token)| token.is("JOIN"));
        let is_left = |at: usize| {
            let words = &rest.0[at.saturating_sub(2)..at];
            words.iter().any(|word| word.is("LEFT"))
                && !rest.0.iter().any(|word| word.is_any(&["NATURAL", "RIGHT", "FULL"]))
        };
        if rest.position(&ends).is_some() || !joins.map(|(at, _)| at).all(is_left) {
            return None;
        }
        let is_joined = rest.0.iter().any(|token| token.is("JOIN"));
        let mut alias = source_name.clone();
        if let Some(word) = rest.skip(&["AS"]).first()
            && !word.is_any(&["LEFT", "JOIN", "ORDER", "NOT", "INDEXED", "ON"])
        {
            alias = key(&word.name());
        }
        let held = |column: &str| source.columns.iter().find(|(own, _)| own.eq_ignore_ascii_case(column))?.1.clone();
        let value = |tokens: &[Token]| match tokens {
            [column] | [column, Token { text: "AS" | "as", .. }, _] if !is_joined && !column.text.starts_with('\'') => {
                held(&column.name())
            }
            [table, dot, column] if dot.text == "." && key(&table.name()) == alias => held(&column.name()),
            _ => None,
        };
        let is_all = matches!(values, [all] if all.text == "*") && !is_joined;
        let values: Vec<_> = if is_all {
            source.columns.iter().map(|(_, held)| held.clone()).collect()
        } else {
            split(values).into_iter().map(value).collect()
        };
        if values.len() != targets.len() {
            return None;
        }
        let given = |column: &str| {
            // By position alone, a column that has another place now gets another one's values: that is a slip.
            if (is_all || !names_targets)
                && let Some(held) = held(column)
            {
                return Some(held);
            }
            match targets.iter().position(|target| target.eq_ignore_ascii_case(column)) {
                Some(at) => values[at].clone(),
                // A column that is not copied, though it is in both, was forgotten.
                None => held(column),
            }
        };
        let columns = table.columns.iter().map(|(name, _)| (name.clone(), given(name))).collect();
        Some(Table { rows_of: Some(source.rows_of.clone()?), columns, state: State::Filled, ..table.clone() })
    }

    fn update(&mut self, mut rest: Cursor) -> Option<()> {
        let replaces = rest.0.get(1).is_some_and(|token| token.is("REPLACE"));
        if rest.first()?.is("OR") {
            rest.0 = rest.0.get(2..)?;
        }
        let Some(name) = rest.table()? else { return Some(()) };
        let mut rest = rest.after(&["SET"])?;
        let end = rest.position(&["FROM", "WHERE", "ORDER", "LIMIT", "RETURNING"]).unwrap_or(rest.0.len());
        rest.0 = &rest.0[..end];
        let mut written = Vec::new();
        for assignment in split(rest.0) {
            let equals = assignment.iter().position(|token| token.text == "=" || token.text == "==")?;
            written.extend(assignment[..equals].iter().map(Token::name));
        }
        self.may_fire |= self.tables.get(&name).is_none_or(|table| table.is_armed);
        let Some(table) = self.tables.get_mut(&name) else { return Some(()) };
        let mut unknown = written.iter().filter(|name| !["(", ")", ","].contains(&name.as_str()));
        // A row may get another number by `rowid`, which is no column: then no key finds it again.
        if replaces || unknown.any(|name| !table.columns.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))) {
            table.rows_of = None;
        }
        for (_, held) in
            table.columns.iter_mut().filter(|(own, _)| written.iter().any(|name| own.eq_ignore_ascii_case(name)))
        {
            *held = None;
        }
        Some(())
    }

    /// Rows are added to a table, or taken from it.
    fn write_rows(&mut self, name: Option<&str>) {
        let table = name.and_then(|name| self.tables.get_mut(name));
        self.may_fire |= name.is_some() && table.as_ref().is_none_or(|table| table.is_armed);
        if let Some(table) = table {
            table.rows_of = None;
        }
    }
}

/// The tokens of a statement that are still to be read.
#[derive(Clone, Copy)]
struct Cursor<'t>(&'t [Token<'t>]);

impl<'t> Cursor<'t> {
    fn first(&self) -> Option<&'t Token<'t>> {
        self.0.first()
    }

    fn next(&mut self) -> Option<&'t Token<'t>> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// Passes over those words, where they stand next.
    fn skip(&mut self, words: &[&str]) -> &mut Self {
        while self.first().is_some_and(|token| token.is_any(words)) {
            self.next();
        }
        self
    }

    /// A table's name, in lower case: `Some(None)` where it is none of the main database.
    #[allow(clippy::option_option, reason = "nothing there is not the same as a table of another database")]
    fn table(&mut self) -> Option<Option<String>> {
        let name = key(&self.next()?.name());
        if self.first().is_some_and(|token| token.text == ".") {
            self.next();
            let table = key(&self.next()?.name());
            return Some((name == "main").then_some(table));
        }
        Some(Some(name))
    }

    /// Where one of those words stands outside of parentheses.
    fn position(&self, words: &[&str]) -> Option<usize> {
        let mut depth = 0_i32;
        self.0.iter().position(|token| {
            depth += nesting(token);
            depth == 0 && token.is_any(words)
        })
    }

    /// What stands behind one of those words.
    fn after(&self, words: &[&str]) -> Option<Self> {
        self.0.get(self.position(words)? + 1..).map(Cursor)
    }

    /// What stands in the parentheses that open here.
    fn parenthesized(&mut self) -> Option<&'t [Token<'t>]> {
        let end = self.position(&[")"])?;
        let inner = self.0.get(1..end)?;
        self.0 = &self.0[end + 1..];
        Some(inner)
    }
}

/// What stands between the commas that are not in parentheses.
fn split<'t>(tokens: &'t [Token<'t>]) -> Vec<&'t [Token<'t>]> {
    let mut depth = 0_i32;
    tokens
        .split(|token| {
            depth += nesting(token);
            depth == 0 && token.text == ","
        })
        .collect()
}

fn nesting(token: &Token) -> i32 {
    match token.text {
        "(" => 1,
        ")" => -1,
        _ => 0,
    }
}

/// The form in which names that differ in ASCII case alone are the same text.
pub(crate) fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each surviving table with the columns that stay, as `users(id nickname→name)`; a rebuilt one behind a `*`, and
    /// `!` at the end when triggers may fire.
    fn read(script: &str) -> String {
        let shapes = [
            ("users".to_owned(), ["id", "nickname", "email"].map(str::to_owned).to_vec()),
            ("Log".to_owned(), ["what".to_owned()].to_vec()),
        ];
        let effect = Effect::of(&[script], &shapes);
        let mut words: Vec<_> = effect
            .survivors()
            .iter()
            .map(|table| {
                let column = |(before, after): &(String, String)| {
                    if before == after { before.clone() } else { format!("{before}→{after}") }
                };
                let columns: Vec<_> = table.columns.iter().map(column).collect();
                let star = if table.is_rebuilt { "*" } else { "" };
                let name = if table.before == table.after {
                    &table.after
                } else {
                    &format!("{}→{}", table.before, table.after)
                };
                format!("{star}{name}({})", columns.join(" "))
            })
            .collect();
        words.extend(effect.may_fire.then(|| "!".to_owned()));
        words.join(" ")
    }

    #[test]
    fn what_alter_table_renames_adds_and_drops_is_followed() {
        assert_eq!(read(""), "Log(what) users(id nickname email)");
        assert_eq!(
            read("ALTER TABLE Users RENAME COLUMN nickname TO name; ALTER TABLE users DROP email;"),
            "Log(what) users(id nickname→name)"
        );
        assert_eq!(
            read("ALTER TABLE users RENAME TO people; ALTER TABLE people ADD COLUMN age INTEGER"),
            "Log(what) users→people(id nickname email)"
        );
        assert_eq!(read("DROP TABLE IF EXISTS main.users"), "Log(what)");
    }

    #[test]
    fn a_rebuild_keeps_the_rows_and_the_columns_that_it_copies_bare() {
        let rebuild = |copy: &str| {
            read(&format!(
            "CREATE TABLE main.\"New\" (id INTEGER PRIMARY KEY, email TEXT, nickname TEXT); {copy}; DROP TABLE users;
             ALTER TABLE \"new\" RENAME TO users"
        ))
        };
        let all = "Log(what) *users(id email nickname)";
        assert_eq!(
            rebuild("INSERT INTO new (id, nickname, email) SELECT \"id\", nickname AS n, [email] FROM users"),
            all
        );
        assert_eq!(rebuild("INSERT INTO new SELECT u.id, u.email, u.nickname FROM users AS u ORDER BY 1"), all);
        assert_eq!(
            rebuild("INSERT INTO new (id, nickname, email) SELECT id, lower(nickname), email FROM users"),
            "Log(what) *users(id email)"
        );
        assert_eq!(rebuild("INSERT INTO new SELECT * FROM users"), "Log(what) *users(id email nickname)");
        let joined =
            "INSERT INTO new (id, nickname) SELECT users.id, users.nickname FROM users LEFT JOIN k ON k.id = users.id";
        assert_eq!(rebuild(joined), all, "a column that is not copied is a slip");
    }

    #[test]
    fn a_copy_that_may_leave_rows_out_says_nothing_of_the_table() {
        for copy in [
            "SELECT id, email, nickname FROM users WHERE id > 1",
            "SELECT DISTINCT id, email, nickname FROM users",
            "SELECT users.id, users.email, users.nickname FROM users JOIN Log ON 1",
            "SELECT users.id, users.email, users.nickname FROM users NATURAL LEFT JOIN Log",
            "SELECT id, email, nickname FROM users LIMIT 2",
            "SELECT id, email, nickname FROM users UNION ALL SELECT 1, 2, 3",
            "SELECT id, email, nickname FROM (SELECT * FROM users)",
            "VALUES (1, 2, 3)",
        ] {
            let script = format!(
                "CREATE TABLE new (id, email, nickname); INSERT INTO new {copy}; DROP TABLE users;
                                  ALTER TABLE new RENAME TO users"
            );
            assert_eq!(read(&script), "Log(what)", "{copy}");
        }
    }

    #[test]
    fn what_writes_rows_may_fire_a_trigger_and_its_own_columns_change() {
        assert_eq!(
            read("UPDATE users SET email = lower(email), (id) = (1) WHERE id = 2"),
            "Log(what) users(nickname) !"
        );
        assert_eq!(read("UPDATE OR REPLACE users SET email = 1"), "Log(what) !");
        assert_eq!(read("UPDATE users SET rowid = rowid + 1"), "Log(what) !");
        assert_eq!(read("DELETE FROM users"), "Log(what) !");
        assert_eq!(read("REPLACE INTO log VALUES (1)"), "users(id nickname email) !");
        assert_eq!(read("WITH a AS (SELECT 1) UPDATE users SET email = 2"), "Log(what) !");
        assert_eq!(read("INSERT INTO a_view VALUES (1)"), "Log(what) users(id nickname email) !");
        assert_eq!(read("INSERT INTO temp.users VALUES (1)"), "Log(what) users(id nickname email)");
        assert_eq!(read("CREATE TABLE a (b); INSERT INTO a VALUES (1)"), "Log(what) users(id nickname email)");
        let armed = "CREATE TABLE a (b); CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM users; END; INSERT INTO a VALUES (1)";
        assert_eq!(read(armed), "Log(what) users(id nickname email) !");
    }

    #[test]
    fn a_rebuild_that_was_written_here_is_understood_both_ways() {
        use crate::render::Options;
        use crate::schema::{Column, Schema, Table, Type};
        let users = |ty| {
            let users = Table::new("users", ["id"]).column(Column::new("id", Type::Integer));
            let users = users.column(Column::new("nickname", Type::Text { max_length: None }).nullable());
            Schema::new([users.column(Column::new("email", ty))])
        };
        let mut from = crate::rehearse::in_memory().unwrap();
        let (text, number) = (Type::Text { max_length: Some(9) }, Type::Integer);
        let (_, made) = crate::compare(&Schema::default(), &users(text), &Options::default()).unwrap();
        diesel::connection::SimpleConnection::batch_execute(&mut from, &made.up).unwrap();
        let from = crate::introspect::sqlite::introspect(&mut from).unwrap();
        let keep = Options { keep: Some("002".into()), ..Options::default() };
        let (_, sql) = crate::compare(&from, &users(number), &keep).unwrap();
        assert!(sql.down.contains("JOIN"), "{}", sql.down);
        assert_eq!(read(&sql.up), "Log(what) *users(id nickname email)");
        assert_eq!(read(&sql.down), "Log(what) *users(id nickname)");
    }

    #[test]
    fn what_cannot_be_read_is_not_claimed() {
        assert_eq!(read("SAVEPOINT a; DELETE FROM users; ROLLBACK TO a"), "!");
        assert_eq!(read("UPDATE users SET 'unfinished"), "!");
    }
}
