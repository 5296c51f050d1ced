//! A new type for a column while others write the table: a second column of that type, which a trigger keeps in step and
//! batches fill, takes the place of the first. The first is kept in step until the last migration drops it, so that each
//! `down.sql` goes the same way back.

use super::super::convert::{conversion, keeps_every_value};
use super::super::sql::{quote, quote_table, type_sql};
use super::super::statements::{mentions, with_columns, words};
use super::rewrite::constraint_name;
use super::steps::{Parts, alone, create_index_online, in_batches, together};
use super::table;
use super::writer::{Writer, add_constraint, alter_column, drop_constraint};
use crate::Error;
use crate::change::Alteration;
use crate::schema::{Action, Clause, Column, ForeignKey, Index, IndexColumn, Object, ObjectKind, Table, same_name};
use crate::table_path::{bare, beside};
use crate::text::literal;

/// A table, some of whose columns get another type.
pub(super) struct Retyped {
    /// The table before and after.
    from: Table,
    to: Table,
    columns: Vec<(Column, Column)>,
    /// Indexes that `schema!` cannot declare.
    indexes: Vec<Object>,
}

impl Retyped {
    /// The columns for whose new type one of the statements `rewrites` the table.
    pub fn of(
        writer: &Writer<'_>,
        (from, to): (&Table, &Table),
        alterations: &[Alteration],
        rewrites: &[String],
    ) -> Result<Option<Self>, Error> {
        let retyped = alterations.iter().filter_map(|alteration| match alteration {
            Alteration::AlterColumn { from: old, to: new } => {
                let start = alter_column(to, new, "TYPE ");
                let nullable = old.nullable || new.nullable;
                let pair = || (Column { nullable, ..old.clone() }, Column { nullable, ..new.clone() });
                rewrites.iter().any(|statement| statement.starts_with(&start)).then(pair)
            }
            _ => None,
        });
        let columns: Vec<_> = retyped.collect();
        if columns.is_empty() {
            return Ok(None);
        }
        let mut stays = from.clone();
        stays.name.clone_from(&to.name);
        for alteration in alterations {
            match alteration {
                Alteration::DropIndex(index) => stays.indexes.retain(|own| own != index),
                Alteration::DropForeignKey(key) => stays.foreign_keys.retain(|own| own != key),
                Alteration::DropCheck(check) => stays.checks.retain(|own| own != check),
                _ => {}
            }
        }
        let is_own = |object: &&Object| same_name(&object.table, &to.name);
        let indexes = writer.objects.iter().filter(is_own).filter(|object| object.kind == ObjectKind::Index);
        let mut retyped = Self { from: stays, to: to.clone(), columns, indexes: indexes.cloned().collect() };
        retyped.indexes.retain(|index| retyped.columns.iter().any(|(old, _)| mentions(&index.sql, &old.name)));
        retyped.columns.iter().try_for_each(|(old, new)| match retyped.refusal(writer, old, new) {
            None => Ok(()),
            Some(why) => Err(Error::cannot_express(
                &to.name,
                format!(
                    "{} from {} to {} rewrites it, and a second column cannot take its place while others write, because \
                     {why}: do not make that change online",
                    new.name, old.ty, new.ty
                ),
            )),
        })?;
        Ok(Some(retyped))
    }

    /// That column before and after it gets its type, where it gets it this way. Both may hold NULL or neither.
    pub fn pair(&self, column: &Column) -> Option<&(Column, Column)> {
        self.columns.iter().find(|(old, _)| same_name(&old.name, &column.name))
    }

    /// Whether an index has such a column.
    pub fn is_indexed(&self, index: &Index) -> bool {
        self.columns.iter().any(|(old, _)| index.column_names().iter().any(|name| same_name(name, &old.name)))
    }

    /// What the table's definition says of these columns before their types change.
    pub fn keep_clauses(&self, now: &mut Table) {
        let (Some(before), Some(after)) = (&self.from.clauses, &mut now.clauses) else { return };
        let names: Vec<_> = self.side(true).constraints().into_iter().map(|(name, _)| name).collect();
        let is_meant = |clause: &Clause| match &clause.column {
            Some(column) => self.columns.iter().any(|(old, _)| same_name(&old.name, column)),
            None => constraint_name(clause).is_some_and(|name| names.contains(&name)),
        };
        after.retain(|clause| !is_meant(clause));
        after.extend(before.iter().filter(|clause| is_meant(clause)).cloned());
    }

