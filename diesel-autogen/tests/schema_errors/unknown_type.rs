diesel_autogen::schema! {
    users {
        id -> Integer,
        mood -> Mood,
        kind -> Char,
        score -> Nullable<Integr>,
        tags -> Array<Txt>,
        twice -> Nullable<Nullable<Text>>,
        none -> Nullable,
        span -> Range<Text>,
        spans -> Multirange<Nullable<Integer>>,
        tiny -> TinyInt,
    }
}

fn main() {}
