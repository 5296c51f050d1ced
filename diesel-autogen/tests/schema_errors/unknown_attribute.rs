diesel_autogen::schema! {
    #[cfg(feature = "users")]
    #[references(posts)]
    users {
        id -> Integer,
        #[uniqe]
        nickname -> Text,
        #[serde(rename = "mail")]
        email -> Text,
        #[foreign_key(email -> users)]
        other -> Text,
    }
}

fn main() {}