    /// Why a second column cannot take the place of the first.
    fn refusal(&self, writer: &Writer<'_>, old: &Column, new: &Column) -> Option<String> {
        let (table, is) = (&self.from, |name: &String| same_name(name, &old.name));
        if !keeps_every_value(&old.ty, &new.ty) {
            return Some("a value that the new type cannot hold would be lost, or fail a write".into());
        }
        if table.primary_key.iter().chain(&self.to.primary_key).any(is) {
            return Some("it is part of the primary key".into());
        }
        if [old, new].iter().any(|column| column.identity || column.generated) {
            return Some("the database makes its values".into());
        }
        let refers = |key: &&ForeignKey| same_name(&key.table, &table.name) && key.references.iter().any(is);
        let child = writer.before.iter().find(|own| own.foreign_keys.iter().any(|key| refers(&key)));
        if let Some(child) = child {
            return Some(format!("a foreign key of {} refers to it", child.name));
        }
        // The server looks at the second column before the trigger has run.
        let sets = |key: &ForeignKey| [key.on_delete, key.on_update].contains(&Action::SetDefault);
        if table.foreign_keys.iter().any(|key| sets(key) && key.columns.iter().any(is)) {
            return Some("its foreign key sets a default".into());
        }
        let helpers = [true, false].map(|up| self.side(up).helper(&old.name));
        if let Some(helper) =
            helpers.iter().find(|name| table.find_column(name).or(self.to.find_column(name)).is_some())
        {
            return Some(format!("there is a column {helper}"));
        }
        let is_special = |clause: &&Clause| {
            let is_unique = || table.indexes.iter().any(|index| constraint_name(clause).as_ref() == Some(&index.name));
            let is_not_valid = clause.text.ends_with(" NOT VALID");
            let is_excluding = clause.text.contains(" EXCLUDE ");
            clause.column.is_none()
                && mentions(&clause.text, &old.name)
                && (is_unique() || is_not_valid || is_excluding)
                || clause.text.starts_with("REPLICA IDENTITY i")
        };
        if let Some(clause) = table.clauses.iter().flatten().find(is_special) {
            return Some(format!("the table has {}", clause.text));
        }
        let uses = |object: &&Object| self.is_in_the_way(object, old);
        writer.objects.iter().find(uses).map(|object| format!("{object} uses it, or runs when a row is filled"))
    }

    fn is_in_the_way(&self, object: &Object, column: &Column) -> bool {
        let is_own = same_name(&object.table, &self.to.name);
        let is_named = mentions(&object.sql, &column.name) && mentions(&object.sql, &bare(&self.to.name));
        match object.kind {
            ObjectKind::Trigger if is_own => {
                let words = words(&object.sql);
                let update = words.iter().position(|word| word == "update");
                let is_fired = update.is_some_and(|at| words.get(at + 1).is_none_or(|next| next != "of"));
                is_fired || is_named || object.name >= self.side(true).trigger(column)
            }
            ObjectKind::Other("rule") => is_own || is_named,
            // An index gets a second one, and the text of a routine finds the column by its name when it runs.
            ObjectKind::Index | ObjectKind::Other("function" | "procedure") => false,
            ObjectKind::Other("comment") => {
                let constraints = self.side(true).constraints();
                let mut names =
                    constraints.iter().map(|(name, _)| name).chain(self.indexes.iter().map(|own| &own.name));
                is_own && names.any(|name| mentions(&object.name, name))
            }
            _ => is_named,
        }
    }

    /// The second column of the upgrade, or that of the downgrade.
    fn side(&self, is_up: bool) -> Side<'_> {
        let columns = self.columns.iter().map(|(old, new)| if is_up { (old, new) } else { (new, old) }).collect();
        let (typed_by, suffix) = if is_up { (&self.to, "_new") } else { (&self.from, "_old") };
        Side { table: &self.from, typed_by, columns, indexes: &self.indexes, suffix }
    }
}

