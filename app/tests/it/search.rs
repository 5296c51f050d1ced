//! Full text search for posts and people.

use crate::support::{self, Browser, TestDb};
use app::models::search::{self, FoundPost, SearchTerms};
use app::models::{NewPost, Post, User};
use app::schema::posts;
use diesel::prelude::*;
use diesel_autogen::Target;

fn posts(db: &mut TestDb, typed: &str) -> Vec<FoundPost> {
    search::posts(&SearchTerms::new(typed), 0, 100, &mut db.connection).unwrap()
}

fn bodies(db: &mut TestDb, typed: &str) -> Vec<String> {
    posts(db, typed).into_iter().map(|found| found.post.0.body).collect()
}

fn people(db: &mut TestDb, typed: &str) -> Vec<String> {
    let found = search::people(&SearchTerms::new(typed), 10, &mut db.connection).unwrap();
    found.into_iter().map(|found| found.user.nickname).collect()
}

#[test]
fn posts_match_all_terms_and_are_ranked() {
    let mut db = TestDb::new();
    let john = db.user("john");
    for (second, body) in
        ["Grüße, Flask!", "flask and many other words that have nothing to do with it", "flask flask", "Django"]
            .into_iter()
            .enumerate()
    {
        db.post(&john, body, i64::try_from(second).unwrap());
    }
    assert_eq!(
        bodies(&mut db, "FLASK"),
        ["flask flask", "Grüße, Flask!", "flask and many other words that have nothing to do with it"]
    );
    assert_eq!(bodies(&mut db, "flask grusse"), [""; 0]);
    assert_eq!(bodies(&mut db, "flask gruße"), ["Grüße, Flask!"]);
    let marks = posts(&mut db, "gruße flask")[0].marks.clone();
    assert_eq!(marks.into_iter().map(|mark| &"Grüße, Flask!"[mark]).collect::<Vec<_>>(), ["Grüße", "Flask"]);
}

#[test]
fn people_match_by_prefix_of_nickname_or_about_me() {
    let mut db = TestDb::new();
    let (susan, mary) = (db.user("susan"), db.user("mary"));
    mary.set_profile("mary", "a friend of susan", &mut db.connection).unwrap();
    assert_eq!(people(&mut db, "sus"), ["susan", "mary"]);
    assert_eq!(people(&mut db, "friend"), ["mary"]);
    susan.set_profile("sue", "", &mut db.connection).unwrap();
    assert_eq!(people(&mut db, "susan"), ["mary"]);
    assert_eq!(people(&mut db, "sue"), ["sue"]);
    db.user("susanna");
    db.user("sus");
    assert_eq!(people(&mut db, "sus"), ["sus", "susanna", "mary"]);
    assert_eq!(people(&mut db, "s"), [""; 0], "one letter is a word, not a prefix");
}

#[test]
fn a_nickname_is_found_among_many_newer_matches() {
    let mut db = TestDb::new();
    let mary = db.user("mary");
    for number in 0..250 {
        db.user(&format!("mary.{number}"));
    }
    assert_eq!(people(&mut db, "MARY")[0], mary.nickname);
    assert_eq!(people(&mut db, "mary").len(), 10);
}

#[test]
fn the_cost_of_a_query_is_bounded() {
    let mut db = TestDb::new();
    db.user("susan");
    let words = SearchTerms::new(&"m ma mab 1 2 3 4 5 6 7 8 ".repeat(20));
    let asked = support::queries(&mut db, |db| {
        search::people(&words, 10, db).unwrap();
        search::posts(&words, 0, 20, db).unwrap();
    });
    let bounded = asked.iter().filter(|query| {
        query.contains("ORDER BY rowid DESC LIMIT 200") || query.contains("ORDER BY id DESC LIMIT 200")
    });
    assert_eq!(bounded.count(), 2, "{asked:#?}");
    let longest = asked.iter().map(String::len).max().unwrap();
    assert!(longest < 1500, "eight words, each once: {asked:#?}");
}

#[test]
fn a_long_search_is_ended() {
    let Some(mut db) = TestDb::on_postgresql() else { return };
    let sleep = |connection: &mut diesel_autogen::Connection| {
        diesel::sql_query("SELECT pg_sleep(60)").execute(connection).map_err(app::site::AppError::from)
    };
    let ended = search::bounded(&mut db.connection, sleep);
    assert!(matches!(ended, Err(app::site::AppError::Unavailable(_))), "{ended:?}");
}

