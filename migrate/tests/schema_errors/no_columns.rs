migrate::schema! {
    users (id) {}
}

fn main() {}
