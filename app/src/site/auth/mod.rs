//! Sessions and request guards: a cookie holds a random token; the database has its SHA-256, with the user.

mod device;
pub mod password;
mod throttle;
pub(super) mod token;

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{NaiveDateTime, SubsecRound, TimeDelta, Utc};
use config::Config;
use diesel_autogen::Connection;
use rocket::Request;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::{Cookie, CookieJar};
use rocket::request::{FromRequest, Outcome};

use self::password::Passwords;
pub use self::throttle::Attempts;
use self::throttle::Throttle;
use self::token::Token;
use crate::models::session::NewSession;
use crate::models::{Session, User};
use crate::site::client_ip::client_ip;
use crate::site::cookies::Cookies;
use crate::site::error::{AppError, AppResult};
use crate::site::pool::{self, Db};

/// The fairing that holds the state for signing in.
#[must_use]
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Accounts", |rocket| async {
        let throttle = rocket.state::<Config>().map(|config| Arc::new(Throttle::new(config)));
        let rocket = rocket.manage(Passwords::default());
        if let Some(throttle) = throttle { rocket.manage(throttle) } else { rocket }
    })
}

/// The name of the cookie that holds the token.
const NAME: &str = "session";

/// Whether the request has a session cookie, valid or not.
pub fn has_session_cookie(request: &Request<'_>) -> bool {
    request.cookies().get(&Cookies::of(request).name(NAME)).is_some()
}

/// The lifetime of a session with "remember me", in days.
const REMEMBERED_DAYS: i64 = 30;

/// The lifetime of other sessions, in hours. Their cookies last until the browser is closed, which may be long.
const DEFAULT_HOURS: i64 = 12;

/// Request guard: the sender of the request, signed in or not. [`load`](Visitor::load) and [`require`](Visitor::require)
/// query the user, together with the handler's other queries.
#[derive(Clone)]
pub struct Visitor {
    token_hash: Option<String>,
    user_agent: String,
    client_ip: IpAddr,
    cookies: Cookies,
    throttle: Option<Arc<Throttle>>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Visitor {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let cookies = Cookies::of(request);
        let token = request.cookies().get(&cookies.name(NAME)).and_then(|cookie| Token::parse(cookie.value()));
        let user_agent = request.headers().get_one("User-Agent").unwrap_or_default().to_owned();
        let throttle = request.rocket().state().cloned();
        let client_ip = client_ip(request);
        Outcome::Success(Self { token_hash: token.map(|token| token.hash()), user_agent, client_ip, cookies, throttle })
    }
}

impl Visitor {
    /// Whether the request has a token, valid or not.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token_hash.is_some()
    }

    /// Whether somebody is signed in. Without a token the database is not asked.
    ///
    /// # Errors
    ///
    /// When a query fails.
    pub async fn is_signed_in(self, db: &Db) -> AppResult<bool> {
        Ok(self.has_token() && db.run(move |connection| self.load(connection)).await?.is_some())
    }

    /// The signed-in user, if any. Updates the user's `last_seen`.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn load(&self, connection: &mut Connection) -> AppResult<Option<User>> {
        Ok(self.session(connection)?.map(|(_, user)| user))
    }

    /// The signed-in user.
    ///
    /// # Errors
    ///
    /// [`AppError::SignInFirst`] when the visitor is not signed in; when the query fails.
    pub fn require(&self, connection: &mut Connection) -> AppResult<User> {
        self.load(connection)?.ok_or(AppError::SignInFirst)
    }

    /// The signed-in user, who makes a change. Changes are limited for each account.
    ///
    /// # Errors
    ///
    /// As [`require`](Self::require); [`AppError::TooMany`] when the user has made too many.
    pub fn require_to_change(&self, connection: &mut Connection) -> AppResult<User> {
        let user = self.require(connection)?;
        self.count_change(&user)?;
        Ok(user)
    }

    /// Counts a change that the user makes.
    ///
    /// # Errors
    ///
    /// [`AppError::TooMany`] when the user has made too many.
    pub fn count_change(&self, user: &User) -> AppResult<()> {
        self.throttle.as_ref().map_or(Ok(()), |throttle| throttle.count_change(user))
    }

    /// The session and its user, if the visitor is signed in.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn session(&self, connection: &mut Connection) -> AppResult<Option<(Session, User)>> {
        let Some(hash) = &self.token_hash else { return Ok(None) };
        let mut found = Session::find(hash, now(), connection)?;
        if let Some((session, user)) = &mut found
            && !(user.was_seen_recently(now()) && session.was_used_recently(now()))
            && let Err(error) = pool::with_short_busy_timeout(connection, |connection| {
                user.touch(now(), connection)?;
                session.touch(now(), &self.client_ip.to_string(), connection)
            })
        {
            // A page must not fail or wait because another program holds the write lock.
            log::info!("last_seen of {user:?}: {error}");
        }
        Ok(found)
    }

    /// Starts a session for the user, and ends the session of the request.
    ///
    /// # Errors
    ///
    /// When a statement fails.
    pub fn sign_in(&self, user: &User, remember_me: bool, connection: &mut Connection) -> AppResult<SignedIn> {
        self.end_session(connection)?;
        let token = Token::random()?;
        let lifetime = if remember_me { TimeDelta::days(REMEMBERED_DAYS) } else { TimeDelta::hours(DEFAULT_HOURS) };
        let hash = token.hash();
        NewSession {
            user_id: user.id,
            token_hash: &hash,
            created_at: now(),
            expires_at: now() + lifetime,
            user_agent: &self.user_agent,
            client_ip: &self.client_ip.to_string(),
        }
        .insert(connection)?;
        let mut session = self.cookies.make(NAME, token.to_string());
        if remember_me {
            session.set_max_age(rocket::time::Duration::days(REMEMBERED_DAYS));
        }
        Ok(SignedIn { session, device: device::cookie(user, self.cookies)? })
    }

    /// Ends all sessions of the user and starts a new one, with the lifetime of the session of the request.
    ///
    /// # Errors
    ///
    /// When a statement fails.
    pub fn replace_sessions(&self, user: &User, connection: &mut Connection) -> AppResult<SignedIn> {
        let lifetime = self.session(connection)?.map(|(session, _)| session.expires_at - session.created_at);
        Session::end_all(user, connection)?;
        self.sign_in(user, lifetime >= Some(TimeDelta::days(REMEMBERED_DAYS)), connection)
    }

    /// Ends the session of the request.
    ///
    /// # Errors
    ///
    /// When the statement fails.
    pub fn end_session(&self, connection: &mut Connection) -> AppResult<()> {
        match &self.token_hash {
            Some(hash) => Ok(Session::end(hash, connection)?),
            None => Ok(()),
        }
    }

    /// Deletes the session cookie.
    pub fn remove_cookie(&self, jar: &CookieJar<'_>) {
        jar.remove(self.cookies.make(NAME, String::new()));
    }
}

/// The cookies of a new session, to be sent to the browser.
#[must_use]
pub struct SignedIn {
    session: Cookie<'static>,
    device: Cookie<'static>,
}

impl SignedIn {
    /// Sets the cookies of the session and of the known device.
    pub fn set_cookies(self, jar: &CookieJar<'_>) {
        jar.add(self.session);
        jar.add_private(self.device);
    }
}

/// The current time in UTC, with the precision of the database.
#[must_use]
pub fn now() -> NaiveDateTime {
    Utc::now().naive_utc().trunc_subsecs(6)
}
