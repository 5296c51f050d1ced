//! What a plan would lose of the rows, and what it needs: which questions to ask a database, and the words of the
//! answers. The database counts.

use std::fmt;

use crate::Error;
use crate::change::{Alteration, Change};
use crate::kept::{IsLossy, SideTable};
use crate::options::RenderOptions;
use crate::schema::{Column, Table, Type};
use crate::text::{Thousands, counted};

/// What a plan would lose, or what it needs before it can be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// The change, in plain words: `drops users.about_me`.
    pub change: String,
    /// The number of rows; for [`LossKind::Unmentioned`] the number of what is dropped.
    pub count: u64,
    /// The change and the count, in plain words.
    pub text: String,
    /// What becomes of the values.
    pub kind: LossKind,
}

/// What becomes of values that a change drops, converts or refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossKind {
    /// They are lost.
    Lost,
    /// They are kept for the downgrade, in this side table, until it is purged.
    Kept(String),
    /// They stay as they are, though they do not fit the models.
    Stays,
    /// Rows have no value where the models need one: [`PlanOptions::fills`](crate::PlanOptions::fills) gives it.
    NeedsFill {
        /// The column, as `table.column`, by its names in the models.
        column: String,
        /// The type of the value.
        ty: Type,
    },
    /// No values: a default, a UNIQUE, a CHECK, a foreign key or its action, or an empty table, is dropped because the
    /// models do not mention it.
    Unmentioned,
    /// What is dropped is similar to what is added: it may be a rename.
    Similar {
        /// What is dropped, a table or `table.column`.
        old: String,
        /// What is added.
        new: String,
        /// The rename, as [`PlanOptions::renames`](crate::PlanOptions::renames) takes it.
        rename: String,
    },
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.kind {
            LossKind::Lost => f.write_str(", which would be lost"),
            LossKind::Kept(table) => write!(f, ", kept in {table}"),
            LossKind::Stays => f.write_str(", left as is"),
            LossKind::NeedsFill { .. } | LossKind::Unmentioned | LossKind::Similar { .. } => Ok(()),
        }
    }
}

/// A question to a database about the rows of a table, by the names that it has for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    pub table: String,
    /// The column; empty for [`Condition::Any`].
    pub column: String,
    pub condition: Condition,
}

/// Which rows a [`Probe`] counts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Condition {
    /// All.
    Any,
    /// Those that hold a value.
    Held,
    /// Those that hold NULL.
    Null,
    /// Those whose value has more characters.
    Longer(u32),
    /// Those whose value the conversion between the columns would change.
    Misfit(Column, Column),
}

/// What a database answers to a [`Probe`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub rows: u64,
    /// Up to three of the values, as SQL writes them, for [`Condition::Misfit`].
    pub examples: Vec<String>,
}

type Count<'a> = &'a mut dyn FnMut(&Probe) -> Result<Found, Error>;

/// What the changes would lose. The changes and options have the names that the live database has.
pub(crate) fn losses(
    changes: &[Change],
    options: &RenderOptions,
    is_lossy: IsLossy<'_>,
    count: Count<'_>,
) -> Result<Vec<Loss>, Error> {
    let mut losses = Vec::new();
    for change in changes {
        match change {
            Change::DropTable(table) => losses.extend(dropped_table(table, options, count)?),
            Change::AlterTable { from, to, alterations } => {
                let side = SideTable::of(options, from, to, is_lossy);
                for alteration in alterations {
                    let (name, found) = match alteration {
                        Alteration::DropColumn(column) => (&column.name, dropped_column(from, column, count)?),
                        Alteration::AlterColumn { from: old, to: new } => {
                            (&new.name, altered_column((from, to), (old, new), (options, is_lossy), count)?)
                        }
                        Alteration::AddColumn(column) => {
                            (&column.name, added_column((from, to), column, options, count)?)
                        }
                        _ => continue,
                    };
                    losses.extend(found.into_iter().map(|loss| loss.kept_in(side.as_ref(), name)));
                }
            }
            _ => {}
        }
    }
    Ok(losses)
}

impl Loss {
    /// The loss of that many rows, when there are any.
    fn of(count: u64, change: String, found: &str) -> Option<Self> {
        let text = format!("{change}: {found}");
        (count > 0).then_some(Self { change, count, text, kind: LossKind::Lost })
    }

    fn with(self, kind: LossKind) -> Self {
        Self { kind, ..self }
    }

    fn kept_in(self, side: Option<&SideTable>, column: &str) -> Self {
        match side {
            Some(side) if self.kind == LossKind::Lost && side.holds(column) => {
                self.with(LossKind::Kept(side.name.clone()))
            }
            _ => self,
        }
    }
}

fn dropped_table(table: &Table, options: &RenderOptions, count: Count<'_>) -> Result<Option<Loss>, Error> {
    let rows = count(&probe(&table.name, "", Condition::Any))?.rows;
    let loss = Loss::of(rows, format!("drops table {}", table.name), &format!("it holds {}", counted(rows, "row")));
    let side = options.keep.as_ref().map(|version| crate::kept::name(version, &table.name));
    Ok(loss.map(|loss| side.map_or(loss.clone(), |side| loss.with(LossKind::Kept(side)))))
}

