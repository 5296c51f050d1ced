//! The tutorial's two tables, as the site's were at version 2.

/// In the place of `app::schema`.
pub mod schema {
    migrate::schema! {
        /// People who write posts.
        users (id) {
            id -> Integer,
            #[max_length = 64]
            #[unique]
            nickname -> VarChar,
            #[max_length = 120]
            #[unique]
            email -> VarChar,
        }

        /// What they write.
        posts (id) {
            id -> Integer,
            #[max_length = 140]
            body -> VarChar,
            #[index]
            timestamp -> Timestamp,
            #[index]
            #[references(users, on_delete = cascade)]
            user_id -> Integer,
        }
    }
}
