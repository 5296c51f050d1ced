//! Who is asking: a cookie holds a random token, the database its SHA-256, and a session leads to a user.

mod device;
pub mod password;
mod throttle;
pub(super) mod token;

use std::num::NonZeroU32;

use chrono::{NaiveDateTime, SubsecRound, TimeDelta, Utc};
use config::Config;
use migrate::Connection;
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
use crate::site::cookies::Cookies;
use crate::site::{AppError, AppResult, pool};

/// The fairing that has what signing in needs.
#[must_use]
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Accounts", |rocket| async {
        let config = rocket.state::<Config>();
        let throttle = Throttle::new(config.map_or(NonZeroU32::MIN, |config| config.attempts_per_minute));
        rocket.manage(Passwords::default()).manage(throttle)
    })
}

/// The cookie that holds the token.
const NAME: &str = "session";

/// Whether the request carries what looks like a session, valid or not.
pub fn has_session_cookie(request: &Request<'_>) -> bool {
    request.cookies().get(&Cookies::of(request).name(NAME)).is_some()
}

/// How long a session lasts when the reader asked to be remembered, in days.
const REMEMBERED: i64 = 30;

/// How long it lasts else, in hours: a browser may stay open for long.
const UNTIL_CLOSED: i64 = 12;

/// Whoever sent the request, as far as the request itself tells. Who that is, the database knows:
/// [`load`](Visitor::load) and [`require`](Visitor::require) ask it among the request's other queries.
#[derive(Debug, Clone)]
pub struct Visitor {
    token_hash: Option<String>,
    user_agent: String,
    cookies: Cookies,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Visitor {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let cookies = Cookies::of(request);
        let token = request.cookies().get(&cookies.name(NAME)).and_then(|cookie| Token::parse(cookie.value()));
        let user_agent = request.headers().get_one("User-Agent").unwrap_or_default().to_owned();
        Outcome::Success(Self { token_hash: token.map(|token| token.hash()), user_agent, cookies })
    }
}

impl Visitor {
    /// Whether the request carries a token, valid or not.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token_hash.is_some()
    }

    /// The user who is signed in, if any, who is now noted as being here.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn load(&self, connection: &mut Connection) -> AppResult<Option<User>> {
        Ok(self.session(connection)?.map(|(_, user)| user))
    }

    /// The user who is signed in.
    ///
    /// # Errors
    ///
    /// [`AppError::SignInFirst`] when nobody is; when the query fails.
    pub fn require(&self, connection: &mut Connection) -> AppResult<User> {
        self.load(connection)?.ok_or(AppError::SignInFirst)
    }

    /// The session and its user.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn session(&self, connection: &mut Connection) -> AppResult<Option<(Session, User)>> {
        let Some(hash) = &self.token_hash else { return Ok(None) };
        let mut found = Session::find(hash, now(), connection)?;
        if let Some((_, user)) = &mut found
            && !user.was_just_here(now())
            && let Err(error) = pool::waiting_briefly(connection, |connection| user.seen(now(), connection))
        {
            // A page is neither to fail nor to wait because another program writes for long.
            log::info!("last_seen of {user:?}: {error}");
        }
        Ok(found)
    }

    /// Begins a session for that user, in place of the one that the request came with.
    ///
    /// # Errors
    ///
    /// When a statement fails.
    pub fn sign_in(&self, user: &User, remember_me: bool, connection: &mut Connection) -> AppResult<SignedIn> {
        self.end_session(connection)?;
        let token = Token::random();
        let lifetime = if remember_me { TimeDelta::days(REMEMBERED) } else { TimeDelta::hours(UNTIL_CLOSED) };
        let hash = token.hash();
        NewSession {
            user_id: user.id,
            token_hash: &hash,
            created_at: now(),
            expires_at: now() + lifetime,
            user_agent: &self.user_agent,
        }
        .insert(connection)?;
        let mut session = self.cookies.make(NAME, token.to_string());
        if remember_me {
            session.set_max_age(rocket::time::Duration::days(REMEMBERED));
        }
        Ok(SignedIn { session, device: device::cookie(user, self.cookies) })
    }

    /// Begins a session in place of all that the user has, which lasts as long as the one that the request came with.
    ///
    /// # Errors
    ///
    /// When a statement fails.
    pub fn sign_in_anew(&self, user: &User, connection: &mut Connection) -> AppResult<SignedIn> {
        let lifetime = self.session(connection)?.map(|(session, _)| session.expires_at - session.created_at);
        Session::end_all(user, connection)?;
        self.sign_in(user, lifetime >= Some(TimeDelta::days(REMEMBERED)), connection)
    }

    /// Ends the session that the request came with.
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

    /// Has the browser forget its token.
    pub fn forget(&self, jar: &CookieJar<'_>) {
        jar.remove(self.cookies.make(NAME, String::new()));
    }
}

/// A session has begun: the cookies are still to be handed to the browser.
#[must_use]
pub struct SignedIn {
    session: Cookie<'static>,
    device: Cookie<'static>,
}

impl SignedIn {
    /// Hands the browser the token, and has it known as one of the user's.
    pub fn remember(self, jar: &CookieJar<'_>) {
        jar.add(self.session);
        jar.add_private(self.device);
    }
}

/// Now, in UTC, as exact as the database keeps it.
#[must_use]
pub fn now() -> NaiveDateTime {
    Utc::now().naive_utc().trunc_subsecs(6)
}
