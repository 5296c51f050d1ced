//! The followers of a user, and the people whom a user follows.

use std::collections::HashSet;

use diesel::QueryResult;
use diesel_autogen::Connection;
use rocket::fairing::{AdHoc, Fairing};
use rocket::serde::Serialize;
use rocket::{get, routes};

use crate::models::{Mentioned, User};
use crate::site::auth::Visitor;
use crate::site::error::{AppError, AppResult};
use crate::site::flash::FlashMessage;
use crate::site::links;
use crate::site::replica::Reader;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;
use crate::site::text::{self, Segment};

/// The number of people on a page.
const PAGE_SIZE: u8 = 50;

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Followers", |rocket| async { rocket.mount("/", routes![followers, following]) })
}

/// A user in a list.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub struct Person<'a> {
    link: String,
    avatar: String,
    nickname: Vec<Segment<'a>>,
    about_me: Vec<Segment<'a>>,
    /// The nickname as plain text.
    name: &'a str,
    follow: Option<FollowButton>,
}

/// The button to follow or unfollow a user.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct FollowButton {
    is_followed: bool,
    action: String,
}

/// The user who views a list of people, and the ids of the people in it whom that user follows.
pub struct Viewer {
    pub user: User,
    followed: HashSet<i32>,
}

impl Viewer {
    /// Loads the viewer with one query for the whole list.
    pub fn load<'a>(
        visitor: &Visitor,
        people: impl IntoIterator<Item = &'a User>,
        connection: &mut Connection,
    ) -> AppResult<Option<Self>> {
        let Some(user) = visitor.load(connection)? else { return Ok(None) };
        let followed = user.followed_among(people, connection)?;
        Ok(Some(Self { user, followed }))
    }

    /// A viewer who follows none of the people in the list.
    pub fn of_strangers(user: &User) -> Self {
        Self { user: user.clone(), followed: HashSet::new() }
    }

    /// The button for a user; none for the viewer themselves. It redirects to `page`.
    fn button(&self, person: &User, page: &str) -> Option<FollowButton> {
        let is_followed = self.followed.contains(&person.id);
        let link = if is_followed { links::unfollow } else { links::follow };
        let action = link(&person.nickname, Some(page));
        (person.id != self.user.id).then_some(FollowButton { is_followed, action })
    }
}

/// Whom people mention in the texts about themselves.
pub fn mentioned_by<'a>(
    people: impl IntoIterator<Item = &'a User>,
    connection: &mut Connection,
) -> QueryResult<Mentioned> {
    Mentioned::load(people.into_iter().filter_map(|user| user.about_me.as_deref()), connection)
}

impl<'a> Person<'a> {
    /// A user, with the byte ranges that match a search marked.
    pub fn new(
        user: &'a User,
        mentioned: &Mentioned,
        in_nickname: &[std::ops::Range<usize>],
        in_about_me: &[std::ops::Range<usize>],
    ) -> Self {
        Self {
            link: links::user(&user.nickname),
            avatar: links::avatar(&user.nickname),
            nickname: text::plain(&user.nickname, in_nickname),
            about_me: text::segments(user.about_me.as_deref().unwrap_or_default(), in_about_me, mentioned),
            name: &user.nickname,
            follow: None,
        }
    }

    /// The same, with the button for the viewer. It redirects to `page`.
    pub fn seen_by(self, viewer: Option<&Viewer>, user: &User, page: &str) -> Self {
        Self { follow: viewer.and_then(|viewer| viewer.button(user, page)), ..self }
    }
}

#[get("/user/<nickname>/followers?<after>")]
pub async fn followers(
    nickname: &str,
    after: Option<&str>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    reader: Reader<'_>,
) -> HandlerResult {
    let list = List::load(nickname, after, User::followers, visitor, &reader).await?;
    Ok(list.show("Followers of", links::followers).flash(flash).into())
}

#[get("/user/<nickname>/following?<after>")]
pub async fn following(
    nickname: &str,
    after: Option<&str>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    reader: Reader<'_>,
) -> HandlerResult {
    let list = List::load(nickname, after, User::following, visitor, &reader).await?;
    Ok(list.show("People followed by", links::following).flash(flash).into())
}

/// [`User::followers`] or [`User::following`].
type Query = fn(&User, &str, u8, &mut Connection) -> QueryResult<Vec<User>>;

/// A page of such a list.
struct List {
    viewer: Option<Viewer>,
    /// The user whose followers or followed people are listed.
    user: User,
    after: String,
    people: Vec<User>,
    mentioned: Mentioned,
    has_more: bool,
}

impl List {
    async fn load(
        nickname: &str,
        after: Option<&str>,
        query: Query,
        visitor: Visitor,
        reader: &Reader<'_>,
    ) -> AppResult<Self> {
        let (name, after) = (nickname.to_owned(), after.unwrap_or_default().to_owned());
        reader
            .run(move |connection| {
                let user = User::by_nickname(&name, connection)?;
                // One more than a page shows: whether there is a next page.
                let mut people = query(&user, &after, PAGE_SIZE + 1, connection)?;
                let has_more = people.len() > usize::from(PAGE_SIZE);
                people.truncate(PAGE_SIZE.into());
                let viewer = Viewer::load(&visitor, &people, connection)?;
                let mentioned = mentioned_by(&people, connection)?;
                Ok::<_, AppError>(Self { viewer, user, after: after.clone(), people, mentioned, has_more })
            })
            .await
    }

    fn show(&self, title: &str, link: fn(&str, &str) -> String) -> Page {
        let (nickname, viewer) = (&self.user.nickname, self.viewer.as_ref());
        let here = link(nickname, &self.after);
        let person = |user| Person::new(user, &self.mentioned, &[], &[]).seen_by(viewer, user, &here);
        let more = self.people.last().filter(|_| self.has_more).map(|last| link(nickname, &last.nickname));
        Page::new("people.html")
            .viewer(viewer.map(|viewer| &viewer.user))
            .with("title", &format!("{title} {nickname}"))
            .with("user", nickname)
            .with("user_page", &links::user(nickname))
            .with("people", &self.people.iter().map(person).collect::<Vec<_>>())
            .with("more", &more)
    }
}
