//! Users, posts and the queries on them, for SQLite and PostgreSQL.

pub mod count;
mod error;
pub mod feed;
pub mod follow;
mod former_nickname;
pub mod markup;
pub mod mention;
pub mod post;
pub mod search;
pub mod session;
pub mod unicode;
pub mod user;

pub use error::ModelError;
pub use feed::{Cursor, Feed, Page, Position};
pub use mention::Mentioned;
pub use post::{NewPost, Post};
pub use session::Session;
pub use user::{NewUser, User};
