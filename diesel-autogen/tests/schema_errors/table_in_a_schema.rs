diesel_autogen::schema! {
    auth.users {
        id -> Integer,
    }
}

fn main() {}
