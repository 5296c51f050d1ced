//! Search for posts and people.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::{State, get, routes, uri};

use super::people::{Person, Viewer};
use super::timeline::Item;
use crate::models::search::{self, FoundUser, LONGEST, RANKED, Words};
use crate::site::auth::Visitor;
use crate::site::flash::FlashMessage;
use crate::site::templates::Page;
use crate::site::{AppError, AppResult, Db};

/// How many people a search lists.
const PEOPLE: u8 = 10;

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Search", |rocket| async { rocket.mount("/", routes![results]) })
}

/// The link of a page of results; the first one is 1.
pub fn link(query: Option<&str>, page: Option<usize>) -> String {
    uri!(results(q = query, page = page)).to_string()
}

#[get("/search?<q>&<page>")]
async fn results(
    q: Option<&str>,
    page: Option<usize>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    config: &State<Config>,
    db: &Db,
) -> AppResult<Page> {
    let typed: String = q.unwrap_or_default().chars().filter(|char| !char.is_control()).take(LONGEST).collect();
    let size = usize::from(config.posts_per_page);
    let page = page.unwrap_or(1).clamp(1, RANKED);
    let words = Words::new(&typed);
    let was_asked = !words.is_empty();
    let (viewer, people, posts) = db
        .run(move |connection| {
            let people = if page == 1 { search::people(&words, PEOPLE, connection)? } else { Vec::new() };
            // One more than is shown: it tells whether the results go on.
            let posts = search::posts(&words, (page - 1) * size, size + 1, connection)?;
            let viewer = Viewer::load(&visitor, people.iter().map(|found| &found.user), connection)?;
            Ok::<_, AppError>((viewer, people, posts))
        })
        .await?;
    let goes_on = posts.len() > size;
    let to = |page: usize| link(Some(&typed), (page > 1).then_some(page));
    let (viewer, here) = (viewer.as_ref(), to(page));
    let user = viewer.map(|viewer| &viewer.user);
    let posts: Vec<_> = posts.iter().take(size).map(|found| Item::marked(&found.post, user, &found.marks)).collect();
    let people: Vec<_> = people
        .iter()
        .map(|FoundUser { user, in_nickname, in_about_me }| {
            Person::new(user, in_nickname, in_about_me).seen_by(viewer, user, &here)
        })
        .collect();
    Ok(Page::new("search.html")
        .viewer(user)
        .flash(flash)
        .with("query", &typed)
        .with("was_asked", &was_asked)
        .with("people", &people)
        .with("posts", &posts)
        .with("better", &(page > 1).then(|| to(page - 1)))
        .with("further", &goes_on.then(|| to(page + 1))))
}