fn dropped_column(table: &Table, column: &Column, count: Count<'_>) -> Result<Vec<Loss>, Error> {
    if column.generated {
        return Ok(Vec::new());
    }
    let held = count(&probe(&table.name, &column.name, Condition::Held))?.rows;
    let rows = count(&probe(&table.name, "", Condition::Any))?.rows;
    let verb = if held == 1 { "holds" } else { "hold" };
    let found = format!("{} of {} {verb} a value", Thousands(held), counted(rows, "row"));
    Ok(Loss::of(held, format!("drops {}.{}", table.name, column.name), &found).into_iter().collect())
}

fn altered_column(
    (table, to): (&Table, &Table),
    (old, new): (&Column, &Column),
    (options, is_lossy): (&RenderOptions, IsLossy<'_>),
    count: Count<'_>,
) -> Result<Vec<Loss>, Error> {
    if new.generated && !old.generated {
        return dropped_column(table, old, count);
    }
    let what = format!("{}.{}", table.name, old.name);
    // A number or a text that does not fit its type stays as it is, where the database allows it.
    let is_number = |ty: &Type| matches!(ty, Type::SmallInt | Type::Integer | Type::BigInt | Type::Bool);
    let is_text = |ty: &Type| matches!(ty, Type::Text { .. });
    let is_same_kind = [is_number, is_text].iter().any(|is| is(&old.ty) && is(&new.ty));
    let stays = is_same_kind && !(old.storage == new.storage && is_lossy(old, new));
    let fate = || if stays { LossKind::Stays } else { LossKind::Lost };
    let mut losses = Vec::new();
    if old.ty != new.ty || old.storage != new.storage {
        let found = count(&probe(&table.name, &old.name, Condition::Misfit(old.clone(), new.clone())))?;
        let change = if old.ty == new.ty {
            format!("changes how {what} is stored")
        } else {
            format!("changes {what} from {} to {}", old.ty, new.ty)
        };
        losses.extend(Loss::of(found.rows, change, &misfits(&found, new)).map(|loss| loss.with(fate())));
    }
    let is_shorter = |length: u32| match &old.ty {
        Type::Text { max_length } => max_length.is_none_or(|old| old > length),
        _ => true,
    };
    if let Type::Text { max_length: Some(length) } = new.ty
        && is_shorter(length)
    {
        let longer = count(&probe(&table.name, &old.name, Condition::Longer(length)))?.rows;
        let are = if longer == 1 { "is" } else { "are" };
        let found = format!("{} {are} longer", counted(longer, "row"));
        losses.extend(Loss::of(longer, format!("shortens {what} to {length}"), &found).map(|loss| loss.with(fate())));
    }
    if old.nullable && !new.nullable && !table.is_sole_key(&old.name) {
        let nulls = count(&probe(&table.name, &old.name, Condition::Null))?.rows;
        let are = if nulls == 1 { "is" } else { "are" };
        let found = format!("{} {are} NULL", counted(nulls, "row"));
        let has_value = new.default.is_some() || options.fill(&table.name, &old.name).is_some();
        let found = Loss::of(nulls, format!("makes {what} NOT NULL"), &found);
        losses.extend(found.map(|loss| if has_value { loss } else { loss.with(needs_fill(to, new)) }));
    }
    Ok(losses)
}

/// A new column loses nothing, but a NOT NULL one needs a value for existing rows.
fn added_column(
    (table, to): (&Table, &Table),
    column: &Column,
    options: &RenderOptions,
    count: Count<'_>,
) -> Result<Vec<Loss>, Error> {
    let has_value = column.nullable || column.generated || column.identity || column.default.is_some();
    if has_value || options.fill(&table.name, &column.name).is_some() {
        return Ok(Vec::new());
    }
    let rows = count(&probe(&table.name, "", Condition::Any))?.rows;
    let need = if rows == 1 { "needs" } else { "need" };
    let change = format!("adds {}.{} NOT NULL without a default", table.name, column.name);
    let loss = Loss::of(rows, change, &format!("{} {need} a value", counted(rows, "row")));
    Ok(loss.map(|loss| loss.with(needs_fill(to, column))).into_iter().collect())
}

fn probe(table: &str, column: &str, condition: Condition) -> Probe {
    Probe { table: table.to_owned(), column: column.to_owned(), condition }
}

fn needs_fill(table: &Table, column: &Column) -> LossKind {
    LossKind::NeedsFill { column: format!("{}.{}", table.name, column.name), ty: column.ty.clone() }
}

/// `2 values are not integers ('a', 'b')`
fn misfits(found: &Found, new: &Column) -> String {
    let (one, many) = kind(&new.ty);
    let are = if found.rows == 1 { format!("is not {one}") } else { format!("are not {many}") };
    let shown = match found.examples.as_slice() {
        [] => String::new(),
        [first, second, _, ..] => format!(" ({first}, {second}, …)"),
        examples => format!(" ({})", examples.join(", ")),
    };
    // It goes to a terminal.
    let shown: String = shown.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    format!("{} {are}{shown}", counted(found.rows, "value"))
}

/// One value of that type, and several, in plain words.
fn kind(ty: &Type) -> (&'static str, &'static str) {
    match ty {
        Type::SmallInt => ("a 16-bit integer", "16-bit integers"),
        Type::Integer => ("a 32-bit integer", "32-bit integers"),
        Type::BigInt => ("an integer", "integers"),
        Type::Float | Type::Double => ("a number that can be stored exactly", "numbers that can be stored exactly"),
        Type::Bool => ("0 or 1", "0 or 1"),
        Type::Date => ("a date without a time", "dates without a time"),
        Type::Time => ("a time", "times"),
        Type::Timestamp => ("a timestamp", "timestamps"),
        _ => ("valid for the new type", "valid for the new type"),
    }
}
