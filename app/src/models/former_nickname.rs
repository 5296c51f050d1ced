//! Nicknames that a user gave up, by another nickname or with the account. Old links and mentions lead to them, so for a year
//! nobody else gets them. The user may take them back.

use chrono::{NaiveDateTime, SubsecRound as _, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_autogen::Connection;

use crate::schema::former_nicknames;

/// How long a nickname is kept from others, in days.
const DAYS: i64 = 365;

/// How many nicknames are kept for a user: the last ones. Else one account could take many.
const KEPT: i64 = 5;

fn now() -> NaiveDateTime {
    Utc::now().naive_utc().trunc_subsecs(6)
}

/// Whether the nickname is not kept for another user than the one with that id.
///
/// # Errors
///
/// When the query fails.
pub fn is_free(nickname: &str, user_id: Option<i32>, connection: &mut Connection) -> QueryResult<bool> {
    let owner: Option<Option<i32>> = former_nicknames::table
        .find(nickname.to_ascii_lowercase())
        .filter(former_nicknames::given_up.gt(now() - TimeDelta::days(DAYS)))
        .select(former_nicknames::user_id)
        .first(connection)
        .optional()?;
    Ok(owner.is_none_or(|owner| owner.is_some() && owner == user_id))
}

/// Keeps the nickname of the user.
///
/// # Errors
///
/// When a statement fails.
pub fn keep(nickname: &str, user_id: i32, connection: &mut Connection) -> QueryResult<()> {
    let nickname = nickname.to_ascii_lowercase();
    diesel::delete(former_nicknames::table.find(&nickname)).execute(connection)?;
    let row = (
        former_nicknames::nickname.eq(nickname),
        former_nicknames::user_id.eq(user_id),
        former_nicknames::given_up.eq(now()),
    );
    diesel::insert_into(former_nicknames::table).values(row).execute(connection)?;
    let surplus: Vec<String> = former_nicknames::table
        .filter(former_nicknames::user_id.eq(user_id))
        .order((former_nicknames::given_up.desc(), former_nicknames::nickname))
        .offset(KEPT)
        .limit(i64::from(i32::MAX))
        .select(former_nicknames::nickname)
        .load(connection)?;
    diesel::delete(former_nicknames::table.filter(former_nicknames::nickname.eq_any(surplus)))
        .execute(connection)
        .map(drop)
}
