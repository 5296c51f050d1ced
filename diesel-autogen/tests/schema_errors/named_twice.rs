diesel_autogen::schema! {
    #[index(a, b, a)]
    #[unique(b, b, name = "twice")]
    #[foreign_key(a, a -> pairs(a, b))]
    pairs (a, b, a) {
        a -> Integer,
        b -> Integer,
    }
}

fn main() {}
