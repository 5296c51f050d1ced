//! What a program asks on a terminal, because only a person can say it: which of two things is meant, which value goes
//! into rows that have none, and whether values may go. Elsewhere nothing is asked, and what is open stops the program.

use crate::cli::{ask, ask_whether, is_terminal};
use crate::render::Fill;
use crate::schema::Type;
use crate::{Error, Loss, LossKind, Plan, Project, Schema, Wishes};

/// Plans a migration as [`Project::make_update_script`] does. Where `asks` is true, it first asks for what is missing in
/// the wishes.
///
/// # Errors
///
/// As [`Project::make_update_script`].
pub fn plan(project: &Project, models: &Schema, wishes: Wishes, asks: bool) -> Result<Option<Plan>, Error> {
    let wishes = if asks && is_terminal() { answered(project, models, wishes)? } else { wishes };
    project.make_update_script(models, &wishes)
}

/// The plan, accepted when its losses are confirmed. Without an answer it is as it was, and cannot be applied.
#[must_use]
pub fn confirm(plan: Plan) -> Plan {
    // What else is open was asked for before, and nobody answered.
    let lacks_value = plan.losses.iter().any(|loss| matches!(loss.kind, LossKind::NeedsFill { .. }));
    let is_askable = !lacks_value && matches!(plan.require_consent(), Err(Error::WouldLose(_)));
    if is_askable && ask_whether(question(&plan)) == Some(true) { plan.accept_losses() } else { plan }
}

/// Says what a downgrade deletes, and asks whether that may be. Where nobody is there to be asked, saying it is enough:
/// the backup holds the values.
///
/// # Errors
///
/// [`Error::NotConfirmed`] when the answer is no, and as [`Project::deleted_by_downgrade`].
pub fn confirm_downgrade(project: &Project, to: Option<u64>) -> Result<(), Error> {
    let losses = project.deleted_by_downgrade(to)?;
    let is_backed_up = project.settings.backups > 0;
    let fate = if is_backed_up { "which the backup will hold" } else { "and there is no backup" };
    for loss in &losses {
        (project.settings.tell)(&format!("attention: {}, {fate}", loss.words));
    }
    if losses.is_empty() || !is_terminal() || ask_whether("These values would be deleted. Go on?") == Some(true) {
        return Ok(());
    }
    Err(Error::NotConfirmed)
}

/// The wishes with an answer to every question that their plan leaves open; those after one without an answer stay so.
fn answered(project: &Project, models: &Schema, mut wishes: Wishes) -> Result<Wishes, Error> {
    loop {
        // It is tried on a copy of the rows once all is answered.
        let draft = Wishes { no_rehearsal: true, ..wishes.clone() };
        let losses = project.make_update_script(models, &draft)?.map(|plan| plan.losses).unwrap_or_default();
        let is_alike = |loss: &&Loss| matches!(loss.kind, LossKind::Alike { .. });
        let needs_fill = |loss: &&Loss| matches!(loss.kind, LossKind::NeedsFill { .. });
        // What turns out to be a rename may need no value.
        let open = losses.iter().find(is_alike).or_else(|| losses.iter().find(needs_fill));
        let Some(loss) = open.cloned() else { return Ok(wishes) };
        let is_answered = match loss.kind {
            LossKind::Alike { old, new, rename } => {
                let answer =
                    ask_whether(format_args!("{}, which look alike. Is {new} the new name of {old}?", loss.change));
                match answer {
                    Some(true) => wishes.renames.push(rename),
                    Some(false) => wishes.apart.push(rename),
                    None => {}
                }
                answer.is_some()
            }
            LossKind::NeedsFill { column, ty } => {
                let fill = value(&loss.words, &column, &ty, models);
                let is_given = fill.is_some();
                wishes.fills.extend(fill);
                is_given
            }
            _ => false,
        };
        if !is_answered {
            return Ok(wishes);
        }
    }
}

/// Asks for a value until it is one; `None` when the line is empty.
fn value(words: &str, column: &str, ty: &Type, models: &Schema) -> Option<String> {
    let mut problem = words.to_owned();
    loop {
        let question = format!("{problem}. Value for {column} ({}):", what_to_type(ty));
        let fill = ask(question).filter(|answer| !answer.is_empty()).map(|answer| format!("{column}={answer}"))?;
        match Fill::parse(&fill, models) {
            Ok(_) => return Some(fill),
            Err(Error::BadFill { why, .. }) => problem = why,
            Err(error) => problem = error.to_string(),
        }
    }
}

fn what_to_type(ty: &Type) -> String {
    let form = match ty {
        Type::SmallInt | Type::Integer | Type::BigInt => "an integer",
        Type::Float | Type::Double => "a number",
        Type::Bool => "true or false",
        Type::Text { max_length: Some(most) } => return format!("a text of at most {most} characters"),
        Type::Text { max_length: None } => "a text",
        Type::Date => "a date, as 2012-02-29",
        Type::Time => "a time, as 12:00:00",
        Type::Timestamp => "a time in UTC, as 2012-02-29 12:00:00",
        Type::Binary | Type::Other(_) => "a value",
    };
    form.to_owned()
}

/// Says what becomes of the values, and asks whether that may be.
fn question(plan: &Plan) -> String {
    let mut kept: Vec<_> = plan
        .losses
        .iter()
        .filter_map(|loss| match &loss.kind {
            LossKind::Kept(table) => Some(table.as_str()),
            _ => None,
        })
        .collect();
    kept.sort_unstable();
    kept.dedup();
    let has = |kind: &LossKind| plan.losses.iter().any(|loss| loss.kind == *kind);
    let mut sentences = Vec::new();
    if !kept.is_empty() {
        let tables = kept.join(", ");
        sentences.push(format!("Values are taken out and kept aside in {tables} until db_upgrade --purge-kept."));
    }
    if has(&LossKind::Lost) {
        sentences
            .push(if kept.is_empty() { "These values would be lost." } else { "Other values would be lost." }.into());
    }
    if has(&LossKind::Stays) {
        sentences.push("Values that do not fit stay as they are.".into());
    }
    format!("{} Go on?", sentences.join(" "))
}
