//! A run that waits in vain for another process ends with one line, and has changed nothing.

use migrate::Target;
use std::sync::Mutex;
use std::time::Duration;

use crate::support::Scratch;
use diesel::connection::SimpleConnection as _;
use migrate::Settings;

static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[test]
fn a_wait_that_runs_out_is_an_error_of_one_line() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("migrations/sqlite/001_a");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("up.sql"), "CREATE TABLE a (id INTEGER PRIMARY KEY);").unwrap();
    std::fs::write(folder.join("down.sql"), "DROP TABLE a;").unwrap();
    let tell = |line: &str| TOLD.lock().unwrap().push(line.to_owned());
    let settings = Settings { wait: Duration::from_secs(1), tell, ..Settings::default() };
    let project = scratch.project.clone().with(settings);
    let mut writer = scratch.connect();
    for (lock, statement) in [("BEGIN IMMEDIATE", "writes"), ("BEGIN EXCLUSIVE", "reads too")] {
        writer.batch_execute(lock).unwrap();
        let error = project.upgrade(Target::Latest).unwrap_err().to_string();
        assert_eq!(
            error, "app.db: database is locked: another program is using it; try again when that has finished",
            "{statement}"
        );
        writer.batch_execute("ROLLBACK").unwrap();
        let told = std::mem::take(&mut *TOLD.lock().unwrap());
        let [line] = &told[..] else { panic!("{told:?}") };
        assert!(line.starts_with("waiting up to 1 s for ") && line.ends_with(" is writing to app.db"), "{line}");
    }
    assert_eq!(project.upgrade(Target::Latest).unwrap().len(), 1);
}
