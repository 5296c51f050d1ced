diesel_autogen::schema! {
    users {
        id -> Integer,
        #[max_length = 10]
        score -> Integer,
        #[max_length = 0]
        nickname -> VarChar,
        #[max_length = 99999999999]
        email -> VarChar,
        #[max_length = 64u32]
        city -> VarChar,
    }
}

fn main() {}
