//! Feeds of posts: newest first, in pages.

use crate::support::{self, TestDb, moment};
use app::models::feed::Cursor;
use app::models::{Feed, Mentioned, Page, Position};

fn load(db: &mut TestDb, position: Position) -> Page {
    Page::load(&Feed::All, position, 2, &mut db.connection).unwrap()
}

fn bodies(page: &Page) -> Vec<&str> {
    page.posts.iter().map(|(post, _)| post.body.as_str()).collect()
}

#[test]
fn an_empty_feed_is_one_empty_page() {
    assert_eq!(
        load(&mut TestDb::new(), Position::Newest),
        Page { posts: vec![], mentioned: Mentioned::default(), newer: None, older: None }
    );
}

#[test]
fn pages_link_to_the_oldest_post_and_back() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    // Posts 2 and 3 have the same time, so the id decides.
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
    assert_eq!(load(&mut db, back.newer.unwrap()), first, "the first page, without a link to newer posts");
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
fn a_page_that_is_exactly_full_is_the_last_one() {
    let mut db = TestDb::new();
    let john = db.user("john");
    db.post(&john, "1", 1);
    db.post(&john, "2", 2);
    assert_eq!(load(&mut db, Position::Newest).older, None);
}

#[test]
fn home_lists_own_and_followed_posts() {
    let mut db = TestDb::new();
    let [john, susan, mary, david] = ["john", "susan", "mary", "david"].map(|name| db.user(name));
    john.follow(&susan, &mut db.connection).unwrap();
    john.follow(&mary, &mut db.connection).unwrap();
    susan.follow(&david, &mut db.connection).unwrap();
    for (author, body, second) in [
        (&john, "1", 1),
        (&susan, "2", 2),
        (&david, "not for john", 2),
        (&susan, "3", 3),
        (&mary, "4", 3),
        (&susan, "5", 5),
        (&david, "not for john", 6),
        (&susan, "6", 7),
    ] {
        db.post(author, body, second);
    }
    let load = |db: &mut TestDb, position| Page::load(&Feed::Home(john.id), position, 2, &mut db.connection).unwrap();
    let first = load(&mut db, Position::Newest);
    assert_eq!((bodies(&first), first.newer), (vec!["6", "5"], None));
    let second = load(&mut db, first.older.unwrap());
    assert_eq!(bodies(&second), ["4", "3"]);
    let last = load(&mut db, second.older.unwrap());
    assert_eq!((bodies(&last), last.older), (vec!["2", "1"], None));
    assert_eq!(load(&mut db, last.newer.unwrap()), second);
    assert_eq!(load(&mut db, second.newer.unwrap()), first);
    assert_eq!(bodies(&Page::load(&Feed::Home(mary.id), Position::Newest, 9, &mut db.connection).unwrap()), ["4"]);
}

#[test]
fn a_tag_lists_its_posts_only() {
    let mut db = TestDb::new();
    let john = db.user("john");
    for (second, body) in ["#rust 1", "#Rust 2 #rust", "#rusty", "#RUST 3", "rust"].into_iter().enumerate() {
        db.post(&john, body, i64::try_from(second).unwrap());
    }
    let feed = Feed::Tagged("rust".into());
    let first = Page::load(&feed, Position::Newest, 2, &mut db.connection).unwrap();
    assert_eq!(bodies(&first), ["#RUST 3", "#Rust 2 #rust"]);
    let last = Page::load(&feed, first.older.unwrap(), 2, &mut db.connection).unwrap();
    assert_eq!((bodies(&last), last.older), (vec!["#rust 1"], None));
    assert_eq!(Page::load(&feed, last.newer.unwrap(), 2, &mut db.connection).unwrap(), first);
    first.posts[0].0.delete(&mut db.connection).unwrap();
    let rest = Page::load(&feed, Position::Newest, 2, &mut db.connection).unwrap();
    assert_eq!(bodies(&rest), ["#Rust 2 #rust", "#rust 1"]);
}

