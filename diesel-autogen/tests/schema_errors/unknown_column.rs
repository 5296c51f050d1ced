diesel_autogen::schema! {
    #[index(titel)]
    #[unique(id, type)]
    #[foreign_key(author -> users)]
    posts (number) {
        id -> Integer,
        title -> Text,
        #[sql_name = "type"]
        type_ -> Text,
        #[references(users(mail))]
        user_id -> Integer,
    }

    users {
        id -> Integer,
    }

    diesel::joinable!(posts -> users (usr_id));
}

fn main() {}
