//! The tutorial's play time: users and posts in a temporary database. Prints each step and its result.

use std::error::Error;

use app::models::{ModelError, NewPost, NewUser, Post, User};
use app::schema::{posts, users};
use app::site::{migrations, pool};
use chrono::Utc;
use diesel::Connection as _;
use diesel::prelude::*;
use diesel::result::Error::RollbackTransaction;
use diesel_autogen::{Connection, DatabaseUrl};

/// Prints the code as it is in this file, and runs it.
macro_rules! run {
    ($($code:tt)*) => {
        print_source(line!());
        $($code)*
    };
}

/// Prints the code as it is in this file, runs it, and prints the result.
macro_rules! show {
    ($code:expr) => {
        print_source(line!());
        println!("{:?}", $code);
    };
}

fn main() -> Result<(), Box<dyn Error>> {
    // The folder is deleted at the end, together with the database.
    let folder = tempfile::tempdir()?;
    let url = DatabaseUrl::parse("play.db", folder.path())?;
    migrations::migrator(&url, folder.path())?.create_current()?;
    let db = &mut pool::open(&url)?;
    create_users(db)?;
    query_and_delete(db)
}

fn create_users(db: &mut Connection) -> Result<(), Box<dyn Error>> {
    heading("Two users, each in a session that commits");
    run!(let john = db.transaction(|db| NewUser::new("john", "john@email.com")?.insert(db))?;);
    show!(john);
    run!(let susan = db.transaction(|db| NewUser::new("susan", "susan@email.com")?.insert(db))?;);
    show!(susan);

    heading("A session that is rolled back leaves nothing");
    run!(
        let result: Result<(), ModelError> = db.transaction(|db| {
            NewUser::new("david", "david@email.com")?.insert(db)?;
            Err(RollbackTransaction.into())
        });
    );
    show!(result.is_err());
    show!(User::by_nickname("david", db).optional()?);
    Ok(())
}

fn query_and_delete(db: &mut Connection) -> Result<(), Box<dyn Error>> {
    heading("All the users");
    run!(let all = User::all(db)?;);
    show!(all);
    run!(for user in &all {
        println!("{} {}", user.id, user.nickname);
    });

    heading("The user whose id is 1");
    run!(let user = User::find(1, db)?;);
    show!(user);

    heading("A post, with the time in UTC and its author");
    run!(let post = NewPost::new(&user, "my first post!")?.insert(db)?;);
    show!(post);
    show!(post.author(db)?);
    show!(post.timestamp <= Utc::now().naive_utc());

    heading("All the posts of a user");
    run!(let written: Vec<Post> = user.posts().load(db)?;);
    show!(written);

    heading("The author of each post");
    run!(for post in &written {
        println!("{} {} {}", post.id, post.author(db)?.nickname, post.body);
    });

    heading("A user without posts");
    run!(let user = User::find(2, db)?;);
    show!(user);
    show!(user.posts().load::<Post>(db)?);

    heading("The users in reverse alphabetical order");
    show!(users::table.order(users::nickname.desc()).select(User::as_select()).load(db)?);

    heading("Erase all, for a clean start");
    run!(for post in Post::all(db)? {
        post.delete(db)?;
    });
    run!(for user in User::all(db)? {
        user.delete(db)?;
    });
    show!(User::all(db)?);
    show!(posts::table.load::<Post>(db)?);
    Ok(())
}

fn heading(text: &str) {
    println!("\n# {text}");
}

/// Prints the argument of the macro on that line.
fn print_source(line: u32) {
    let lines = include_str!("play_time.rs").lines().skip(line as usize - 1);
    let mut prompt = ">>>";
    let mut indent = "    ";
    for line in lines {
        // The macro's own lines are indented by four spaces, those inside it by more.
        let last = line.ends_with(");") && !line.starts_with("     ");
        let code = line.strip_prefix(indent).unwrap_or(line);
        let code = code.strip_prefix("run!(").or_else(|| code.strip_prefix("show!(")).unwrap_or(code);
        let code = if last { code.trim_end_matches(");") } else { code };
        if code.trim().is_empty() {
            indent = "        ";
        } else {
            println!("{prompt} {code}");
            prompt = "...";
        }
        if last {
            return;
        }
    }
}
