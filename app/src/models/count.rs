//! How many rows belong to a user, counted up to a limit: what a page costs shall not grow with the data.
//!
//! To count a million rows of an index takes SQLite some 100 ms, a thousand 0.1 ms.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use migrate::Connection;

use super::User;

/// No more than so many are counted: one more stands for all that are more.
pub const COUNTED: i64 = 1000;

#[derive(QueryableByName)]
struct Rows {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl User {
    /// How many posts the user has written, [`COUNTED`] and one at most.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn post_count(&self, connection: &mut Connection) -> QueryResult<i64> {
        self.count("posts", "user_id", connection)
    }

    /// How many follow the user, and how many the user follows, [`COUNTED`] and one at most.
    ///
    /// # Errors
    ///
    /// When a query fails.
    pub fn follow_counts(&self, connection: &mut Connection) -> QueryResult<(i64, i64)> {
        let followers = self.count("followers", "followed_id", connection)?;
        Ok((followers, self.count("followers", "follower_id", connection)?))
    }

    /// How many rows of the table have the user's key in that column.
    fn count(&self, table: &str, column: &str, connection: &mut Connection) -> QueryResult<i64> {
        let most = COUNTED + 1;
        let query = diesel::sql_query(format!(
            "SELECT count(*) AS count FROM (SELECT 1 FROM {table} WHERE {column} = $1 LIMIT {most}) AS some"
        ))
        .bind::<Integer, _>(self.id);
        let rows: Rows = match connection {
            Connection::Sqlite(sqlite) => query.get_result(sqlite),
            Connection::Postgres(postgres) => query.get_result(postgres),
        }?;
        Ok(rows.count)
    }
}
