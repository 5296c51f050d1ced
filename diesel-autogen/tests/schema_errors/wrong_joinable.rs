diesel_autogen::schema! {
    users {
        id -> Integer,
        #[unique]
        email -> Text,
        parent -> Integer,
    }

    posts {
        id -> Integer,
        user_id -> Integer,
        author_id -> Integer,
        #[references(users(email))]
        email -> Text,
    }

    members (team, user) {
        team -> Integer,
        user -> Integer,
    }

    diesel::joinable!(posts -> users (user_id));
    diesel::joinable!(posts -> users (author_id));
    diesel::joinable!(users -> users (parent));
    diesel::joinable!(posts -> members (user_id));
}

fn main() {}
