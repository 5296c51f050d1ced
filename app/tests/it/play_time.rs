//! The example `play_time` prints the tutorial's session.

use std::process::Command;

#[test]
fn the_example_prints_each_step_and_its_result() {
    // `cargo test` has built the example already, so `cargo run` only runs it.
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--package", "app", "--example", "play_time"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), EXPECTED);
}

const EXPECTED: &str = r#"
# Two users, each in a session that commits
>>> let john = db.transaction(|db| NewUser::new("john", "john@email.com")?.insert(db))?;
>>> john
<User 'john'>
>>> let susan = db.transaction(|db| NewUser::new("susan", "susan@email.com")?.insert(db))?;
>>> susan
<User 'susan'>

# A session that is rolled back leaves nothing
>>> let result: Result<(), ModelError> = db.transaction(|db| {
...     NewUser::new("david", "david@email.com")?.insert(db)?;
...     Err(RollbackTransaction.into())
... });
>>> result.is_err()
true
>>> User::by_nickname("david", db).optional()?
None

# All the users
>>> let all = User::all(db)?;
>>> all
[<User 'john'>, <User 'susan'>]
>>> for user in &all {
...     println!("{} {}", user.id, user.nickname);
... }
1 john
2 susan

# The user whose id is 1
>>> let user = User::find(1, db)?;
>>> user
<User 'john'>

# A post, with the time in UTC and its author
>>> let post = NewPost::new(&user, "my first post!")?.insert(db)?;
>>> post
<Post 'my first post!'>
>>> post.author(db)?
<User 'john'>
>>> post.timestamp <= Utc::now().naive_utc()
true

# All the posts of a user
>>> let written: Vec<Post> = user.posts().load(db)?;
>>> written
[<Post 'my first post!'>]

# The author of each post
>>> for post in &written {
...     println!("{} {} {}", post.id, post.author(db)?.nickname, post.body);
... }
1 john my first post!

# A user without posts
>>> let user = User::find(2, db)?;
>>> user
<User 'susan'>
>>> user.posts().load::<Post>(db)?
[]

# The users in reverse alphabetical order
>>> users::table.order(users::nickname.desc()).select(User::as_select()).load(db)?
[<User 'susan'>, <User 'john'>]

# Erase all, for a clean start
>>> for post in Post::all(db)? {
...     post.delete(db)?;
... }
>>> for user in User::all(db)? {
...     user.delete(db)?;
... }
>>> User::all(db)?
[]
>>> posts::table.load::<Post>(db)?
[]
"#;
