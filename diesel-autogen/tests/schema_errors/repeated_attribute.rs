diesel_autogen::schema! {
    #[sql_name = "people"]
    #[sql_name = "persons"]
    users {
        id -> Integer,
        #[unique]
        #[unique(name = "one")]
        #[default = 1]
        #[default = 2]
        score -> Integer,
        #[references(users, on_delete = cascade, on_delete = restrict)]
        friend -> Integer,
    }
}

fn main() {}
