//! A streaming replica of the PostgreSQL server. The pages of signed-out visitors are read from it, unless the visitor has
//! written something that it does not have yet: a cookie holds the place of the write in the server's log (its LSN).

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use config::Config;
use diesel::RunQueryDsl as _;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel_autogen::Connection;
use rocket::Request;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Method;
use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome};
use rocket_db_pools::Database;

use super::auth;
use super::cookies::Cookies;
use super::error::{AppError, AppResult};
use super::pool::{Db, Pool};

/// The replica's connections. Without `DATABASE_REPLICA_URL` there is none.
#[derive(Database)]
#[database("replica")]
struct Replica(Pool);

/// The fairing that opens the pool of the replica, and sets the cookie of who has written.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Replica", |rocket| async {
        let has_replica = rocket.state::<Config>().is_some_and(|config| config.database_replica_url.is_some());
        if !has_replica {
            return rocket;
        }
        rocket.manage(Pause::default()).attach(Replica::init()).attach(AdHoc::on_response(
            "Written",
            |request, response| {
                Box::pin(async move {
                    // A form that is stored redirects.
                    if request.method() == Method::Post
                        && response.status().class().is_redirection()
                        && let Some(place) = newest_place(request).await
                    {
                        response.adjoin_header(Cookies::of(request).make(NAME, place.to_string()));
                    }
                })
            },
        ))
    })
}

/// The name of the cookie.
const NAME: &str = "written";

/// The end of the primary's log.
async fn newest_place(request: &Request<'_>) -> Option<Place> {
    let place = "SELECT pg_current_wal_lsn()::text";
    let db = request.guard::<&Db>().await.succeeded()?;
    let place = db.run(move |connection| sql::<Text>(place).get_result::<String>(connection)).await;
    place.ok()?.parse().ok()
}

/// A place in the log of a PostgreSQL server (LSN), as it prints one: `16/B374D848`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(u32, u32);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0, self.1)
    }
}

impl FromStr for Place {
    type Err = Option<std::num::ParseIntError>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (file, offset) = text.split_once('/').ok_or(None)?;
        Ok(Self(u32::from_str_radix(file, 16)?, u32::from_str_radix(offset, 16)?))
    }
}

/// Whether the replica has replayed the log up to that place. A primary has.
fn has(place: Place, connection: &mut Connection) -> AppResult<bool> {
    let has = format!("SELECT coalesce(pg_last_wal_replay_lsn() >= '{place}', true)");
    Ok(sql::<Bool>(&has).get_result(connection)?)
}

/// After a failure the replica is left alone for a while.
#[derive(Default)]
struct Pause(Mutex<Option<Instant>>);

const PAUSE: Duration = Duration::from_secs(5);

impl Pause {
    fn begin(&self) {
        if let Ok(mut end) = self.0.lock() {
            *end = Some(Instant::now() + PAUSE);
        }
    }

    fn is_on(&self) -> bool {
        self.0.lock().is_ok_and(|end| end.is_some_and(|end| Instant::now() < end))
    }
}

/// Request guard for pages that only read: the replica or the primary.
pub struct Reader<'r> {
    primary: &'r Db,
    replica: Option<(&'r Replica, &'r Pause)>,
    written: Option<Place>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Reader<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let primary = try_outcome!(request.guard::<&Db>().await);
        // Without a replica there is no pause either, and `fetch` would log an error.
        let pause = request.rocket().state::<Pause>();
        let replica = pause.and_then(|pause| Some((Replica::fetch(request.rocket())?, pause)));
        let cookie = request.cookies().get(&Cookies::of(request).name(NAME));
        Outcome::Success(Self {
            primary,
            replica: replica.filter(|_| !auth::has_session_cookie(request)),
            written: cookie.and_then(|cookie| cookie.value().parse().ok()),
        })
    }
}

impl Reader<'_> {
    /// As [`Db::run`]. What the replica cannot answer, the primary does: it may not have a new row yet, or be lost.
    ///
    /// # Errors
    ///
    /// As [`Db::run`].
    pub async fn run<T, E, F>(&self, work: F) -> AppResult<T>
    where
        F: Fn(&mut Connection) -> Result<T, E> + Clone + Send + 'static,
        T: Send + 'static,
        E: Into<AppError> + Send + 'static,
    {
        if let Some((replica, pause)) = self.replica.filter(|(_, pause)| !pause.is_on()) {
            let (written, work) = (self.written, work.clone());
            let read = move |connection: &mut Connection| {
                let is_behind = written.is_some_and(|place| !matches!(has(place, connection), Ok(true)));
                if is_behind { Ok(None) } else { work(connection).map(Some).map_err(Into::into) }
            };
            match replica.0.run::<_, AppError, _>(read).await {
                Ok(Some(done)) => return Ok(done),
                Err(AppError::Unavailable(cause) | AppError::Lost(cause)) => {
                    log::warn!("the replica: {cause}");
                    pause.begin();
                }
                Ok(None) | Err(_) => {}
            }
        }
        self.primary.run(work).await
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_place_is_parsed_as_it_is_printed() {
        assert_eq!("16/B374D848".parse::<Place>().unwrap().to_string(), "16/B374D848");
        for wrong in ["", "/", "1", "1/", "g/1", "1/100000000", "1/1' OR '1", "+1/ 1"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
