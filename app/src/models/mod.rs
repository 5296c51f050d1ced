//! People, their posts, and the queries on them. They run on SQLite and on PostgreSQL.

pub mod count;
mod error;
pub mod feed;
pub mod follow;
pub mod markup;
pub mod post;
pub mod search;
pub mod session;
pub mod user;

pub use error::ModelError;
pub use feed::{Cursor, Feed, Page, Position};
pub use post::{NewPost, Post};
pub use session::Session;
pub use user::{NewUser, User};
