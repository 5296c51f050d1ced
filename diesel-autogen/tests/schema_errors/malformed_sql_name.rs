diesel_autogen::schema! {
    #[sql_name(people)]
    users {
        id -> Integer,
    }
}

fn main() {}
