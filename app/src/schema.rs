//! The tables of the microblog. To change a table, edit it here and run `cargo run -p db_migrate`.

diesel_autogen::schema! {
    /// People who write posts.
    users (id) {
        id -> Integer,
        #[max_length = 64]
        #[unique]
        nickname -> VarChar,
        #[max_length = 120]
        #[unique]
        email -> VarChar,
        /// The user's text about themselves: 140 grapheme clusters, each of which may have several characters.
        #[max_length = 1400]
        about_me -> Nullable<VarChar>,
        /// When the user last visited the site, in UTC.
        last_seen -> Nullable<Timestamp>,
        /// Argon2id, as a PHC string. Who has none cannot sign in.
        #[max_length = 255]
        password_hash -> Nullable<VarChar>,
    }

    /// What they write.
    #[index(user_id, timestamp)]
    posts (id) {
        id -> Integer,
        /// 140 grapheme clusters, each of which may have several characters.
        #[max_length = 1400]
        body -> VarChar,
        #[index]
        timestamp -> Timestamp,
        #[references(users, on_delete = cascade)]
        user_id -> Integer,
    }

    /// The #tags of posts, in lower case.
    post_tags (tag, post_id) {
        #[max_length = 140]
        tag -> VarChar,
        #[index]
        #[references(posts, on_delete = cascade)]
        post_id -> Integer,
    }

    /// Which users follow which users.
    followers (follower_id, followed_id) {
        #[references(users, on_delete = cascade)]
        follower_id -> Integer,
        #[index]
        #[references(users, on_delete = cascade)]
        followed_id -> Integer,
    }

    /// The sessions of users.
    sessions (id) {
        id -> Integer,
        /// SHA-256 of the token in the cookie, in hexadecimal.
        #[max_length = 64]
        #[unique]
        token_hash -> VarChar,
        #[index]
        #[references(users, on_delete = cascade)]
        user_id -> Integer,
        created_at -> Timestamp,
        #[index]
        expires_at -> Timestamp,
        /// The `User-Agent` of the browser.
        #[max_length = 200]
        user_agent -> VarChar,
        /// When the session was last used, in UTC.
        last_used -> Nullable<Timestamp>,
        /// The client IP of that request.
        #[max_length = 45]
        client_ip -> Nullable<VarChar>,
    }

    /// Nicknames that a user gave up. They are kept from others for a time, because links and mentions lead to them.
    former_nicknames (nickname) {
        /// In lower case.
        #[max_length = 64]
        nickname -> VarChar,
        /// The user, unless the account is deleted.
        #[index]
        #[references(users, on_delete = set_null)]
        user_id -> Nullable<Integer>,
        given_up -> Timestamp,
    }
}
