diesel_autogen::schema! {
    pub mod sql_types;
}

fn main() {}
