//! Who follows somebody, and whom somebody follows.

use std::collections::HashSet;

use diesel::QueryResult;
use migrate::Connection;
use rocket::fairing::{AdHoc, Fairing};
use rocket::serde::Serialize;
use rocket::{get, routes, uri};

use super::{avatar, follow, user_page};
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
    /// The name without marks.
    name: &'a str,
    follow: Option<Follow>,
}

/// The button to follow somebody, or to cease to.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Follow {
    is_followed: bool,
    action: String,
}

/// Who looks at a list of people, and which of these they follow.
pub struct Viewer {
    pub user: User,
    followed: HashSet<i32>,
}

impl Viewer {
    /// Asks the database, once.
    pub fn load<'a>(
        visitor: &Visitor,
        people: impl IntoIterator<Item = &'a User>,
        connection: &mut Connection,
    ) -> AppResult<Option<Self>> {
        let Some(user) = visitor.load(connection)? else { return Ok(None) };
        let followed = user.followed_among(people, connection)?;
        Ok(Some(Self { user, followed }))
    }

    /// The button beside that person, on that page. There is none beside oneself.
    fn button(&self, person: &User, page: &str) -> Option<Follow> {
        let is_followed = self.followed.contains(&person.id);
        let link = if is_followed { follow::unfollow_link } else { follow::follow_link };
        let action = link(&person.nickname, Some(page));
        (person.id != self.user.id).then_some(Follow { is_followed, action })
    }
}

impl<'a> Person<'a> {
    /// A person, with what was searched for marked.
    pub fn new(user: &'a User, in_nickname: &[std::ops::Range<usize>], in_about_me: &[std::ops::Range<usize>]) -> Self {
        Self {
            link: user_page(&user.nickname),
            avatar: avatar::link(&user.nickname),
            nickname: text::plain(&user.nickname, in_nickname),
            about_me: text::segments(user.about_me.as_deref().unwrap_or_default(), in_about_me),
            name: &user.nickname,
            follow: None,
        }
    }

    /// The same, with the button that whoever looks has beside this person on that page.
    pub fn seen_by(self, viewer: Option<&Viewer>, user: &User, page: &str) -> Self {
        Self { follow: viewer.and_then(|viewer| viewer.button(user, page)), ..self }
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
    let list = List::load(nickname, after, User::followers, visitor, db).await?;
    Ok(list.show("Followers of", followers_link).flash(flash))
}

#[get("/user/<nickname>/following?<after>")]
async fn following(
    nickname: &str,
    after: Option<&str>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    db: &Db,
) -> AppResult<Page> {
    let list = List::load(nickname, after, User::following, visitor, db).await?;
    Ok(list.show("Followed by", following_link).flash(flash))
}

/// Followers or followed: the query that lists some people behind a nickname.
type Query = fn(&User, &str, u8, &mut Connection) -> QueryResult<Vec<User>>;

/// A page of such a list.
struct List {
    viewer: Option<Viewer>,
    /// Whose followers they are, or whom they are followed by.
    user: User,
    after: String,
    people: Vec<User>,
    goes_on: bool,
}

impl List {
    async fn load(nickname: &str, after: Option<&str>, query: Query, visitor: Visitor, db: &Db) -> AppResult<Self> {
        let (name, after) = (nickname.to_owned(), after.unwrap_or_default().to_owned());
        db.run(move |connection| {
            let user = User::by_nickname(&name, connection)?;
            // One more than is shown: it tells whether the list goes on.
            let mut people = query(&user, &after, PAGE + 1, connection)?;
            let goes_on = people.len() > usize::from(PAGE);
            people.truncate(PAGE.into());
            let viewer = Viewer::load(&visitor, &people, connection)?;
            Ok::<_, AppError>(Self { viewer, user, after, people, goes_on })
        })
        .await
    }

    fn show(&self, title: &str, link: fn(&str, &str) -> String) -> Page {
        let (nickname, viewer) = (&self.user.nickname, self.viewer.as_ref());
        let here = link(nickname, &self.after);
        let person = |user| Person::new(user, &[], &[]).seen_by(viewer, user, &here);
        let more = self.people.last().filter(|_| self.goes_on).map(|last| link(nickname, &last.nickname));
        Page::new("people.html")
            .viewer(viewer.map(|viewer| &viewer.user))
            .with("title", &format!("{title} {nickname}"))
            .with("user", nickname)
            .with("user_page", &user_page(nickname))
            .with("people", &self.people.iter().map(person).collect::<Vec<_>>())
            .with("more", &more)
    }
}
