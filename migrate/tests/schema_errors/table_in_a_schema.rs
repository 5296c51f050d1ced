migrate::schema! {
    auth.users {
        id -> Integer,
    }
}

fn main() {}
