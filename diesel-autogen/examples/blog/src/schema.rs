//! The tables of the blog.

diesel_autogen::schema! {
    /// What the blog consists of.
    posts (id) {
        id -> Integer,
        #[max_length = 80]
        #[unique]
        title -> VarChar,
    }
}
