diesel_autogen::schema! {
    users {
        id -> Integer,
        #[max_length = "64"]
        nickname -> VarChar,
    }
}

fn main() {}
