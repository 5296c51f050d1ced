diesel_autogen::schema! {
    users {
        id -> Integer,
        name -> Text,
    }

    diesel::allow_columns_to_appear_in_same_group_by_clause!(users::id, users::nam);
    diesel::allow_columns_to_appear_in_same_group_by_clause!(user::id, users::name);
}

fn main() {}
