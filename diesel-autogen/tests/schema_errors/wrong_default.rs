diesel_autogen::schema! {
    numbers {
        id -> Integer,
        #[default = "0"]
        a -> Integer,
        #[default = 2147483648]
        b -> Integer,
        #[default = -32769]
        c -> SmallInt,
        #[default = 1.5]
        d -> BigInt,
        #[default = true]
        e -> Double,
        #[default = 1e39]
        f -> Float,
        #[default = 0]
        g -> Bool,
        #[default = "now"]
        h -> Timestamp,
        #[default = now]
        i -> Text,
        #[default = "photo"]
        j -> Binary,
        #[max_length = 3]
        #[default = "four"]
        k -> VarChar,
    }
}

fn main() {}
