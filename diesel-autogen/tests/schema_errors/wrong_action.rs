diesel_autogen::schema! {
    #[foreign_key(a, b -> pairs, on_delete = set_null)]
    posts {
        id -> Integer,
        a -> Nullable<Integer>,
        b -> Integer,
        #[references(pairs(code), on_delete = set_null)]
        code -> Text,
        #[references(posts, on_update = set_default)]
        parent -> Integer,
    }

    pairs (a, b) {
        a -> Integer,
        b -> Integer,
        #[unique]
        code -> Text,
    }
}

fn main() {}
