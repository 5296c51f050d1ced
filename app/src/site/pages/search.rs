//! The search page, for posts and people.

use std::sync::Arc;
use std::time::Duration;

use config::Config;
use diesel_autogen::Connection;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Status;
use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::tokio::sync::{OwnedSemaphorePermit, Semaphore};
use rocket::tokio::time;
use rocket::{State, get, routes};

use super::people::{Person, Viewer};
use super::timeline::Item;
use crate::models::Mentioned;
use crate::models::search::{self, FoundPost, FoundUser, MAX_QUERY_LENGTH, RANKED_POSTS, SearchTerms};
use crate::site::auth::{Attempts, Visitor};
use crate::site::error::{AppError, AppResult};
use crate::site::flash::FlashMessage;
use crate::site::links;
use crate::site::replica::Reader;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;

/// The number of people on the first page of results.
const PEOPLE: u8 = 10;

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Search", |rocket| async {
        let connections = rocket.state::<Config>().map_or(1, |config| config.pool_size);
        let permits = usize::try_from(connections / SHARE).unwrap_or_default().max(1);
        rocket.manage(Permits(Arc::new(Semaphore::new(permits)))).mount("/", routes![results])
    })
}

/// At most this share of the connections searches at the same time. A search goes on when its client has left.
const SHARE: u32 = 4;

/// One permit for each search that may run.
struct Permits(Arc<Semaphore>);

/// Request guard: the limits of searches.
pub struct Searches<'r> {
    attempts: Attempts<'r>,
    permits: &'r Permits,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Searches<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let attempts = try_outcome!(request.guard::<Attempts<'_>>().await);
        match request.rocket().state() {
            Some(permits) => Outcome::Success(Self { attempts, permits }),
            None => Outcome::Error((Status::InternalServerError, ())),
        }
    }
}

impl Searches<'_> {
    /// Counts a search of the client, and waits until it may run. It runs until the permit is dropped.
    async fn begin(&self) -> AppResult<OwnedSemaphorePermit> {
        self.attempts.count_search()?;
        let permit = time::timeout(Duration::from_secs(5), self.permits.0.clone().acquire_owned()).await;
        permit.ok().and_then(Result::ok).ok_or_else(|| AppError::Unavailable("too many searches at once".into()))
    }
}

#[get("/search?<q>&<page>")]
pub async fn results(
    q: Option<&str>,
    page: Option<usize>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    searches: Searches<'_>,
    config: &State<Config>,
    reader: Reader<'_>,
) -> HandlerResult {
    let typed: String =
        q.unwrap_or_default().chars().filter(|char| !char.is_control()).take(MAX_QUERY_LENGTH).collect();
    let size = usize::from(config.posts_per_page);
    let page = page.unwrap_or(1).clamp(1, RANKED_POSTS);
    let terms = SearchTerms::new(&typed);
    let (has_terms, is_unspaced) = (!terms.is_empty(), terms.has_unspaced_script());
    let found = if has_terms {
        // Shared by the work that is run again, and dropped with it.
        let permit = Arc::new(searches.begin().await?);
        let find = move |connection: &mut Connection| {
            let _until_the_end = &permit;
            search::bounded(connection, |connection| Found::load(&terms, page, size, &visitor, connection))
        };
        reader.run(find).await?
    } else {
        let load = move |connection: &mut Connection| Viewer::load(&visitor, [], connection);
        Found {
            viewer: reader.run(load).await?,
            people: Vec::new(),
            posts: Vec::new(),
            mentioned: Mentioned::default(),
        }
    };
    let link = |page: usize| links::search(Some(&typed), (page > 1).then_some(page));
    let (viewer, here) = (found.viewer.as_ref(), link(page));
    let (user, mentioned) = (viewer.map(|viewer| &viewer.user), &found.mentioned);
    let posts: Vec<_> = found
        .posts
        .iter()
        .take(size)
        .map(|hit| Item::marked(&hit.post, user, mentioned, &hit.marks).after_deletion(&here))
        .collect();
    let people: Vec<_> = found
        .people
        .iter()
        .map(|FoundUser { user, in_nickname, in_about_me }| {
            Person::new(user, mentioned, in_nickname, in_about_me).seen_by(viewer, user, &here)
        })
        .collect();
    let has_more = found.posts.len() > size;
    Ok(Page::new("search.html")
        .viewer(user)
        .flash(flash)
        .with("query", &typed)
        .with("has_terms", &has_terms)
        .with("is_unspaced", &is_unspaced)
        .with("limit", &(page * size >= RANKED_POSTS).then_some(RANKED_POSTS))
        .with("people", &people)
        .with("posts", &posts)
        .with("previous_page", &(page > 1).then(|| link(page - 1)))
        .with("next_page", &has_more.then(|| link(page + 1)))
        .into())
}

/// A page of results.
struct Found {
    viewer: Option<Viewer>,
    people: Vec<FoundUser>,
    /// One more than a page shows: whether there is a next page.
    posts: Vec<FoundPost>,
    /// Whom the people and the posts mention.
    mentioned: Mentioned,
}

impl Found {
    fn load(
        terms: &SearchTerms,
        page: usize,
        size: usize,
        visitor: &Visitor,
        connection: &mut Connection,
    ) -> AppResult<Self> {
        let people = if page == 1 { search::people(terms, PEOPLE, connection)? } else { Vec::new() };
        let posts = search::posts(terms, (page - 1) * size, size + 1, connection)?;
        let viewer = Viewer::load(visitor, people.iter().map(|found| &found.user), connection)?;
        let texts = posts.iter().map(|found| found.post.0.body.as_str());
        let texts = texts.chain(people.iter().filter_map(|found| found.user.about_me.as_deref()));
        let mentioned = Mentioned::load(texts, connection)?;
        Ok(Self { viewer, people, posts, mentioned })
    }
}
