diesel_autogen::schema! {
    users (id) {}
}

fn main() {}
