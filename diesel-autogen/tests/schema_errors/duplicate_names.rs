diesel_autogen::schema! {
    users {
        id -> Integer,
        nickname -> Text,
        nickname -> Text,
        #[sql_name = "NickName"]
        other -> Text,
    }

    users {
        id -> Integer,
    }

    #[sql_name = "Users"]
    people {
        id -> Integer,
    }
}

fn main() {}
