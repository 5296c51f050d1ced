//! People, their posts, and the queries on them. They run on SQLite and on PostgreSQL.

mod error;
pub mod feed;
pub mod post;
pub mod user;

pub use error::ModelError;
pub use feed::{Cursor, Page, Position};
pub use post::{NewPost, Post};
pub use user::{NewUser, User};
