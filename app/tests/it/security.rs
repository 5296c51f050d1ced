//! Security headers, protection against cross-site request forgery, and the attributes of cookies.

use crate::support::{PASSWORD, TestDb, post, sign_in};
use app::models::Post;
use rocket::http::{ContentType, Header, Method, Status};
use rocket::local::blocking::LocalResponse;

#[test]
fn every_response_has_the_security_headers() {
    let db = TestDb::new();
    let site = db.site();
    for path in ["/", "/login", "/health", "/static/style.css", "/nowhere"] {
        let response = site.get(path).dispatch();
        let headers = response.headers();
        let policy = headers.get_one("Content-Security-Policy").unwrap();
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers.get_one("X-Content-Type-Options"), Some("nosniff"), "{path}");
        assert!(headers.contains("Referrer-Policy") && headers.contains("Cache-Control"), "{path}");
    }
}

#[test]
fn pages_have_no_inline_scripts_or_styles() {
    let db = TestDb::new();
    let site = db.site();
    for path in ["/", "/login", "/nowhere"] {
        let page = site.get(path).dispatch().into_string().unwrap();
        for forbidden in ["<script>", "<style", " style=", " onclick=", "javascript:"] {
            assert!(!page.contains(forbidden), "{path}: {forbidden}");
        }
    }
}

fn send(headers: &[(&'static str, &'static str)]) -> Status {
    send_to("", headers)
}

/// Signs in on a site with that public address.
fn send_to(address: &str, headers: &[(&'static str, &'static str)]) -> Status {
    let mut db = TestDb::new();
    db.user_with_password("john");
    let site = db.site_with(&[("MICROBLOG_PUBLIC_ADDRESS", address)][usize::from(address.is_empty())..]);
    let mut request = site.post("/login").header(ContentType::Form).body("login=john&password=correct+horse");
    for (name, value) in headers {
        request = request.header(Header::new(*name, *value));
    }
    request.dispatch().status()
}

#[test]
fn same_origin_forms_are_accepted() {
    let host = ("Host", "blog.example.org");
    assert_eq!(send(&[("Sec-Fetch-Site", "same-origin")]), Status::SeeOther);
    assert_eq!(send(&[("Sec-Fetch-Site", "none")]), Status::SeeOther);
    assert_eq!(send(&[host, ("Origin", "https://blog.example.org")]), Status::SeeOther);
    assert_eq!(send(&[]), Status::SeeOther, "not a browser");
}

#[test]
fn cross_site_forms_are_rejected() {
    let host = ("Host", "blog.example.org");
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Site", ""),
        ("Origin", "https://evil.example.org"),
        ("Origin", "https://blog.example.org.evil.example"),
        ("Origin", "null"),
        ("Origin", ""),
    ] {
        assert_eq!(send(&[host, (name, value)]), Status::Forbidden, "{name}: {value}");
    }
}

#[test]
fn forms_from_http_are_rejected_on_https() {
    let address = "https://blog.example.org";
    let host = ("Host", "blog.example.org");
    assert_eq!(send_to(address, &[host, ("Origin", "http://blog.example.org")]), Status::Forbidden);
    assert_eq!(send_to(address, &[host, ("Origin", address)]), Status::SeeOther);
    let inside = [("Host", "10.0.0.1:8000"), ("Origin", address)];
    assert_eq!(send_to(address, &inside), Status::SeeOther, "the proxy uses another host name");
}

#[test]
fn every_route_rejects_cross_site_forms() {
    let mut db = TestDb::new();
    let john = db.user_with_password("john");
    let post = db.post(&john, "stays", 0);
    let site = db.site();
    sign_in(&site, "john", PASSWORD);
    let routes: Vec<_> = site.rocket().routes().collect();
    assert!(routes.iter().filter(|route| route.method == Method::Post).count() > 5);
    for route in routes {
        let path = route.uri.origin.path().segments();
        let path: Vec<_> = path.map(|part| if part.starts_with('<') { "1" } else { part }).collect();
        let unsafe_method = if route.method == Method::Get { Method::Post } else { route.method };
        for method in [Method::Post, unsafe_method] {
            let request = site.req(method, format!("/{}", path.join("/"))).header(ContentType::Form);
            let request = request.header(Header::new("Sec-Fetch-Site", "cross-site"));
            let response = request.body("password=correct+horse").dispatch();
            assert_eq!(response.status(), Status::Forbidden, "{route}");
            assert!(response.into_string().unwrap().contains("You may not do this from here."));
        }
    }
    assert_eq!(Post::all(&mut db.connection).unwrap(), [post]);
    assert_eq!(site.get("/account").dispatch().status(), Status::Ok, "still signed in");
}

/// All cookies that a site with that public address sets and deletes: while a user registers, signs out, signs in, writes
/// a post and deletes the account.
fn cookies(address: &str) -> Vec<String> {
    let db = TestDb::new();
    let site = db.site_with(&[("MICROBLOG_PUBLIC_ADDRESS", address)]);
    let mut cookies = Vec::new();
    let mut see = |response: LocalResponse<'_>, status: Status| {
        assert_eq!(response.status(), status);
        cookies.extend(response.headers().get("Set-Cookie").map(str::to_owned));
    };
    let form = [("nickname", "susan"), ("email", "susan@example.org"), ("password", PASSWORD)];
    see(post(&site, "/register", &form), Status::SeeOther);
    see(site.get("/").dispatch(), Status::Ok);
    see(post(&site, "/logout", &[]), Status::SeeOther);
    see(site.get("/account").dispatch(), Status::SeeOther);
    see(post(&site, "/login", &[("login", "susan"), ("password", "not this one")]), Status::UnprocessableEntity);
    let credentials = [("login", "susan"), ("password", PASSWORD), ("remember_me", "on")];
    see(post(&site, "/login", &credentials), Status::SeeOther);
    see(post(&site, "/", &[("body", "hello")]), Status::SeeOther);
    see(post(&site, "/account/delete", &[("password", PASSWORD)]), Status::SeeOther);
    cookies
}

#[test]
fn every_cookie_has_the_security_attributes() {
    let plain = cookies("http://blog.example.org");
    let secure = cookies("https://blog.example.org");
    for (prefix, cookies) in [("", &plain), ("__Host-", &secure)] {
        for name in ["session", "device", "flash"] {
            let name = format!("{prefix}{name}=");
            assert!(cookies.iter().any(|cookie| cookie.starts_with(&name)), "{name} {cookies:?}");
        }
    }
    for cookie in plain.iter().chain(&secure) {
        for part in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(cookie.contains(part), "{part}: {cookie}");
        }
    }
    assert!(plain.iter().all(|cookie| !cookie.contains("Secure")), "{plain:?}");
    for cookie in &secure {
        let is_bound = cookie.starts_with("__Host-") && cookie.contains("; Secure") && !cookie.contains("Domain");
        assert!(is_bound, "{cookie}");
    }
}

#[test]
fn hsts_is_sent_only_when_configured() {
    let db = TestDb::new();
    let https = ("MICROBLOG_PUBLIC_ADDRESS", "https://blog.example.org");
    let header = |settings: &[(&str, &str)]| {
        let site = db.site_with(settings);
        let response = site.get("/").dispatch();
        response.headers().get_one("Strict-Transport-Security").map(str::to_owned)
    };
    assert_eq!(header(&[https]), None);
    assert_eq!(header(&[https, ("MICROBLOG_HSTS_DAYS", "365")]).as_deref(), Some("max-age=31536000"));
}
