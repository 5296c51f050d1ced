//! The search page, for posts and people.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::{State, get, routes};

use super::people::{Person, Viewer};
use super::timeline::Item;
use crate::models::search::{self, FoundUser, MAX_QUERY_LENGTH, RANKED_POSTS, SearchTerms};
use crate::site::auth::Visitor;
use crate::site::error::AppError;
use crate::site::flash::FlashMessage;
use crate::site::links;
use crate::site::replica::Reader;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;

/// The number of people on the first page of results.
const PEOPLE: u8 = 10;

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Search", |rocket| async { rocket.mount("/", routes![results]) })
}

#[get("/search?<q>&<page>")]
pub async fn results(
    q: Option<&str>,
    page: Option<usize>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    config: &State<Config>,
    reader: Reader<'_>,
) -> HandlerResult {
    let typed: String =
        q.unwrap_or_default().chars().filter(|char| !char.is_control()).take(MAX_QUERY_LENGTH).collect();
    let size = usize::from(config.posts_per_page);
    let page = page.unwrap_or(1).clamp(1, RANKED_POSTS);
    let terms = SearchTerms::new(&typed);
    let has_terms = !terms.is_empty();
    let (viewer, people, posts) = reader
        .run(move |connection| {
            let people = if page == 1 { search::people(&terms, PEOPLE, connection)? } else { Vec::new() };
            // One more than a page shows: whether there is a next page.
            let posts = search::posts(&terms, (page - 1) * size, size + 1, connection)?;
            let viewer = Viewer::load(&visitor, people.iter().map(|found| &found.user), connection)?;
            Ok::<_, AppError>((viewer, people, posts))
        })
        .await?;
    let has_more = posts.len() > size;
    let link = |page: usize| links::search(Some(&typed), (page > 1).then_some(page));
    let (viewer, here) = (viewer.as_ref(), link(page));
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
        .with("has_terms", &has_terms)
        .with("people", &people)
        .with("posts", &posts)
        .with("previous_page", &(page > 1).then(|| link(page - 1)))
        .with("next_page", &has_more.then(|| link(page + 1)))
        .into())
}
