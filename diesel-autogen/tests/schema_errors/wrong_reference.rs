diesel_autogen::schema! {
    #[unique(email, city)]
    users {
        id -> Integer,
        nickname -> Text,
        email -> Text,
        city -> Text,
    }

    pairs (a, b) {
        a -> Integer,
        b -> Integer,
    }

    #[foreign_key(id, pair -> pairs(a))]
    #[foreign_key(user_id -> users)]
    #[foreign_key(nickname, email -> users(nickname, email))]
    posts {
        id -> Integer,
        #[references(users(nickname))]
        nickname -> Text,
        #[references(users(email))]
        email -> Text,
        #[references(pairs)]
        pair -> Integer,
        #[references(users)]
        user_id -> Integer,
        #[references(users)]
        big_user_id -> BigInt,
        #[references(users)]
        user_name -> Nullable<Text>,
    }
}

fn main() {}
