diesel_autogen::schema! {
    #[sql_type = "numeric"]
    users {
        id -> Integer,
        #[sql_type]
        a -> Numeric,
        #[sql_type = ""]
        b -> Numeric,
        #[sql_type = "numeric(1)"]
        #[sql_type = "numeric(2)"]
        c -> Numeric,
    }
}

fn main() {}
