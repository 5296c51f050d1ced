//! A feed lists posts newest first, page by page, and leads back.

#![cfg(feature = "site")]

mod support;

use std::sync::{Arc, Mutex};

use app::models::feed::{Cursor, everybody};
use app::models::{Page, Position};
use diesel::connection::{Connection as _, InstrumentationEvent};
use diesel::prelude::*;
use support::{TestDb, moment};

fn load(db: &mut TestDb, position: Position) -> Page {
    Page::load(everybody, position, 2, &mut db.connection).unwrap()
}

fn bodies(page: &Page) -> Vec<&str> {
    page.posts.iter().map(|(post, _)| post.body.as_str()).collect()
}

#[test]
fn a_feed_without_posts_is_one_empty_page() {
    assert_eq!(load(&mut TestDb::new(), Position::Newest), Page { posts: vec![], newer: None, older: None });
}

#[test]
fn the_pages_lead_to_the_oldest_post_and_back() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    // The second and the third are of one moment: the key decides.
    for (body, author, second) in
        [("1", &john, 1), ("2", &susan, 2), ("3", &john, 2), ("4", &john, 4), ("5", &susan, 5)]
    {
        db.post(author, body, second);
    }
    let first = load(&mut db, Position::Newest);
    assert_eq!((bodies(&first), first.newer), (vec!["5", "4"], None));
    assert_eq!(first.posts[0].1, susan);
    let second = load(&mut db, first.older.unwrap());
    assert_eq!(bodies(&second), ["3", "2"]);
    let last = load(&mut db, second.older.unwrap());
    assert_eq!((bodies(&last), last.older), (vec!["1"], None));

    let back = load(&mut db, last.newer.unwrap());
    assert_eq!(back, second);
    assert_eq!(load(&mut db, back.newer.unwrap()), first, "the first page again, with no way to newer posts");
}

#[test]
fn a_new_post_does_not_shift_the_next_page() {
    let mut db = TestDb::new();
    let john = db.user("john");
    for number in 1..=4 {
        db.post(&john, &number.to_string(), number);
    }
    let first = load(&mut db, Position::Newest);
    db.post(&john, "5", 5);
    assert_eq!(bodies(&load(&mut db, first.older.unwrap())), ["2", "1"]);
}

#[test]
fn a_page_that_is_just_full_is_the_last_one() {
    let mut db = TestDb::new();
    let john = db.user("john");
    db.post(&john, "1", 1);
    db.post(&john, "2", 2);
    assert_eq!(load(&mut db, Position::Newest).older, None);
}

#[test]
fn a_page_is_one_query_that_an_index_serves() {
    for position in [Position::Newest, Position::Before(cursor(9)), Position::After(cursor(9))] {
        let mut db = TestDb::new();
        let john = db.user("john");
        for number in 0..20 {
            db.post(&john, &number.to_string(), number);
        }
        let queries = Arc::new(Mutex::new(Vec::new()));
        let seen = queries.clone();
        db.connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                seen.lock().unwrap().push(query.to_string());
            }
        });
        assert_eq!(load(&mut db, position).posts.len(), 2);
        db.connection.set_instrumentation(|_: InstrumentationEvent<'_>| {});
        let queries = queries.lock().unwrap();
        let [query] = queries.as_slice() else { panic!("{queries:?}") };
        let query = query.split(" -- binds").next().unwrap();
        let plan: Vec<Detail> =
            diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}")).load(&mut db.connection).unwrap();
        let plan: Vec<_> = plan.iter().map(|step| step.detail.as_str()).collect();
        assert!(plan[0].contains("USING INDEX posts_timestamp_idx"), "{plan:?}");
        assert!(plan[1].contains("SEARCH users USING INTEGER PRIMARY KEY"), "{plan:?}");
        assert_eq!(plan.len(), 2, "no sorting: {plan:?}");
    }
}

#[derive(QueryableByName)]
struct Detail {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

fn cursor(seconds: i64) -> Cursor {
    Cursor { timestamp: moment(seconds), id: 100 }
}

#[test]
fn a_place_in_a_feed_is_read_as_it_is_written() {
    for seconds in [0, 1, -1_700_000_001] {
        let cursor = Cursor { timestamp: moment(seconds), id: 7 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
    for wrong in ["", "-", "7", "a-7", "7-a", "9999999999999999999-1", "9223372036854775807-1", "1-99999999999"] {
        assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
    }
}
