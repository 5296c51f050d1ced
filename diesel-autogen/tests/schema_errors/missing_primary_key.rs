diesel_autogen::schema! {
    users {
        number -> Integer,
    }

    posts () {
        number -> Integer,
    }
}

fn main() {}
