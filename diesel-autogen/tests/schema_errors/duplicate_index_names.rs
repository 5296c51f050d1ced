diesel_autogen::schema! {
    #[index(user_id)]
    posts {
        id -> Integer,
        #[index]
        user_id -> Integer,
        #[index(name = "newest")]
        written_at -> Timestamp,
        #[index(name = "users")]
        title -> Text,
    }

    users {
        id -> Integer,
        #[index(name = "Newest")]
        joined_at -> Timestamp,
    }
}

fn main() {}
