//! `app seed`: fake users who follow each other and write posts, for trying things out.

use std::io::{self, IsTerminal as _};

use app::models::{ModelError, NewPost, NewUser, User};
use app::site::{auth::now, pool};
use chrono::TimeDelta;
use clap::Args;
use diesel::Connection as _;
use diesel_autogen::Connection;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::fake_data::FakeData;
use super::{CommandError, print_line, prompt};

#[derive(Args)]
pub struct Seed {
    /// Number of users
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    users: u32,
    /// Number of posts, with times in the last year
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    posts: u32,
    /// Ask for a password for all of them; without it they cannot sign in
    #[arg(long)]
    password: bool,
}

/// The number of rows per transaction. Other programs may write between two transactions.
const BATCH_SIZE: u32 = 1000;

/// The maximum number of people whom a user follows.
const MAX_FOLLOWED: u32 = 12;

/// Fills the database.
pub fn run(arguments: &Seed) -> Result<(), CommandError> {
    let mut connection = super::open()?;
    let hash = if arguments.password { Some(prompt::new_password_hash()?) } else { None };
    let mut fake = FakeData::new();

    let bar = progress(arguments.users, "people");
    let mut people = Vec::new();
    in_batches(arguments.users, &bar, &mut connection, |_, connection| {
        people.push(insert_user(&mut fake, hash.as_deref(), connection)?);
        Ok(())
    })?;
    let bar = progress(arguments.users, "people who follow each other");
    in_batches(arguments.users, &bar, &mut connection, |index, connection| {
        let follower = &people[index as usize];
        for _ in 0..fake.below(MAX_FOLLOWED + 1) {
            let other = &people[fake.mostly_low(arguments.users) as usize];
            if other.id != follower.id {
                follower.follow(other, connection)?;
            }
        }
        Ok(())
    })?;
    let bar = progress(arguments.posts, "posts");
    let end = now();
    let step = TimeDelta::days(365) / i32::try_from(arguments.posts.max(1)).unwrap_or(i32::MAX);
    in_batches(arguments.posts, &bar, &mut connection, |index, connection| {
        let author = &people[fake.mostly_low(arguments.users) as usize];
        let other = &people[fake.below(arguments.users) as usize];
        let before_end = step * i32::try_from(arguments.posts - index).unwrap_or(i32::MAX);
        NewPost::new(author, &fake.post(&other.nickname))?.at(end - before_end).insert(connection)?;
        Ok(())
    })?;
    print_line(&format!("Added {} people and {} posts", arguments.users, arguments.posts));
    Ok(())
}

/// Stores a user with the first fake nickname that is not taken.
fn insert_user(fake: &mut FakeData, hash: Option<&str>, connection: &mut Connection) -> Result<User, ModelError> {
    loop {
        let nickname = fake.nickname();
        let email = format!("{nickname}@example.org");
        let user = NewUser::new(&nickname, &email)?;
        let user = if let Some(hash) = hash { user.password_hash(hash) } else { user };
        // By a savepoint: on PostgreSQL a refused statement ends the transaction.
        match connection.transaction(|connection| user.insert(connection)) {
            Ok(user) => {
                user.set_profile(&nickname, &fake.about_me(), connection)?;
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
        let end = count.min(index + BATCH_SIZE);
        pool::write_transaction(connection, |connection| (index..end).try_for_each(|index| work(index, connection)))?;
        index = end;
        bar.set_position(index.into());
    }
    bar.finish_and_clear();
    Ok(())
}

/// A progress bar on a terminal, hidden elsewhere.
fn progress(length: u32, what: &'static str) -> ProgressBar {
    let target = if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(length.into()), target).with_message(what);
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
}
