//! Error pages, and their JSON for clients that prefer it.

use crate::support::{Browser, Server, TestDb};
use app::site::Db;
use diesel::connection::SimpleConnection;
use rocket::http::{Accept, ContentType, Header, Method, Status};
use rocket::local::blocking::{Client, LocalRequest};
use rocket_db_pools::{Database, Pool};

/// Asserts that an error is shown as a page and in JSON.
fn assert_error<'c>(
    site: &'c Client,
    status: Status,
    sentence: &str,
    request: impl Fn(&'c Client) -> LocalRequest<'c>,
) {
    let response = request(site).header(Accept::HTML).dispatch();
    assert_eq!((response.status(), response.content_type()), (status, Some(ContentType::HTML)));
    let page = response.into_string().unwrap();
    assert!(page.contains(sentence) && page.contains("<main") && page.contains(&status.code.to_string()), "{page}");

    let response = request(site).header(Accept::JSON).dispatch();
    assert_eq!((response.status(), response.content_type()), (status, Some(ContentType::JSON)));
    let json = response.into_string().unwrap();
    let start = format!("{{\"code\":{},\"title\":\"{}\",\"sentence\":\"{sentence}", status.code, status.reason_lossy());
    assert!(json.starts_with(&start), "{json}");
}

#[test]
fn errors_are_pages_and_json() {
    let mut db = TestDb::new();
    let site = db.site_with(&[("MICROBLOG_SEARCHES_PER_MINUTE", "1")]);
    let form = |site| Client::post(site, "/login").header(ContentType::Form);
    assert_error(&site, Status::NotFound, "There is nothing at this address.", |site| site.get("/nowhere"));
    assert_error(&site, Status::Forbidden, "You may not do this from here.", |site| {
        form(site).header(Header::new("Sec-Fetch-Site", "cross-site"))
    });
    assert_eq!(site.get("/search?q=a").dispatch().status(), Status::Ok);
    let wait = "That was too often. Please try again in ";
    assert_error(&site, Status::TooManyRequests, wait, |site| site.get("/search?q=a"));
    let method = "This address does not take that kind of request.";
    assert_error(&site, Status::MethodNotAllowed, method, |site| site.put("/explore"));
    db.connection.batch_execute("ALTER TABLE posts RENAME TO gone").unwrap();
    assert_error(&site, Status::InternalServerError, "Something went wrong on our side.", |site| site.get("/"));
}

#[test]
fn form_errors_are_available_as_json() {
    let db = TestDb::new();
    let site = db.site();
    let form = site.post("/register").header(ContentType::Form).header(Accept::JSON);
    let response = form.body("nickname=su+san&email=susan%40example.org&password=hunter2").dispatch();
    assert_eq!((response.status(), response.content_type()), (Status::UnprocessableEntity, Some(ContentType::JSON)));
    assert_eq!(
        response.into_string().unwrap(),
        "{\"code\":422,\"title\":\"Unprocessable Entity\",\"sentence\":\"What was sent is not what this page takes.\",\
         \"fields\":{\"nickname\":\"A nickname has letters from A to Z, digits, dots and underscores only.\",\
         \"password\":\"A password has 8 to 128 characters.\"}}"
    );
}

/// The path of every route with parameters, with `value` for each parameter.
fn paths(site: &Client, value: &str) -> Vec<(Method, String)> {
    let replace = |part: &str| if part.starts_with('<') { value.to_owned() } else { part.to_owned() };
    site.rocket()
        .routes()
        // An unused tag has a page without posts.
        .filter(|route| !route.uri.path().starts_with("/tag/"))
        .filter(|route| route.uri.path().contains('<') && !route.uri.path().contains("..>"))
        .map(|route| (route.method, route.uri.path().split('/').map(replace).collect::<Vec<_>>().join("/")))
        .collect()
}

#[test]
fn unknown_values_in_a_path_are_404() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let site = Browser::signed_in(&mut db, &john);
    for value in ["x", "0", "-1", "1.5", "99999999999999999999", "%00", "%ff", "%2F", "a%20b"] {
        let paths = paths(&site.client, value);
        assert!(paths.len() > 8, "{paths:?}");
        for (method, path) in paths {
            let response = if method == Method::Post { site.post(&path, &[]) } else { site.get(&path) };
            assert_eq!(response.status, 404, "{method} {path}");
            assert!(response.body.contains("There is nothing at this address."), "{path}: {response:?}");
        }
    }
}

