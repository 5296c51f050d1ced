diesel_autogen::schema! {
    #[sql_name = ""]
    users {
        id -> Integer,
        #[sql_name = ""]
        nickname -> Text,
    }
}

fn main() {}
