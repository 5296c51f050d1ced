diesel_autogen::schema! {
    sqlite_users {
        id -> Integer,
    }

    __diesel_schema_migrations {
        id -> Integer,
    }

    #[sql_name = "_Kept_users"]
    users {
        id -> Integer,
    }
}

fn main() {}
