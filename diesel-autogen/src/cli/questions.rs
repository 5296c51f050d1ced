//! Questions on a terminal that only a person can answer: whether a change is a rename, which value rows need, whether
//! values may be lost. Without a terminal nothing is asked, and what is open stops the command.

use super::console::Console;
use crate::error::ConsentError;
use crate::history::Target;
use crate::options::Fill;
use crate::schema::Type;
use crate::{Error, LossKind, Migrator, Plan, PlanOptions, Schema};

/// The options with an answer to every question that their plan leaves open, up to the first without an answer.
pub(super) fn complete(
    migrator: &Migrator,
    models: &Schema,
    mut options: PlanOptions,
    console: &Console,
) -> Result<PlanOptions, Error> {
    while Console::is_terminal() {
        // The rehearsal comes when all is answered.
        let draft = PlanOptions { no_rehearsal: true, ..options.clone() };
        let losses = migrator.plan_alone(models, &draft, None)?.map(|plan| plan.losses).unwrap_or_default();
        let is_similar = |loss: &&crate::Loss| matches!(loss.kind, LossKind::Similar { .. });
        let needs_fill = |loss: &&crate::Loss| matches!(loss.kind, LossKind::NeedsFill { .. });
        // A rename may make a value unnecessary.
        let open = losses.iter().find(is_similar).or_else(|| losses.iter().find(needs_fill));
        let Some(loss) = open.cloned() else { break };
        let is_answered = match loss.kind {
            LossKind::Similar { old, new, rename } => {
                let question = format!("{}, which are similar. Is {old} renamed to {new}?", loss.change);
                let answer = console.confirm(question);
                match answer {
                    Some(true) => options.renames.push(rename),
                    Some(false) => options.not_renames.push(rename),
                    None => {}
                }
                answer.is_some()
            }
            LossKind::NeedsFill { column, ty } => {
                let fill = value(&loss.text, &column, &ty, models, console);
                let is_given = fill.is_some();
                options.fills.extend(fill);
                is_given
            }
            _ => false,
        };
        if !is_answered {
            break;
        }
    }
    Ok(options)
}

/// The plan, accepted when its losses are confirmed. Without a terminal it stays as it was, and cannot be applied.
pub(super) fn confirm(plan: Plan, console: &Console) -> Result<Plan, Error> {
    if !matches!(plan.require_consent(), Err(ConsentError::Loss(_) | ConsentError::Unmentioned(_))) {
        return Ok(plan);
    }
    match console.confirm(question(&plan, console)) {
        Some(true) => Ok(plan.accept_losses()),
        Some(false) => Err(ConsentError::Declined.into()),
        None => Ok(plan),
    }
}

/// Reports what a downgrade deletes, and asks for confirmation. Without a terminal the report is enough where a backup
/// will hold the values.
pub(super) fn confirm_downgrade(migrator: &Migrator, target: Target, console: &Console) -> Result<(), Error> {
    let losses = migrator.downgrade_losses(target)?;
    let has_backup = migrator.makes_backups();
    if !losses.is_empty() && !has_backup && !Console::is_terminal() {
        let texts: Vec<_> = losses.iter().map(|loss| loss.text.as_str()).collect();
        return Err(ConsentError::Loss(format!("{}, and there is no backup", texts.join("; "))).into());
    }
    let fate = if has_backup { "which the backup will hold" } else { "and there is no backup" };
    for loss in &losses {
        console.warn(format_args!("attention: {}, {fate}", loss.text));
    }
    let is_confirmed = losses.is_empty()
        || !Console::is_terminal()
        || console.confirm("These values would be deleted. Go on?") == Some(true);
    if is_confirmed { Ok(()) } else { Err(ConsentError::Declined.into()) }
}

/// Asks for a value until it fits; `None` when the line is empty.
fn value(text: &str, column: &str, ty: &Type, models: &Schema, console: &Console) -> Option<String> {
    let mut problem = text.to_owned();
    loop {
        let question = format!("{problem}. Value for {column} ({}):", what_to_type(ty));
        let fill =
            console.ask(question).filter(|answer| !answer.is_empty()).map(|answer| format!("{column}={answer}"))?;
        match Fill::parse(&fill, models) {
            Ok(_) => return Some(fill),
            Err(Error::Option { why, .. }) => problem = why,
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
        _ => "a value",
    };
    form.to_owned()
}

/// What becomes of the values, as a question.
fn question(plan: &Plan, console: &Console) -> String {
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
        let until = console.fill("until {upgrade} --purge-kept");
        sentences.push(format!("Values are moved to {tables} {until}."));
    }
    if has(&LossKind::Lost) {
        sentences
            .push(if kept.is_empty() { "These values would be lost." } else { "Other values would be lost." }.into());
    }
    if has(&LossKind::Stays) {
        sentences.push("Values that do not fit stay as they are.".into());
    }
    if has(&LossKind::Unmentioned) {
        let text = "What the models do not mention would be dropped; {print-schema} writes it as models.";
        sentences.push(console.fill(text));
    }
    format!("{} Go on?", sentences.join(" "))
}
