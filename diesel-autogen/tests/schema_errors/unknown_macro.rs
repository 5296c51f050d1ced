diesel_autogen::schema! {
    diesel::alias!(users as friends: Friends);
}

fn main() {}
