diesel_autogen::schema! {
    users {
        id -> Integer,
        born -> Timestamptz,
        settings -> diesel::sql_types::Jsonb,
        score -> Nullable<Integr>,
        tags -> Array<Text>,
        twice -> Nullable<Nullable<Text>>,
        none -> Nullable,
    }
}

fn main() {}
