//! The pages, one file each.

mod account;
mod avatar;
mod edit;
mod explore;
mod feeds;
mod follow;
mod health;
mod home;
mod people;
mod post;
mod register;
mod search;
mod sign_in;
mod tag;
mod timeline;
mod user;

use rocket::fairing::{AdHoc, Fairing};

/// The fairing that serves them all.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Pages", |rocket| async {
        rocket
            .attach(home::stage())
            .attach(explore::stage())
            .attach(post::stage())
            .attach(user::stage())
            .attach(people::stage())
            .attach(follow::stage())
            .attach(edit::stage())
            .attach(avatar::stage())
            .attach(tag::stage())
            .attach(search::stage())
            .attach(feeds::stage())
            .attach(register::stage())
            .attach(sign_in::stage())
            .attach(account::stage())
            .attach(health::stage())
    })
}

#[cfg(test)]
mod tests {
    use rocket::http::impl_from_uri_param_identity;
    use rocket::http::uri::fmt::{Formatter, Query, UriDisplay};
    use rocket::uri;

    use super::{
        account, avatar, edit, explore, feeds, follow, home, people, post, register, search, sign_in, tag, user,
    };
    use crate::models::{Cursor, Position};
    use crate::site::links;

    impl UriDisplay<Query> for Cursor {
        fn fmt(&self, f: &mut Formatter<'_, Query>) -> std::fmt::Result {
            f.write_value(self.to_string())
        }
    }

    impl_from_uri_param_identity!([Query] Cursor);

    /// Text with a character of each kind that is percent-encoded somewhere.
    const TEXTS: [&str; 4] = ["susan", "a b/c?d&e=f#g%20h+i", "Über 👋", "\"<'>\\"];

    #[test]
    fn links_of_feeds_equal_the_uris_of_their_routes() {
        let cursor: Cursor = "1795342440000000-12".parse().unwrap();
        for (position, before, after) in [
            (Position::Newest, None, None),
            (Position::Before(cursor), Some(cursor), None),
            (Position::After(cursor), None, Some(cursor)),
        ] {
            assert_eq!(links::home_at(position), uri!(home::home(before, after)).to_string());
            assert_eq!(links::explore_at(position), uri!(explore::explore(before, after)).to_string());
            for name in TEXTS {
                assert_eq!(links::user_at(name, position), uri!(user::user(name, before, after)).to_string());
                assert_eq!(links::tag_at(name, position), uri!(tag::tag(name, before, after)).to_string());
            }
        }
        assert_eq!(links::feed(), uri!(feeds::of_all).to_string());
        for name in TEXTS {
            assert_eq!(links::user_feed(name), uri!(feeds::of_user(name)).to_string());
            assert_eq!(links::tag_feed(name), uri!(feeds::of_tag(name)).to_string());
        }
    }

    #[test]
    fn links_of_pages_equal_the_uris_of_their_routes() {
        let none = None::<&str>;
        for text in TEXTS {
            let some = Some(text);
            assert_eq!(links::avatar(text), uri!(avatar::avatar(format!("{text}.svg"))).to_string());
            assert_eq!(links::followers(text, ""), uri!(people::followers(text, none)).to_string());
            assert_eq!(links::followers("susan", text), uri!(people::followers("susan", some)).to_string());
            assert_eq!(links::following(text, ""), uri!(people::following(text, none)).to_string());
            assert_eq!(links::following("susan", text), uri!(people::following("susan", some)).to_string());
            assert_eq!(links::follow(text, some), uri!(follow::follow(text, some)).to_string());
            assert_eq!(links::unfollow(text, some), uri!(follow::unfollow(text, some)).to_string());
            assert_eq!(links::search(some, Some(2)), uri!(search::results(some, Some(2))).to_string());
            assert_eq!(links::sign_in(some), uri!(sign_in::show(some.map(str::to_owned))).to_string());
        }
        assert_eq!(links::follow("susan", None), uri!(follow::follow("susan", none)).to_string());
        assert_eq!(links::search(None, None), uri!(search::results(none, None::<usize>)).to_string());
        assert_eq!(links::sign_in(None), uri!(sign_in::show(None::<String>)).to_string());
        for (link, uri) in [
            (links::post(7), uri!(post::show(7))),
            (links::delete_post(7, None), uri!(post::delete(7, none))),
            (links::delete_post(7, Some("/a?b=c")), uri!(post::ask(7, Some("/a?b=c")))),
            (links::end_session(7), uri!(account::end_session(7))),
            (links::sign_out(), uri!(sign_in::sign_out)),
            (links::register(), uri!(register::show)),
            (links::edit_profile(), uri!(edit::show)),
            (links::edit_profile(), uri!(edit::submit)),
            (links::account(), uri!(account::show)),
            (links::change_password(), uri!(account::change_password)),
            (links::sign_out_everywhere(), uri!(account::sign_out_everywhere)),
            (links::delete_account(), uri!(account::delete)),
        ] {
            assert_eq!(link, uri.to_string());
        }
    }
}
