diesel_autogen::schema! {
    users {
        id -> Integer,
        #[unique]
        email -> Text,
    }

    posts {
        id -> Integer,
        #[references(users(email))]
        email -> Text,
    }

    diesel::joinable!(posts -> users (email));
}

fn main() {}