#[test]
fn searches_are_limited_by_client() {
    let db = TestDb::new();
    let site = db.site_with(&[("MICROBLOG_SEARCHES_PER_MINUTE", "2")]);
    let search = |q: &str, from: [u8; 4]| {
        let response = site.get(format!("/search?q={q}")).remote((from, 4000).into()).dispatch();
        let wait = response.headers().get_one("Retry-After").map(|wait| wait.parse::<u32>().unwrap());
        (response.status().code, wait, response.into_string().unwrap())
    };
    let (here, there) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    assert_eq!((search("a", here).0, search("b", here).0), (200, 200));
    let (status, wait, page) = search("c", here);
    assert!(status == 429 && wait.is_some_and(|wait| (1..=31).contains(&wait)), "{status} {wait:?}");
    assert!(page.contains(&format!("try again in {} second", wait.unwrap())), "{page}");
    assert_eq!((search("", here).0, search("c", there).0), (200, 200), "the empty form, and another client");
}

#[test]
fn results_end_at_the_limit() {
    let mut db = TestDb::new();
    let susan = db.user("susan");
    for number in 0..210 {
        db.post(&susan, "bird", number);
    }
    let site = db.site_with(&[("MICROBLOG_POSTS_PER_PAGE", "100")]);
    let page = |number: u8| site.get(format!("/search?q=bird&page={number}")).dispatch().into_string().unwrap();
    assert!(!page(1).contains("newest 200"));
    let last = page(2);
    assert!(
        last.contains("A search finds the newest 200 posts.") && support::link(&last, "More results").is_none(),
        "{last}"
    );
    let behind = page(3);
    assert!(behind.contains("There are no more results.") && !behind.contains("Nothing was found"), "{behind}");
}

#[test]
fn writing_without_spaces_is_found_at_the_start_of_a_phrase() {
    let mut db = TestDb::new();
    let susan = db.user("susan");
    db.post(&susan, "日本語を話す、東京で", 0);
    assert_eq!((bodies(&mut db, "日本").len(), bodies(&mut db, "東京").len()), (1, 1));
    assert_eq!(bodies(&mut db, "話す"), [""; 0]);
    let page = Browser::new(&db).get("/search?q=%E8%A9%B1%E3%81%99").body;
    assert!(page.contains("only words at the start of a phrase are found"), "{page}");
}

#[test]
fn the_index_follows_changes_of_rows() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    let post = db.post(&john, "first", 0);
    db.post(&susan, "first of hers", 1);
    diesel::update(posts::table.find(post.id)).set(posts::body.eq("second")).execute(&mut db.connection).unwrap();
    assert_eq!(
        (bodies(&mut db, "first"), bodies(&mut db, "second")),
        (vec!["first of hers".into()], vec!["second".into()])
    );
    post.delete(&mut db.connection).unwrap();
    assert_eq!(bodies(&mut db, "second"), [""; 0]);
    susan.delete(&mut db.connection).unwrap();
    assert_eq!((bodies(&mut db, "first"), people(&mut db, "susan")), (vec![], vec![]), "rows deleted by a cascade");
    let fts5 = if db.url.is_postgres() { &[][..] } else { &["posts_search", "users_search"] };
    for index in fts5 {
        let check = format!("INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)");
        diesel::sql_query(check).execute(&mut db.connection).unwrap();
    }
}

#[test]
fn rows_older_than_the_index_are_found() {
    let mut db = TestDb::new();
    let project = db.migrations();
    project.downgrade(Target::version(7)).unwrap();
    let john = "INSERT INTO users (nickname, email) VALUES ('john', 'john@example.org')";
    diesel::sql_query(john).execute(&mut db.connection).unwrap();
    let john = User::by_nickname("john", &mut db.connection).unwrap();
    db.post(&john, "old words", 0);
    project.upgrade(Target::Latest).unwrap();
    assert_eq!(bodies(&mut db, "words"), ["old words"]);
    assert_eq!(people(&mut db, "john"), ["john"]);
    assert_eq!(project.differences(&app::schema::schema()).unwrap(), [], "the comparison ignores the search index");
}