/// The migrations, for all tables at once.
pub(super) fn parts(retyped: &[Retyped]) -> Parts {
    let all = |is_up: bool, write: &dyn Fn(&Side<'_>, &Side<'_>) -> Vec<String>| {
        retyped.iter().flat_map(|own| write(&own.side(is_up), &own.side(!is_up))).collect::<Vec<_>>()
    };
    let nothing = |way: &str| vec![format!("-- The {way} fills the second column here.\nSELECT 1")];
    if retyped.is_empty() {
        return Vec::new();
    }
    vec![
        ("copy", together(&all(true, &|side, _| side.add()), &all(true, &|side, _| side.drop()))),
        ("fill", alone(&all(true, &|side, _| side.fill()), &nothing("upgrade"))),
        ("swap", together(&all(true, &|side, other| side.swap(other)), &all(false, &|side, other| side.swap(other)))),
        ("refill", alone(&nothing("downgrade"), &all(false, &|side, _| side.fill()))),
        ("drop", together(&all(false, &|side, _| side.drop()), &all(false, &|side, _| side.add()))),
    ]
}

/// Second columns, with what holds for the first ones: one way, up or down.
struct Side<'a> {
    /// What constraints and indexes there are.
    table: &'a Table,
    /// The table that states the types of the second columns.
    typed_by: &'a Table,
    /// The first columns and the second ones.
    columns: Vec<(&'a Column, &'a Column)>,
    indexes: &'a [Object],
    suffix: &'static str,
}

