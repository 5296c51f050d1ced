//! The statements by which second columns are made, filled, and take the place of the first ones; and those by which they go.

use super::super::convert::conversion;
use super::super::sql::{dollar_quoted, quote, quote_table, type_sql};
use super::super::statements::with_columns;
use super::steps::{create_index_online, in_batches};
use super::table;
use super::writer::{add_constraint, alter_column, drop_constraint};
use crate::schema::{Column, Index, IndexColumn, Object, Table, same_name};
use crate::table_path::{bare, beside};
use crate::text::literal;

/// Second columns, with what holds for the first ones: one way, up or down.
pub(super) struct Side<'a> {
    /// What constraints and indexes there are.
    pub table: &'a Table,
    /// The table that states the types of the second columns.
    pub typed_by: &'a Table,
    /// The first columns and the second ones.
    pub columns: Vec<(&'a Column, &'a Column)>,
    pub indexes: &'a [Object],
    pub suffix: &'static str,
}

impl Side<'_> {
    /// The name of what is made for the second column.
    pub fn helper(&self, name: &str) -> String {
        let mut name = name.to_owned();
        while name.len() + self.suffix.len() > 63 {
            name.pop();
        }
        name + self.suffix
    }

    /// The name of the trigger, which runs after others of the table, and of its function.
    pub fn trigger(&self, column: &Column) -> String {
        self.helper(&format!("zz_{}_{}", bare(&self.table.name), column.name))
    }

    fn new_name(&self, name: &str) -> Option<String> {
        let (column, _) = self.columns.iter().find(|(column, _)| same_name(&column.name, name))?;
        Some(self.helper(&column.name))
    }

    fn renamed(&self, expression: &str) -> String {
        with_columns(expression, &|name| self.new_name(name).map(|name| quote(&name)))
    }

    /// Whether an expression has a value of one of the columns.
    pub fn uses(&self, expression: &str) -> bool {
        self.renamed(expression) != expression
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
    pub fn constraints(&self) -> Vec<(String, String)> {
        let is_meant = |name: &String| self.new_name(name).is_some();
        let mut all = Vec::new();
        for check in &self.table.checks {
            if self.uses(&check.expression) {
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
    pub fn add(&self) -> Vec<String> {
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
                "CREATE FUNCTION {function} RETURNS trigger LANGUAGE plpgsql AS {}",
                dollar_quoted(&format!("\nBEGIN\n    NEW.{own} := {value};\n    RETURN NEW;\nEND "))
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
    pub fn drop(&self) -> Vec<String> {
        let drop = |(column, _): &(&Column, &Column)| {
            let (name, own) = (quote_table(&self.table.name), quote(&self.helper(&column.name)));
            [self.leave(column), vec![format!("ALTER TABLE {name} DROP COLUMN {own}")]].concat()
        };
        self.columns.iter().flat_map(drop).collect()
    }

    /// Fills the second columns, and makes their indexes; then every row satisfies their constraints. All of it can be run
    /// again.
    pub fn fill(&self) -> Vec<String> {
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
            let unique = if index.sql.starts_with("CREATE UNIQUE ") { "UNIQUE " } else { "" };
            let (own, name) = (quote(&self.helper(&index.name)), quote_table(&self.table.name));
            let rest = self.renamed(definition(index));
            statements.push(format!("CREATE {unique}INDEX CONCURRENTLY IF NOT EXISTS {own} ON {name} USING {rest}"));
        }
        names.extend(self.constraints().iter().map(|(name, _)| self.helper(name)));
        let name = quote_table(&self.table.name);
        statements.extend(names.iter().map(|own| format!("ALTER TABLE {name} VALIDATE CONSTRAINT {}", quote(own))));
        statements
    }

    /// Lets the second columns and the first ones change their names and what holds for them. From then on the first are
    /// kept in step with the second.
    pub fn swap(&self, other: &Side<'_>) -> Vec<String> {
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
            let block = format!(
                "\nBEGIN\n    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = {}::regclass AND conname = {}) THEN\n        \
                 {renamed};\n    ELSE\n        ALTER TABLE {name} {attached};\n    END IF;\nEND ",
                literal(&name),
                literal(&self.helper(&index.name))
            );
            statements.push(format!("DO {}", dollar_quoted(&block)));
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

/// The method, the columns and the condition of an index.
pub(super) fn definition(index: &Object) -> &str {
    index.sql.split_once(" USING ").map_or("", |(_, definition)| definition)
}

fn add_not_valid(table: &Table, text: &str) -> String {
    add_constraint(table, &format!("{text} NOT VALID"))
}

/// The value of a second column. What has no counterpart becomes NULL.
fn value(name: &str, column: &Column, copy: &Column) -> String {
    let converted = conversion(name, &column.ty, &copy.ty, None);
    converted.unwrap_or_else(|| format!("{name}::{}", type_sql(&copy.ty).to_lowercase()))
}
