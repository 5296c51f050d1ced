//! Refuses forms that another site sends in a reader's name (cross-site request forgery), before any handler runs.
//!
//! A browser says where a request comes from: `Sec-Fetch-Site`, or `Origin` in an older one. A program that is no
//! browser says neither and carries no cookies of a reader, so it may pass.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::{Method, Status};
use rocket::request::Request;
use rocket::{get, routes, uri};

/// The fairing that refuses them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Origin", |rocket| async {
        rocket.mount("/", routes![refused]).attach(AdHoc::on_request("Origin", |request, _| {
            Box::pin(async move {
                if changes_something(request.method()) && !is_from_here(request) {
                    // A fairing cannot answer. It can send the request to a handler that refuses.
                    request.set_method(Method::Get);
                    request.set_uri(uri!(refused));
                }
            })
        }))
    })
}

#[get("/cross-site-request-refused")]
fn refused() -> Status {
    Status::Forbidden
}

fn changes_something(method: Method) -> bool {
    !matches!(method, Method::Get | Method::Head | Method::Options | Method::Trace)
}

fn is_from_here(request: &Request<'_>) -> bool {
    let headers = request.headers();
    if let Some(site) = headers.get_one("Sec-Fetch-Site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get_one("Origin") else { return true };
    let public = request.rocket().state::<Config>().and_then(|config| config.public_address.as_deref());
    let host = request.headers().get_one("Host");
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    // The site may be asked by another name than its public one, but by no other scheme.
    let is_scheme_ours = public.and_then(|public| public.split_once("://")).is_none_or(|(ours, _)| ours == scheme);
    public == Some(origin) || is_scheme_ours && Some(authority) == host
}
