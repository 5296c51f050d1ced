diesel_autogen::schema! {
    #[check(name = "Positive", sql = "b > 0")]
    numbers {
        id -> Integer,
        #[check(name = "positive", sql = "a > 0")]
        a -> Integer,
        b -> Integer,
    }
}

fn main() {}
