//! Who follows somebody, and whom somebody follows.

use diesel::QueryResult;
use migrate::Connection;
use rocket::fairing::{AdHoc, Fairing};
use rocket::serde::Serialize;
use rocket::{get, routes, uri};

use super::{avatar, user_page};
use crate::models::User;
use crate::site::auth::Visitor;
use crate::site::flash::FlashMessage;
use crate::site::templates::Page;
use crate::site::text::{self, Segment};
use crate::site::{AppError, AppResult, Db};

/// How many people a page lists.
const PAGE: u8 = 50;

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Followers", |rocket| async { rocket.mount("/", routes![followers, following]) })
}

/// The link of the page of followers behind that nickname, in the order of the alphabet.
pub fn followers_link(nickname: &str, after: &str) -> String {
    uri!(followers(nickname = nickname, after = (!after.is_empty()).then_some(after))).to_string()
}

/// The link of the page of those who are followed, likewise.
pub fn following_link(nickname: &str, after: &str) -> String {
    uri!(following(nickname = nickname, after = (!after.is_empty()).then_some(after))).to_string()
}

/// Somebody in a list.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub struct Person<'a> {
    link: String,
    avatar: String,
    nickname: Vec<Segment<'a>>,
    about_me: Vec<Segment<'a>>,
}

impl<'a> Person<'a> {
    /// A person, with what was searched for marked.
    pub fn new(user: &'a User, in_nickname: &[std::ops::Range<usize>], in_about_me: &[std::ops::Range<usize>]) -> Self {
        Self {
            link: user_page(&user.nickname),
            avatar: avatar::link(&user.nickname),
            nickname: text::plain(&user.nickname, in_nickname),
            about_me: text::segments(user.about_me.as_deref().unwrap_or_default(), in_about_me),
        }
    }
}

#[get("/user/<nickname>/followers?<after>")]
async fn followers(
    nickname: &str,
    after: Option<&str>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    db: &Db,
) -> AppResult<Page> {
    let (viewer, user, people) = load(nickname, after, User::followers, visitor, db).await?;
    let title = format!("Followers of {}", user.nickname);
    Ok(list(&user.nickname, &title, &people, followers_link).viewer(viewer.as_ref()).flash(flash))
}

#[get("/user/<nickname>/following?<after>")]
async fn following(
    nickname: &str,
    after: Option<&str>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    db: &Db,
) -> AppResult<Page> {
    let (viewer, user, people) = load(nickname, after, User::following, visitor, db).await?;
    let title = format!("Followed by {}", user.nickname);
    Ok(list(&user.nickname, &title, &people, following_link).viewer(viewer.as_ref()).flash(flash))
}

/// Followers or followed: the query that lists some people behind a nickname.
type Query = fn(&User, &str, u8, &mut Connection) -> QueryResult<Vec<User>>;

/// Who looks at the list, whose it is, and the people on a page of it.
async fn load(
    nickname: &str,
    after: Option<&str>,
    query: Query,
    visitor: Visitor,
    db: &Db,
) -> AppResult<(Option<User>, User, Vec<User>)> {
    let (name, after) = (nickname.to_owned(), after.unwrap_or_default().to_owned());
    db.run(move |connection| {
        let viewer = visitor.load(connection)?;
        let user = User::by_nickname(&name, connection)?;
        let people = query(&user, &after, PAGE + 1, connection)?;
        Ok::<_, AppError>((viewer, user, people))
    })
    .await
}

fn list(nickname: &str, title: &str, people: &[User], link: fn(&str, &str) -> String) -> Page {
    // One more than is shown: it tells whether the list goes on.
    let goes_on = people.len() > usize::from(PAGE);
    let shown = &people[..people.len().min(PAGE.into())];
    let more = shown.last().filter(|_| goes_on).map(|last| link(nickname, &last.nickname));
    Page::new("people.html")
        .with("title", &title)
        .with("user", &nickname)
        .with("user_page", &user_page(nickname))
        .with("people", &shown.iter().map(|user| Person::new(user, &[], &[])).collect::<Vec<_>>())
        .with("more", &more)
}
