//! `db_upgrade` and `db_downgrade`, ended at any moment between version 1 and version 2.

use std::thread::sleep;
use std::time::Duration;

use test_support::{Home, Running};

/// A database between whose first two versions the scripts are ended.
pub trait Subject {
    fn home(&self) -> &Home;

    /// The command lines that lead to version 2 and back.
    fn lines(&self) -> [String; 2];

    fn version(&mut self) -> String;

    /// Everything that must be as one of the versions has it.
    fn state(&mut self) -> String;

    /// Ends the script. Returns whether it had not finished.
    fn end(&mut self, running: &mut Running) -> bool;

    /// Checks the database after the end, before anything else is read.
    fn settle(&mut self);
}

/// Ends each script that often, where a whole run takes that time, and asserts that the database has one of the two
/// states, which are those of the two versions.
pub fn survives(subject: &mut impl Subject, times: u32, whole: Duration, [old, new]: [&str; 2]) {
    // How often each script was ended, how often before its commit, and how often it was run.
    let (mut ended, mut undone, mut runs) = ([0, 0], [0, 0], [0, 0]);
    while ended != [times, times] {
        let is_up = subject.version() == "001";
        let way = usize::from(!is_up);
        let line = &subject.lines()[way];
        if ended[way] == times || runs[way] % 3 == 2 {
            assert_eq!(subject.home().run(line).status, Some(0));
            runs[way] += 1;
            continue;
        }
        // The moments are spread over the run, and a little beyond its end.
        let moment = whole.mul_f64(1.1 * f64::from(runs[way] * 37 % 100) / 100.0);
        runs[way] += 1;
        let mut running = subject.home().start(line);
        sleep(moment);
        ended[way] += u32::from(subject.end(&mut running));

        subject.settle();
        let is_old = subject.version() == "001";
        assert_eq!(subject.state(), if is_old { old } else { new }, "{line} after {moment:?}");
        undone[way] += u32::from(is_old == is_up);
    }
    println!("{times} ends each, of which before the commit: {undone:?}");
    assert!(undone.iter().all(|undone| *undone > 0), "{undone:?}");
}
