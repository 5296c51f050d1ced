//! Writes a post with the title that is given, if one is, and lists all posts.

use std::env;
use std::error::Error;

use blog::schema::posts;
use diesel::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let connection = &mut SqliteConnection::establish("blog.db")?;
    if let Some(title) = env::args().nth(1) {
        diesel::insert_into(posts::table).values(posts::title.eq(title)).execute(connection)?;
    }
    for (id, title) in posts::table.select((posts::id, posts::title)).load::<(i32, String)>(connection)? {
        println!("{id}. {title}");
    }
    Ok(())
}
