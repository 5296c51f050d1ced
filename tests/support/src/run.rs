//! A program that has ended: its exit status and its output.

use std::process::Output;

/// What a program that has ended returned and printed.
#[derive(Debug)]
pub struct Run {
    pub program: String,
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn new(program: &str, output: Output) -> Self {
        Self {
            program: program.to_owned(),
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts exit status 0 and no diagnostics. Returns the standard output.
    #[track_caller]
    pub fn succeeds(self) -> String {
        assert_eq!((self.status, self.diagnostics().as_slice()), (Some(0), [].as_slice()), "{self:?}");
        self.stdout
    }

    /// Asserts exit status 0 and one warning. Returns the standard output and the warning.
    #[track_caller]
    pub fn succeeds_with_warning(self) -> (String, String) {
        assert_eq!(self.status, Some(0), "{self:?}");
        let warning = self.diagnostic();
        (self.stdout, warning)
    }

    /// Asserts exit status 1, exactly one line on standard error, and no result that claims success. Returns the line
    /// without the program's name.
    #[track_caller]
    pub fn fails(self) -> String {
        assert_eq!(self.status, Some(1), "{self:?}");
        for claim in ["Current database version", "New migration", "Upgraded", "Downgraded", "under version control"] {
            assert!(!self.stdout.contains(claim), "{self:?}");
        }
        self.diagnostic()
    }

    /// The lines on standard error, except notes: that the program waits for another one, and what a downgrade deletes.
    fn diagnostics(&self) -> Vec<&str> {
        let notes = ["another process is using the database; waiting up to ", "attention: "]
            .map(|note| format!("{}: {note}", self.program));
        self.stderr.lines().filter(|line| !notes.iter().any(|note| line.starts_with(note))).collect()
    }

    #[track_caller]
    fn diagnostic(&self) -> String {
        let lines = self.diagnostics();
        let line = if let [line] = lines.as_slice() { Some(*line) } else { None };
        let said = line.and_then(|line| line.strip_prefix(&format!("{}: ", self.program)));
        said.unwrap_or_else(|| panic!("not one line after the program's name: {self:?}")).to_owned()
    }
}

/// The last lines of an output, after the plan.
pub fn last_lines(output: &str, count: usize) -> Vec<&str> {
    let lines: Vec<_> = output.lines().collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}