#[test]
fn any_query_is_accepted() {
    let mut db = TestDb::new();
    let john = db.user("john");
    db.post(&john, "to be OR not \"to be\", a NEAR b* c-d ^e {f}", 0);
    for typed in ["OR", "\"to be", "NEAR b", "b*", "c-d", "^e", "{f}", "to AND be", "body:be", "NOT"] {
        let found = bodies(&mut db, typed).len();
        assert_eq!(found, usize::from(!["to AND be", "body:be"].contains(&typed)), "{typed}");
    }
    let site = Browser::signed_in(&mut db, &john);
    for typed in
        ["", "%00", "a%00b", "%22", "%22%22%22", "*", "%27%3B--", "(", "a+OR", "%ff%fe", "%F0%9F%91%8B", "&q=2", "%0a"]
    {
        assert_eq!(site.get(&format!("/search?q={typed}")).status, 200, "{typed}");
    }
    for typed in ["x".repeat(10_000), "x+".repeat(5_000), "%22".repeat(3_000), "a.".repeat(5_000)] {
        assert_eq!(site.get(&format!("/search?q={typed}")).status, 200);
    }
    for page in ["0", "-1", "x", "99999999999999999999", "201"] {
        assert_eq!(site.get(&format!("/search?q=be&page={page}")).status, 200, "{page}");
    }
}

#[test]
fn the_page_marks_matches_and_links_to_more() {
    let mut db = TestDb::new();
    let susan = db.user("susan");
    db.post(&susan, "<b>susan</b> says @susan #susan", 0);
    for number in 1..=4 {
        db.post(&susan, &format!("susan number {number}"), number);
    }
    let site = Browser::new(&db);
    let page = site.get("/search?q=susan%3Cb%3E").body;
    assert!(!page.contains("<b>susan</b> says"), "{page}");
    let page = site.get("/search?q=susan").body;
    assert_eq!(page.matches("<time ").count(), 3, "{page}");
    let first: Vec<_> = page.matches("<mark>susan</mark>").collect();
    assert_eq!(first.len(), 1 + 5, "the first post matches three times: {page}");
    let next = support::link(&page, "More results").unwrap().replace("&amp;", "&");
    let second = site.get(&next).body;
    assert_eq!(second.matches("<time ").count(), 2, "{second}");
    assert!(support::link(&second, "Previous results").is_some() && support::link(&second, "More results").is_none());
    assert!(site.get("/search?q=nowhere").body.contains("Nothing was found."));
    assert!(!site.get("/search").body.contains("Nothing was found."), "no query");
}

#[test]
fn a_search_scans_no_table_and_sorts_nothing() {
    let mut db = TestDb::on_sqlite();
    let john = db.user("john");
    for number in 0..300 {
        NewPost::new(&john, &format!("word {number}")).unwrap().insert(&mut db.connection).unwrap();
    }
    assert_eq!(posts(&mut db, "word").len(), 100);
    assert_eq!(
        search::posts(&SearchTerms::new("word"), 0, 1000, &mut db.connection).unwrap().len(),
        search::RANKED_POSTS,
        "only the newest posts are ranked"
    );
    let newest: Post = posts::table.order(posts::id.desc()).first(&mut db.connection).unwrap();
    assert!(posts(&mut db, "word").iter().any(|found| found.post.0 == newest));
    let plan: Vec<Detail> = diesel::sql_query(
        "EXPLAIN QUERY PLAN SELECT rowid FROM posts_search WHERE posts_search MATCH '\"word\"' ORDER BY rowid DESC LIMIT 200",
    )
    .load(&mut db.connection)
    .unwrap();
    let [step] = plan.as_slice() else { panic!("no sorting: {plan:?}") };
    assert!(step.detail.starts_with("SCAN posts_search VIRTUAL TABLE INDEX") && step.detail.contains('M'), "{step:?}");
}

#[derive(Debug, QueryableByName)]
struct Detail {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

#[test]
fn a_search_needs_two_queries() {
    let mut db = TestDb::new();
    let susan = db.user("susan");
    for number in 0..30 {
        db.post(&susan, &format!("bird {number}"), number);
        db.user(&format!("bird.{number}"));
    }
    let words = SearchTerms::new("bird");
    let asked = support::queries(&mut db, |db| {
        assert_eq!(search::posts(&words, 5, 20, db).unwrap().len(), 20);
        assert_eq!(search::people(&words, 10, db).unwrap().len(), 10);
    });
    assert_eq!(asked.len(), 4, "{asked:#?}");
}
