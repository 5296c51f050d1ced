//! Protection against cross-site request forgery: rejects forms that another site sends, before a handler runs.
//!
//! Browsers state where a request comes from in `Sec-Fetch-Site`; older ones in `Origin`. A client that sends neither header
//! is not a browser and has no user's cookies, so its requests are accepted.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Method;
use rocket::request::Request;
use rocket::{get, routes, uri};

use super::error::AppError;
use super::response::HandlerResult;

/// The fairing that rejects them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("CSRF protection", |rocket| async {
        rocket.mount("/", routes![rejected]).attach(AdHoc::on_request("CSRF protection", |request, _| {
            Box::pin(async move {
                if !is_safe(request.method()) && !is_same_origin(request) {
                    // A fairing cannot respond, but it can route the request to a handler that rejects it.
                    request.set_method(Method::Get);
                    request.set_uri(uri!(rejected));
                }
            })
        }))
    })
}

#[get("/cross-site-request-rejected")]
fn rejected() -> HandlerResult {
    Err(AppError::Forbidden)
}

/// Whether the method changes nothing (RFC 9110, 9.2.1).
fn is_safe(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head | Method::Options | Method::Trace)
}

fn is_same_origin(request: &Request<'_>) -> bool {
    let headers = request.headers();
    if let Some(site) = headers.get_one("Sec-Fetch-Site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get_one("Origin") else { return true };
    let public = request.rocket().state::<Config>().and_then(|config| config.public_address.as_deref());
    let host = request.headers().get_one("Host");
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    // A proxy may use another host name than the public one. The scheme must be the public one.
    let is_public_scheme =
        public.and_then(|public| public.split_once("://")).is_none_or(|(expected, _)| expected == scheme);
    public == Some(origin) || is_public_scheme && Some(authority) == host
}
