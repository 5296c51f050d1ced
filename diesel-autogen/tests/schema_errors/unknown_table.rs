diesel_autogen::schema! {
    #[foreign_key(user_id -> people(id))]
    posts {
        id -> Integer,
        #[references(user)]
        user_id -> Integer,
    }

    #[sql_name = "accounts"]
    users {
        id -> Integer,
        #[references(accounts)]
        parent -> Integer,
    }

    diesel::joinable!(posts -> usrs (user_id));
    diesel::allow_tables_to_appear_in_same_query!(posts, tags);
}

fn main() {}