impl Side<'_> {
    /// The name of what is made for the second column.
    fn helper(&self, name: &str) -> String {
        let mut name = name.to_owned();
        while name.len() + self.suffix.len() > 63 {
            name.pop();
        }
        name + self.suffix
    }

    /// The name of the trigger, which runs after others of the table, and of its function.
    fn trigger(&self, column: &Column) -> String {
        self.helper(&format!("zz_{}_{}", bare(&self.table.name), column.name))
    }

    fn new_name(&self, name: &str) -> Option<String> {
        let (column, _) = self.columns.iter().find(|(column, _)| same_name(&column.name, name))?;
        Some(self.helper(&column.name))
    }

    fn renamed(&self, expression: &str) -> String {
        with_columns(expression, &|name| self.new_name(name).map(|name| quote(&name)))
    }

    /// The checks of a second column: that it is in step, and that it is not NULL.
    fn own_checks(&self, column: &Column, copy: &Column) -> Vec<(String, String)> {
        let (name, value) = (quote(&self.helper(&column.name)), value(&quote(&column.name), column, copy));
        let check = |suffix: &str, condition: String| {
            let name = self.helper(&format!("{}_{suffix}", column.name));
            let text = format!("CONSTRAINT {} CHECK ({condition})", quote(&name));
            (name, text)
        };
        let mut checks = vec![check("in_step", format!("{name} IS NOT DISTINCT FROM {value}"))];
        checks.extend((!copy.nullable).then(|| check("not_null", format!("{name} IS NOT NULL"))));
        checks
    }

    /// The checks and foreign keys of the first columns: the name of each, and its text for the second ones.
    fn constraints(&self) -> Vec<(String, String)> {
        let is_meant = |name: &String| self.new_name(name).is_some();
        let mut all = Vec::new();
        for check in &self.table.checks {
            if self.columns.iter().any(|(column, _)| mentions(&check.expression, &column.name)) {
                all.push((check.name.clone().unwrap_or_default(), table::check(self.table, check)));
            }
        }
        for key in self.table.foreign_keys.iter().filter(|key| key.columns.iter().any(is_meant)) {
            all.push((table::foreign_key_name(self.table, key), table::foreign_key(self.table, key)));
        }
        for (name, text) in &mut all {
            let stated = text.strip_prefix(&format!("CONSTRAINT {} ", quote(name))).unwrap_or(text);
            // What follows names columns of the other table.
            let (own, rest) = stated.split_at(stated.find(" REFERENCES ").unwrap_or(stated.len()));
            *text = format!("CONSTRAINT {} {}{rest}", quote(&self.helper(name)), self.renamed(own));
        }
        all
    }

    fn declared_indexes(&self) -> impl Iterator<Item = &Index> {
        let is_meant = |index: &&Index| index.columns.iter().any(|own| self.new_name(&own.name).is_some());
        self.table.indexes.iter().filter(is_meant)
    }

    /// Adds the second columns and keeps them in step. Constraints hold for rows that are written from now on.
    fn add(&self) -> Vec<String> {
        let name = quote_table(&self.table.name);
        let mut statements = Vec::new();
        for (column, copy) in &self.columns {
            let own = quote(&self.helper(&column.name));
            statements.push(format!("ALTER TABLE {name} ADD COLUMN {own} {}", table::column_type(self.typed_by, copy)));
            if let Some(comment) = column.comment.as_ref().or(copy.comment.as_ref()) {
                statements.push(format!("COMMENT ON COLUMN {name}.{own} IS {}", literal(comment)));
            }
            statements.extend(self.keep_in_step(column, copy));
            let checks = self.own_checks(column, copy).into_iter().skip(1);
            statements.extend(checks.map(|(_, text)| add_not_valid(self.table, &text)));
        }
        statements.extend(self.constraints().iter().map(|(_, text)| add_not_valid(self.table, text)));
        statements
    }

    /// The trigger, and a check that finds a row which was written without it.
    fn keep_in_step(&self, column: &Column, copy: &Column) -> Vec<String> {
        let (name, trigger) = (quote_table(&self.table.name), quote(&self.trigger(column)));
        let own = quote(&self.helper(&column.name));
        let function = self.function(column);
        let value = value(&format!("NEW.{}", quote(&column.name)), column, copy);
        vec![
            format!(
                "CREATE FUNCTION {function} RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n    NEW.{own} := {value};\n    \
                 RETURN NEW;\nEND $$"
            ),
            format!(
                "CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION {function}"
            ),
            // Replication writes rows, too.
            format!("ALTER TABLE {name} ENABLE ALWAYS TRIGGER {trigger}"),
            add_not_valid(self.table, &self.own_checks(column, copy)[0].1),
        ]
    }

    fn leave(&self, column: &Column) -> Vec<String> {
        let trigger = quote(&self.trigger(column));
        let name = quote_table(&self.table.name);
        vec![format!("DROP TRIGGER {trigger} ON {name}"), format!("DROP FUNCTION {}", self.function(column))]
    }

    fn function(&self, column: &Column) -> String {
        quote_table(&beside(&self.table.name, &self.trigger(column))) + "()"
    }

    /// Drops the second columns, with all that was made for them.
    fn drop(&self) -> Vec<String> {
        let drop = |(column, _): &(&Column, &Column)| {
            let (name, own) = (quote_table(&self.table.name), quote(&self.helper(&column.name)));
            [self.leave(column), vec![format!("ALTER TABLE {name} DROP COLUMN {own}")]].concat()
        };
        self.columns.iter().flat_map(drop).collect()
    }

    /// Fills the second columns, and makes their indexes; then every row satisfies their constraints. All of it can be run
    /// again.
    fn fill(&self) -> Vec<String> {
        let (mut statements, mut names) = (Vec::new(), Vec::new());
        for (column, copy) in &self.columns {
            let own = Column { name: self.helper(&column.name), ..(*copy).clone() };
            let value = value(&quote(&column.name), column, copy);
            let condition = format!("{} IS DISTINCT FROM {value}", quote(&own.name));
            statements.push(in_batches(self.table, &own, &value, &condition));
            names.extend(self.own_checks(column, copy).into_iter().map(|(name, _)| name));
        }
        for index in self.declared_indexes() {
            let renamed = |column: &IndexColumn| IndexColumn {
                name: self.new_name(&column.name).unwrap_or_else(|| column.name.clone()),
                ..column.clone()
            };
            let columns = index.columns.iter().map(renamed).collect();
            statements.push(create_index_online(
                self.table,
                &Index { name: self.helper(&index.name), columns, ..index.clone() },
            ));
        }
        for index in self.indexes {
            let (start, rest) = index.sql.split_once(" USING ").unwrap_or((&index.sql, ""));
            let unique = if start.starts_with("CREATE UNIQUE ") { "UNIQUE " } else { "" };
            let (own, name) = (quote(&self.helper(&index.name)), quote_table(&self.table.name));
            let rest = self.renamed(rest);
            statements.push(format!("CREATE {unique}INDEX CONCURRENTLY IF NOT EXISTS {own} ON {name} USING {rest}"));
        }
        names.extend(self.constraints().iter().map(|(name, _)| self.helper(name)));
        let name = quote_table(&self.table.name);
        statements.extend(names.iter().map(|own| format!("ALTER TABLE {name} VALIDATE CONSTRAINT {}", quote(own))));
        statements
    }

    /// Lets the second columns and the first ones change their names and what holds for them. From then on the first are
    /// kept in step with the second.
    fn swap(&self, other: &Side<'_>) -> Vec<String> {
        let name = quote_table(&self.table.name);
        let mut statements: Vec<_> = self.columns.iter().flat_map(|(column, _)| self.leave(column)).collect();
        for (column, copy) in &self.columns {
            statements.push(drop_constraint(self.table, &self.own_checks(column, copy)[0].0));
            let own = quote(&column.name);
            let (first, second) = (quote(&other.helper(&column.name)), quote(&self.helper(&column.name)));
            statements.push(format!("ALTER TABLE {name} RENAME COLUMN {own} TO {first}"));
            statements.push(format!("ALTER TABLE {name} RENAME COLUMN {second} TO {own}"));
            let old = Column { name: other.helper(&column.name), ..(*column).clone() };
            let checks = [self.own_checks(column, copy), other.own_checks(copy, column)];
            if let [[_, (check, _)], [_, (_, other)]] = [checks[0].as_slice(), checks[1].as_slice()] {
                statements.push(alter_column(self.table, column, "SET NOT NULL"));
                statements.push(drop_constraint(self.table, check));
                statements.push(alter_column(self.table, &old, "DROP NOT NULL"));
                statements.push(add_not_valid(self.table, other));
            }
            if column.default.is_some() {
                statements.push(alter_column(self.table, &old, "DROP DEFAULT"));
            }
            let default = table::default_clause(self.typed_by, copy);
            if !default.is_empty() {
                statements.push(alter_column(self.table, column, &format!("SET{default}")));
            }
            statements.extend(other.keep_in_step(copy, column));
        }
        let rename = |what: &str, from: &str, to: &str| {
            format!("ALTER TABLE {name} RENAME {what} {} TO {}", quote(from), quote(to))
        };
        for (own, _) in self.constraints() {
            statements.push(rename("CONSTRAINT", &own, &other.helper(&own)));
            statements.push(rename("CONSTRAINT", &self.helper(&own), &own));
        }
        for index in self.declared_indexes().filter(|index| index.constraint) {
            statements.push(rename("CONSTRAINT", &index.name, &other.helper(&index.name)));
            let attached = format!(
                "ADD CONSTRAINT {} UNIQUE USING INDEX {}",
                quote(&index.name),
                quote(&self.helper(&index.name))
            );
            let renamed = rename("CONSTRAINT", &self.helper(&index.name), &index.name);
            statements.push(format!(
                "DO $$\nBEGIN\n    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = {}::regclass AND conname = {}) THEN\n        \
                 {renamed};\n    ELSE\n        ALTER TABLE {name} {attached};\n    END IF;\nEND $$",
                literal(&name),
                literal(&self.helper(&index.name))
            ));
        }
        let plain = self.declared_indexes().filter(|index| !index.constraint).map(|index| &index.name);
        for index in plain.chain(self.indexes.iter().map(|index| &index.name)) {
            let path = |own: &str| quote_table(&beside(&self.table.name, own));
            statements.push(format!("ALTER INDEX {} RENAME TO {}", path(index), quote(&other.helper(index))));
            statements.push(format!("ALTER INDEX {} RENAME TO {}", path(&self.helper(index)), quote(index)));
        }
        statements
    }
}

fn add_not_valid(table: &Table, text: &str) -> String {
    add_constraint(table, &format!("{text} NOT VALID"))
}

/// The value of a second column. What has no counterpart becomes NULL.
fn value(name: &str, column: &Column, copy: &Column) -> String {
    let converted = conversion(name, &column.ty, &copy.ty, None);
    converted.unwrap_or_else(|| format!("{name}::{}", type_sql(&copy.ty).to_lowercase()))
}
