diesel_autogen::schema! {
    sqlite_users {
        id -> Integer,
    }

    __diesel_schema_migrations {
        id -> Integer,
    }

    #[sql_name = "_Kept_004_users"]
    users {
        id -> Integer,
    }

    _kept_letters {
        id -> Integer,
    }

    _kept_4letters {
        id -> Integer,
    }
}

fn main() {}
