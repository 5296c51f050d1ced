diesel_autogen::schema! {
    users {
        id -> Integer,
    }

    diesel::allow_columns_to_appear_in_same_group_by_clause!(users);
}

fn main() {}
