//! Static files: cached forever, with links that change with the content.

use crate::support::TestDb;
use rocket::http::{ContentType, Status};
use rocket::local::blocking::Client;

/// The links to static files on the front page.
fn links(site: &Client) -> Vec<String> {
    let page = site.get("/").dispatch().into_string().unwrap();
    page.split('"').filter(|part| part.starts_with("/static/")).map(str::to_owned).collect()
}

#[test]
fn linked_files_are_cached_forever() {
    let db = TestDb::new();
    let site = db.site();
    let links = links(&site);
    for (name, content_type) in
        [("style.css", ContentType::CSS), ("app.js", ContentType::JavaScript), ("icon.svg", ContentType::SVG)]
    {
        let link = links.iter().find(|link| link.ends_with(name)).unwrap_or_else(|| panic!("{name}: {links:?}"));
        let response = site.get(link).dispatch();
        assert_eq!((response.status(), response.content_type()), (Status::Ok, Some(content_type)), "{link}");
        assert_eq!(response.headers().get_one("Cache-Control"), Some("public, max-age=31536000, immutable"), "{link}");
    }
}

#[test]
fn an_outdated_link_serves_the_current_file_uncached() {
    let db = TestDb::new();
    let site = db.site();
    let response = site.get("/static/0123456789abcdef/style.css").dispatch();
    assert_eq!((response.status(), response.headers().get_one("Cache-Control")), (Status::Ok, Some("no-cache")));
    let now = site.get(links(&site).into_iter().find(|link| link.ends_with("style.css")).unwrap()).dispatch();
    assert_eq!(response.into_string(), now.into_string());
}

#[test]
fn only_static_files_are_served() {
    let db = TestDb::new();
    let site = db.site();
    let link = links(&site).remove(0);
    let folder = link.rsplit_once('/').unwrap().0;
    for path in [
        "/static/".to_owned(),
        "/static/style.css".to_owned(),
        format!("{folder}/"),
        format!("{folder}/x.css"),
        format!("{folder}/../../Cargo.toml"),
        format!("{folder}/..%2f..%2fCargo.toml"),
        format!("{folder}/%2e%2e/%2e%2e/Cargo.toml"),
    ] {
        assert_ne!(site.get(&path).dispatch().status(), Status::Ok, "{path}");
    }
}

#[test]
fn style_sheet_and_script_are_small() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    for (name, most) in [("style.css", 12 * 1024), ("app.js", 6 * 1024)] {
        let size = std::fs::metadata(folder.join(name)).unwrap().len();
        assert!(size <= most, "{name} has {size} bytes");
    }
}