#[test]
fn home_equals_the_filtered_list_of_all_posts() {
    let mut db = TestDb::new();
    let users: Vec<_> = (0..8).map(|number| db.user(&format!("user{number}"))).collect();
    for followed in &users[1..6] {
        users[0].follow(followed, &mut db.connection).unwrap();
    }
    // Some users have many posts, others few or none, and many posts have the same time.
    let mut random = 7_u64;
    for number in 0..200 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let author = usize::try_from((random >> 33) % 64).unwrap();
        let author = [0, 1, 1, 1, 2, 3, 6, 6][author % 8] + usize::from(author == 63);
        db.post(&users[author], &number.to_string(), i64::try_from((random >> 40) % 50).unwrap());
    }
    let all = Page::load(&Feed::All, Position::Newest, 255, &mut db.connection).unwrap().posts;
    let expected: Vec<_> = all.into_iter().filter(|(_, author)| author.id <= users[5].id).collect();
    for size in [1, 2, 4, 5, 7, 50] {
        let (mut position, mut pages) = (Some(Position::Newest), Vec::new());
        while let Some(place) = position {
            let page = Page::load(&Feed::Home(users[0].id), place, size, &mut db.connection).unwrap();
            position = page.older;
            pages.push(page);
        }
        assert_eq!(pages.iter().flat_map(|page| page.posts.clone()).collect::<Vec<_>>(), expected, "{size}");
        for pair in pages.windows(2) {
            let back = Page::load(&Feed::Home(users[0].id), pair[1].newer.unwrap(), size, &mut db.connection).unwrap();
            assert_eq!(back.posts, pair[0].posts, "{size}");
        }
    }
}

/// SQLite's plan for the query of a page, step by step.
fn plan(db: &mut TestDb, feed: &Feed, position: Position) -> Vec<String> {
    let load = |db: &mut diesel_autogen::Connection| {
        assert_eq!(Page::load(feed, position, 2, db).unwrap().posts.len(), 2, "{feed:?}");
    };
    let queries = support::queries(db, load);
    let [query] = queries.as_slice() else { panic!("{queries:?}") };
    support::plan(db, query)
}

#[test]
fn each_page_is_one_query_served_by_an_index() {
    let mut db = TestDb::on_sqlite();
    let (john, susan) = (db.user("john"), db.user("susan"));
    john.follow(&susan, &mut db.connection).unwrap();
    for number in 0..20 {
        db.post(if number % 2 == 0 { &john } else { &susan }, "#rust", number);
    }
    let [by_time, of_user, by_key, author, by_tag] = [
        "posts USING INDEX posts_timestamp_idx",
        "SEARCH posts USING INDEX posts_user_id_timestamp_idx",
        "SEARCH posts USING INTEGER PRIMARY KEY",
        "SEARCH users USING INTEGER PRIMARY KEY",
        "SEARCH post_tags USING COVERING INDEX sqlite_autoindex_post_tags_1",
    ];
    let followed = "SEARCH followers USING COVERING INDEX sqlite_autoindex_followers_1";
    let by_each_author =
        "SEARCH near USING COVERING INDEX posts_user_id_timestamp_idx (user_id=? AND timestamp>? AND timestamp<?)";
    let each = "SEARCH post USING INTEGER PRIMARY KEY";
    for position in [Position::Newest, Position::Before(cursor(9)), Position::After(cursor(9))] {
        let sign = if matches!(position, Position::After(_)) { '>' } else { '<' };
        let first =
            format!("SEARCH near USING COVERING INDEX posts_user_id_timestamp_idx (user_id=? AND timestamp{sign}?)");
        for (feed, steps) in [
            (Feed::All, vec![by_time, author]),
            (Feed::Of(john.id), vec![of_user, author]),
            (Feed::Home(john.id), vec![by_key, followed, by_each_author, each, &first, author]),
            (Feed::Tagged("rust".into()), vec![by_key, by_tag, author]),
        ] {
            let plan = plan(&mut db, &feed, position);
            for step in steps {
                assert!(plan.iter().any(|found| found.contains(step)), "{feed:?} {position:?} {step}: {plan:#?}");
            }
            let is_small = |step: &str| ["authors", "place", "bound", "CONSTANT ROW"].contains(&&step["SCAN ".len()..]);
            let scans = plan.iter().filter(|step| step.starts_with("SCAN") && !is_small(step)).count();
            assert!(scans == 0 || (feed == Feed::All && scans == 1), "{feed:?}: {plan:#?}");
            // Home sorts, but at most one page of posts per author.
            let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER BY"));
            assert_eq!(sorts, matches!(feed, Feed::Home(_)), "{feed:?} {position:?}: {plan:#?}");
        }
    }
}

fn cursor(seconds: i64) -> Cursor {
    Cursor { timestamp: moment(seconds), id: 10 }
}

#[test]
fn a_cursor_is_parsed_as_it_is_printed() {
    for seconds in [0, 1, -1_700_000_001] {
        let cursor = Cursor { timestamp: moment(seconds), id: 7 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
    let too_late = "253402300800000000-1";
    let too_early = "-62135596800000001-1";
    let overflows = ["9999999999999999999-1", "9223372036854775807-1", "-9223372036854775808-1", "1-99999999999"];
    for wrong in ["", "-", "7", "a-7", "7-a", too_late, too_early].iter().chain(&overflows) {
        assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
    }
}
