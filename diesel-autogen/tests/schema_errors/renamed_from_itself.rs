diesel_autogen::schema! {
    #[renamed_from = "Users"]
    users {
        id -> Integer,
        #[renamed_from = "name"]
        first_name -> Text,
        #[renamed_from = "name"]
        last_name -> Text,
    }
}

fn main() {}
