diesel_autogen::schema! {
    pub mod auth {
        diesel::table! {
            auth.users (id) {
                id -> Integer,
            }
        }
    }
}

fn main() {}
