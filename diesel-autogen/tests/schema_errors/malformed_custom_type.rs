diesel_autogen::schema! {
    pub mod sql_types {
        #[derive(diesel::sql_types::SqlType)]
        #[diesel(postgres_type(name))]
        pub struct Mood;
    }
}

fn main() {}
