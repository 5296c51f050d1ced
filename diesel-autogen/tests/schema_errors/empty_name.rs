diesel_autogen::schema! {
    #[renamed_from = ""]
    #[index(id, name = "")]
    #[check = " "]
    users {
        id -> Integer,
        #[default(sql = "")]
        score -> Integer,
    }
}

fn main() {}
