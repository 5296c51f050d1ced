//! The security headers of every response.

use config::Config;
use rocket::Rocket;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Header;
use rocket::shield::Shield;

/// A page may load the site's own style sheet, script and images, and send forms to the site.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The fairing that sets them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Headers", |rocket: Rocket<rocket::Build>| async {
        let config = rocket.state::<Config>();
        let hsts_days = config.map_or(0, |config| config.hsts_days);
        // An empty shield replaces Rocket's default one, so that all headers are set here.
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