#[test]
fn an_error_page_has_the_users_menu() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let site = Browser::signed_in(&mut db, &john);
    for path in ["/nowhere", "/user/nobody", "/post/x"] {
        let page = site.get(path);
        assert!(page.status == 404 && page.body.contains("Signed in as john"), "{page:?}");
        assert!(Browser::new(&db).get(path).body.contains(">Sign in</a>"));
    }
    db.connection.batch_execute("DROP TABLE sessions").unwrap();
    let page = site.get("/nowhere");
    assert!(page.status == 404 && page.body.contains("There is nothing at this address."), "{page:?}");
}

#[test]
fn a_busy_pool_is_503_with_retry_after() {
    let db = TestDb::new();
    let site = db.site_with_rocket(&[("databases", "{microblog={max_connections=1,connect_timeout=1}}")]);
    let pool = Db::fetch(site.rocket()).unwrap();
    let held = rocket::tokio::runtime::Runtime::new().unwrap().block_on(pool.get()).unwrap();
    assert_error(&site, Status::ServiceUnavailable, "The site is too busy just now.", |site| site.get("/"));
    assert_eq!(site.get("/").dispatch().headers().get_one("Retry-After"), Some("5"));
    drop(held);
}

#[test]
fn a_form_that_is_too_large_is_rejected() {
    let db = TestDb::new();
    let site = db.site();
    let text = "x".repeat(40_000);
    for (kind, status, sentence, body) in [
        (ContentType::Form, Status::PayloadTooLarge, "What was sent is too large.", format!("login={text}")),
        (
            ContentType::FormData.with_params([("boundary", "line")]),
            // Rocket treats the truncated form as invalid.
            Status::BadRequest,
            "The request cannot be understood.",
            format!("--line\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\n{text}\r\n--line--\r\n"),
        ),
    ] {
        let response = site.post("/login").header(kind.clone()).body(body).dispatch();
        assert_eq!(response.status(), status, "{kind}");
        assert!(response.into_string().unwrap().contains(sentence));
    }
}

#[test]
fn an_internal_error_is_logged_with_the_id_on_the_page() {
    let mut db = TestDb::new();
    let server = Server::start(db.folder.path(), &[]);
    db.connection.batch_execute("ALTER TABLE posts RENAME TO gone").unwrap();
    let page = server.get("/explore");
    let cause = if db.url.is_postgres() { "relation \"posts\" does not exist" } else { "no such table: posts" };
    assert!(page.starts_with("HTTP/1.1 500") && !page.contains(cause), "{page}");
    let id = page.split_once("<code>").unwrap().1.split_once("</code>").unwrap().0.to_owned();
    let log = server.stop().stderr;
    assert_eq!((log.lines().count(), id.len()), (1, 8), "{log}");
    assert!(log.starts_with(&format!("error: {id} GET /explore: {cause}")), "{log}");
}

#[test]
fn a_locked_database_is_503() {
    let mut db = TestDb::on_sqlite();
    let susan = db.user("susan");
    let browser = Browser::signed_in(&mut db, &susan);
    db.connection.batch_execute("BEGIN IMMEDIATE").unwrap();
    let response = browser.post("/", &[("body", "hello")]);
    assert_eq!(response.status, 503, "{response:?}");
    db.connection.batch_execute("ROLLBACK").unwrap();
    assert_eq!(browser.post("/", &[("body", "hello")]).status, 303);
}

#[test]
fn another_method_is_405_and_names_the_methods() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let site = Browser::signed_in(&mut db, &john).client;
    for (method, path, allowed) in [
        (Method::Put, "/", Some("GET, HEAD, POST")),
        (Method::Options, "/explore", Some("GET, HEAD")),
        (Method::Delete, "/user/john", Some("GET, HEAD")),
        (Method::Patch, "/post/1/delete", Some("GET, HEAD, POST")),
        (Method::Get, "/user/john/follow", Some("POST")),
        (Method::Post, "/explore", Some("GET, HEAD")),
        (Method::Put, "/nowhere", None),
        (Method::Get, "/user/nobody", None),
    ] {
        let response = site.req(method, path).dispatch();
        let status = if allowed.is_some() { Status::MethodNotAllowed } else { Status::NotFound };
        assert_eq!((response.status(), response.headers().get_one("Allow")), (status, allowed), "{method} {path}");
    }
}
