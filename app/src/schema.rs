//! The tables of the microblog. To change one, edit it here and run `cargo run -p db_migrate`.

diesel::table! {
    /// People who write posts.
    users (id) {
        id -> Integer,
        #[max_length = 64]
        nickname -> VarChar,
        #[max_length = 120]
        email -> VarChar,
    }
}

diesel::table! {
    /// What they write.
    posts (id) {
        id -> Integer,
        #[max_length = 140]
        body -> VarChar,
        timestamp -> Timestamp,
        user_id -> Integer,
    }
}

diesel::joinable!(posts -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(users, posts);
