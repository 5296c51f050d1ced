//! Static files are kept by browsers for ever, under links that change with what is in them.

#![cfg(feature = "site")]

mod support;

use rocket::http::{ContentType, Status};
use rocket::local::blocking::Client;
use support::TestDb;

/// The links to static files of the front page.
fn links(site: &Client) -> Vec<String> {
    let page = site.get("/").dispatch().into_string().unwrap();
    page.split('"').filter(|part| part.starts_with("/static/")).map(str::to_owned).collect()
}

#[test]
fn a_page_links_a_style_sheet_a_script_and_an_icon_that_are_kept_for_ever() {
    let db = TestDb::new();
    let site = db.site();
    let links = links(&site);
    for (name, content_type) in
        [("style.css", ContentType::CSS), ("app.js", ContentType::JavaScript), ("icon.svg", ContentType::SVG)]
    {
        let link = links.iter().find(|link| link.ends_with(name)).unwrap_or_else(|| panic!("{name}: {links:?}"));
        let answer = site.get(link).dispatch();
        assert_eq!((answer.status(), answer.content_type()), (Status::Ok, Some(content_type)), "{link}");
        assert_eq!(answer.headers().get_one("Cache-Control"), Some("public, max-age=31536000, immutable"), "{link}");
    }
}

#[test]
fn the_link_of_a_page_from_before_a_deploy_gives_what_is_there_now_and_is_not_kept() {
    let db = TestDb::new();
    let site = db.site();
    let answer = site.get("/static/0123456789abcdef/style.css").dispatch();
    assert_eq!((answer.status(), answer.headers().get_one("Cache-Control")), (Status::Ok, Some("no-cache")));
    let now = site.get(links(&site).into_iter().find(|link| link.ends_with("style.css")).unwrap()).dispatch();
    assert_eq!(answer.into_string(), now.into_string());
}

#[test]
fn nothing_but_the_static_files_is_served_there() {
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
fn the_style_sheet_and_the_script_stay_small() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    for (name, most) in [("style.css", 12 * 1024), ("app.js", 6 * 1024)] {
        let size = std::fs::metadata(folder.join(name)).unwrap().len();
        assert!(size <= most, "{name} has {size} bytes");
    }
}
