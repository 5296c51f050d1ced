//! Progress and interruption: a watcher sees long work, and can end it where it can be undone.

use migrate::Target;
use std::cell::{Cell, RefCell};
use std::fs;
use std::rc::Rc;
use std::time::Duration;

use crate::support::Scratch;
use migrate::Error;
use migrate::progress::{Progress, Unit, Watch, unwatch, watch};

/// A task, how much of it is done, and how much there is to do.
type Shown = (String, u64, Option<u64>);

/// Records what it sees, and ends the work at a task of that name.
#[derive(Clone, Default)]
struct Notes {
    seen: Rc<RefCell<Vec<Shown>>>,
    ends_at: &'static str,
    is_over: Rc<Cell<bool>>,
}

impl Watch for Notes {
    fn working(&mut self, progress: &Progress<'_>) {
        self.seen.borrow_mut().push((progress.task.to_owned(), progress.done, progress.total));
        self.is_over.set(self.is_over.get() || progress.task == self.ends_at);
    }

    fn over(&mut self) {}

    fn is_interrupted(&mut self) -> bool {
        self.is_over.get()
    }
}

const SLOW: &str = "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20 + people.id % 2) \
                    SELECT sum(i) FROM n)";

/// A project with 100,000 rows and a pending migration that copies them slowly.
fn populated() -> Scratch {
    let scratch = Scratch::new();
    let write = |name: &str, up: &str, down: &str| {
        let folder = scratch.path().join("migrations/sqlite").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("up.sql"), up).unwrap();
        fs::write(folder.join("down.sql"), down).unwrap();
    };
    write("001_people", "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);", "DROP TABLE people;");
    scratch.project.upgrade(Target::Latest).unwrap();
    scratch.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO people SELECT i, 'name ' || i || hex(zeroblob(300)) FROM n",
    );
    write(
        "002_points",
        &format!(
            "CREATE TABLE new (id INTEGER PRIMARY KEY, name TEXT, points INTEGER);
             INSERT INTO new SELECT id, name, {SLOW} FROM people;
             DROP TABLE people; ALTER TABLE new RENAME TO people;"
        ),
        "ALTER TABLE people DROP COLUMN points;",
    );
    scratch
}

#[test]
fn reports_the_rows_of_a_copy_and_the_bytes_of_a_backup() {
    let (scratch, notes) = (populated(), Notes::default());
    let size = fs::metadata(scratch.path().join("app.db")).unwrap().len();
    watch(notes.clone());
    scratch.project.upgrade(Target::Latest).unwrap();
    assert!(unwatch().is_none());
    let seen = notes.seen.take();
    for (task, total) in [("copying people", 100_000), ("backing up", size)] {
        let shown: Vec<_> = seen.iter().filter(|shown| shown.0 == task && shown.2.is_some()).collect();
        assert!(shown.iter().all(|shown| shown.2 == Some(total) && shown.1 <= total), "{shown:?}");
        assert!(shown.is_sorted_by_key(|shown| shown.1) && shown.iter().any(|shown| shown.1 > total / 4), "{seen:?}");
    }
}

#[test]
fn an_interruption_undoes_only_what_is_not_committed() {
    for ends_at in ["backing up", "copying people"] {
        let (scratch, notes) = (populated(), Notes { ends_at, ..Notes::default() });
        let before = fs::read(scratch.path().join("app.db")).unwrap();
        watch(notes.clone());
        let error = scratch.project.upgrade(Target::Latest).unwrap_err();
        assert!(matches!(error, Error::Interrupted { was_changed: false }), "{error}");
        assert_eq!(unwatch().unwrap().to_string(), "interrupted: nothing was changed");
        assert!(fs::read(scratch.path().join("app.db")).unwrap() == before);
        let mut names: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["app.db", "migrations"]);
        assert_eq!(scratch.project.upgrade(Target::Latest).unwrap().len(), 1);
    }
}

#[test]
fn an_interruption_after_the_commit_undoes_nothing() {
    let (scratch, notes) = (populated(), Notes::default());
    watch(notes.clone());
    scratch.project.upgrade(Target::Latest).unwrap();
    notes.is_over.set(true);
    assert_eq!(scratch.project.version().unwrap(), 2);
    assert_eq!(scratch.query("SELECT count(*) || '' FROM people"), [Some("100000".to_owned())]);
    // The next transaction is interrupted.
    let error = scratch.project.downgrade(Target::Previous).unwrap_err();
    assert_eq!(error.to_string(), "interrupted: what was finished before stays, nothing else was changed");
    assert!(unwatch().is_some());
    assert_eq!(scratch.project.version().unwrap(), 2);
}

#[test]
fn prints_the_share_and_the_remaining_time() {
    let progress = |done, total, unit, seconds| Progress {
        task: "copying users",
        done,
        total,
        unit,
        elapsed: Duration::from_secs(seconds),
    };
    let cases = [
        (
            progress(4_000_000, Some(10_000_000), Unit::Rows, 8),
            "copying users: 4,000,000 of 10,000,000 rows, about 12 s left",
        ),
        (progress(120_000_000, Some(1_480_000_000), Unit::Bytes, 1), "copying users: 120 of 1,480 MB, about 12 s left"),
        (progress(0, Some(10), Unit::Rows, 3), "copying users: 3 s so far"),
        (progress(1_234, None, Unit::Rows, 3), "copying users: 1,234 rows, 3 s so far"),
        // There was more than was counted before.
        (progress(11, Some(10), Unit::Rows, 3), "copying users: 11 rows, 3 s so far"),
        (progress(10, Some(10), Unit::Rows, 3), "copying users: 10 of 10 rows, about 0 s left"),
    ];
    for (progress, words) in cases {
        assert_eq!(progress.to_string(), words);
    }
}
