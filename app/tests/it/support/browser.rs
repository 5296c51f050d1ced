//! A browser of a user, which follows no redirects.

use app::models::User;
use app::models::session::NewSession;
use rocket::http::{ContentType, RawStr};
use rocket::local::blocking::{Client, LocalRequest};
use sha2::{Digest as _, Sha256};

use super::TestDb;

/// A browser with its cookies.
pub struct Browser {
    pub client: Client,
    token: Option<String>,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub location: Option<String>,
    pub body: String,
}

impl Browser {
    /// A browser in which no user is signed in.
    pub fn new(db: &TestDb) -> Self {
        Self { client: db.site(), token: None }
    }

    /// A browser in which the user is signed in.
    pub fn signed_in(db: &mut TestDb, user: &User) -> Self {
        let mut token = [0; 32];
        getrandom::fill(&mut token).unwrap();
        let digit = |text: String, byte: &u8| text + &format!("{byte:02x}");
        let hexadecimal = |bytes: &[u8]| bytes.iter().fold(String::new(), digit);
        let now = chrono::Utc::now().naive_utc();
        NewSession {
            user_id: user.id,
            token_hash: &hexadecimal(&Sha256::digest(token)),
            created_at: now,
            expires_at: now + chrono::TimeDelta::hours(1),
            user_agent: "test",
            client_ip: "192.0.2.1",
        }
        .insert(&mut db.connection)
        .unwrap();
        Self { client: db.site(), token: Some(hexadecimal(&token)) }
    }

    pub fn get(&self, path: &str) -> Response {
        self.send(self.client.get(path.to_owned()))
    }

    /// Sends a form.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let encoded = |text: &str| RawStr::new(text).percent_encode().to_string();
        let form: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.send(self.client.post(path.to_owned()).header(ContentType::Form).body(form.join("&")))
    }

    fn send(&self, mut request: LocalRequest<'_>) -> Response {
        if let Some(token) = &self.token {
            request = request.cookie(("session", token.clone()));
        }
        let response = request.dispatch();
        Response {
            status: response.status().code,
            location: response.headers().get_one("Location").map(str::to_owned),
            body: response.into_string().unwrap_or_default(),
        }
    }
}

/// The target of the link with that text.
pub fn link<'a>(page: &'a str, text: &str) -> Option<&'a str> {
    let before = &page[..page.find(&format!(">{text}</a>"))?];
    let tag = &before[before.rfind("<a ")?..];
    tag.split_once("href=\"")?.1.split('"').next()
}
