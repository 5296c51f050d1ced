diesel_autogen::schema! {
    #[unique]
    #[index(name = "nothing")]
    #[index(id down)]
    #[unique(id down)]
    #[foreign_key]
    #[foreign_key(id -> users())]
    #[check]
    #[check(name = "positive")]
    #[renamed_from]
    users {
        id -> Integer,
        #[unique(id)]
        a -> Integer,
        #[index = "a"]
        b -> Integer,
        #[references = "users"]
        c -> Integer,
        #[references(users, on_remove = cascade)]
        d -> Integer,
        #[references(users, on_delete = delete)]
        e -> Integer,
        #[default]
        f -> Integer,
        #[default = later]
        g -> Integer,
        #[default(value = 3)]
        h -> Integer,
        #[check(expression = "a > b")]
        i -> Integer,
    }
}

fn main() {}
