//! A run that waits in vain for another process ends with one line, and has changed nothing.

use diesel_autogen::Target;
use std::time::Duration;

use crate::support::{Scratch, listening, taken};
use diesel::connection::SimpleConnection as _;

#[test]
fn a_wait_that_runs_out_is_an_error_of_one_line() {
    let scratch = Scratch::new();
    scratch.script("001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);");
    let base = scratch.path().to_owned();
    let settings = with!(Settings { wait: Duration::from_secs(1), base: base });
    let (migrator, events) = listening(&scratch.project, settings);
    let mut writer = scratch.connect();
    for (lock, statement) in [("BEGIN IMMEDIATE", "writes"), ("BEGIN EXCLUSIVE", "reads too")] {
        writer.batch_execute(lock).unwrap();
        let error = migrator.upgrade(Target::Latest).unwrap_err().to_string();
        let locked = "app.db: database is locked: another process is using it; try again when that has finished";
        assert_eq!(error, locked, "{statement}");
        writer.batch_execute("ROLLBACK").unwrap();
        assert_eq!(taken(&events), ["another process is using the database; waiting up to 1 s"]);
    }
    assert_eq!(migrator.upgrade(Target::Latest).unwrap().len(), 1);
}
