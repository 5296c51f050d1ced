//! The headers that protect a reader, on every answer.

use config::Config;
use rocket::Rocket;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Header;
use rocket::shield::Shield;

/// What a page of the site may do: load our own style sheet, script and pictures, and send our own forms.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The fairing that sets them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Headers", |rocket: Rocket<rocket::Build>| async {
        let config = rocket.state::<Config>();
        let hsts_days = config.map_or(0, |config| config.hsts_days);
        // Rocket's own shield is replaced by an empty one, so that all headers are in one place.
        rocket.attach(Shield::new()).attach(AdHoc::on_response("Headers", move |_, response| {
            Box::pin(async move {
                response.set_header(Header::new("Content-Security-Policy", CONTENT_SECURITY_POLICY));
                response.set_header(Header::new("X-Content-Type-Options", "nosniff"));
                response.set_header(Header::new("Referrer-Policy", "strict-origin-when-cross-origin"));
                response.set_header(Header::new("Cross-Origin-Opener-Policy", "same-origin"));
                if hsts_days > 0 {
                    let seconds = u32::from(hsts_days) * 86_400;
                    response.set_header(Header::new("Strict-Transport-Security", format!("max-age={seconds}")));
                }
            })
        }))
    })
}
