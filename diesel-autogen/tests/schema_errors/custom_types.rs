diesel_autogen::schema! {
    pub mod sql_types {
        pub struct Mood;
    }
}

fn main() {}
