//! `app seed`: made-up people who follow each other and write posts, for trying things out.

use std::io::{self, IsTerminal as _};

use app::models::{ModelError, NewPost, NewUser, User};
use app::site::{auth::now, pool};
use chrono::TimeDelta;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use migrate::Connection;

use super::invented::Invention;
use super::{CommandError, ask, say};

#[derive(Args)]
pub struct Seed {
    /// How many people
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    users: u32,
    /// How many posts, written in the last year
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    posts: u32,
    /// Ask for a password that they all have; else nobody can sign in as one of them
    #[arg(long)]
    password: bool,
}

/// How many rows are stored at once: others may write in between.
const BATCH: u32 = 1000;

/// Whom each one follows, at most.
const FOLLOWED: u32 = 12;

/// Fills the database.
pub fn run(wanted: &Seed) -> Result<(), CommandError> {
    let mut connection = super::open()?;
    let hash = if wanted.password { Some(ask::new_password_hash()?) } else { None };
    let mut invention = Invention::new();

    let bar = progress(wanted.users, "people");
    let mut people = Vec::new();
    in_batches(wanted.users, &bar, &mut connection, |_, connection| {
        people.push(newcomer(&mut invention, hash.as_deref(), connection)?);
        Ok(())
    })?;
    let bar = progress(wanted.users, "who follow each other");
    in_batches(wanted.users, &bar, &mut connection, |index, connection| {
        let follower = &people[index as usize];
        for _ in 0..invention.below(FOLLOWED + 1) {
            let other = &people[invention.mostly_low(wanted.users) as usize];
            if other.id != follower.id {
                follower.follow(other, connection)?;
            }
        }
        Ok(())
    })?;
    let bar = progress(wanted.posts, "posts");
    let end = now();
    let step = TimeDelta::days(365) / i32::try_from(wanted.posts.max(1)).unwrap_or(i32::MAX);
    in_batches(wanted.posts, &bar, &mut connection, |index, connection| {
        let author = &people[invention.mostly_low(wanted.users) as usize];
        let other = &people[invention.below(wanted.users) as usize];
        let before_end = step * i32::try_from(wanted.posts - index).unwrap_or(i32::MAX);
        NewPost::new(author, &invention.post(&other.nickname))?.at(end - before_end).insert(connection)?;
        Ok(())
    })?;
    say(&format!("Added {} people and {} posts", wanted.users, wanted.posts));
    Ok(())
}

/// Stores somebody under the first invented name that is free.
fn newcomer(invention: &mut Invention, hash: Option<&str>, connection: &mut Connection) -> Result<User, ModelError> {
    loop {
        let nickname = invention.nickname();
        let email = format!("{nickname}@example.org");
        let user = NewUser::new(&nickname, &email)?;
        let user = if let Some(hash) = hash { user.password_hash(hash) } else { user };
        match user.insert(connection) {
            Ok(user) => {
                user.set_profile(&nickname, &invention.about_me(), connection)?;
                return Ok(user);
            }
            Err(ModelError::Taken { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

fn in_batches(
    count: u32,
    bar: &ProgressBar,
    connection: &mut Connection,
    mut work: impl FnMut(u32, &mut Connection) -> Result<(), ModelError>,
) -> Result<(), CommandError> {
    let mut index = 0;
    while index < count {
        let end = count.min(index + BATCH);
        pool::immediately(connection, |connection| (index..end).try_for_each(|index| work(index, connection)))?;
        index = end;
        bar.set_position(index.into());
    }
    bar.finish_and_clear();
    Ok(())
}

/// A bar on a terminal, nothing elsewhere.
fn progress(length: u32, what: &'static str) -> ProgressBar {
    let target = if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(length.into()), target).with_message(what);
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
}
