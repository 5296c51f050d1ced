//! What the statements of a migration do to those who use the tables meanwhile.

use std::fmt;

use crate::text::{Bytes, excerpt};

/// Below this size a statement is a matter of moments, and a plan does not print it.
const WORTH_A_LINE: u64 = 1_000_000;

/// What a statement of a planned migration does to a table that others use meanwhile. It prints in plain words:
///
/// ```text
/// rewrites posts, 2.1 GB: nobody can read or write it meanwhile (ACCESS EXCLUSIVE, ALTER TABLE posts …)
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Impact {
    /// The statement.
    pub statement: String,
    /// The table, by its name before the migration.
    pub table: String,
    /// The table's size with its indexes, in bytes, when the migration was planned.
    pub size: u64,
    /// The lock that the statement takes on it.
    pub lock: Lock,
    /// How much of it the statement reads or writes.
    pub work: Work,
}

/// A lock on a table, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Lock {
    /// `ROW EXCLUSIVE`: others wait for the rows that are changed only.
    RowExclusive,
    /// `SHARE UPDATE EXCLUSIVE`: others read and write.
    ShareUpdateExclusive,
    /// `SHARE`: others only read.
    Share,
    /// `SHARE ROW EXCLUSIVE`: others only read.
    ShareRowExclusive,
    /// `ACCESS EXCLUSIVE`: others wait.
    AccessExclusive,
}

/// How much of a table a statement reads or writes, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Work {
    /// Its definition only, which takes a moment.
    Definition,
    /// Every row is read.
    Scan,
    /// Every row is written again, with the indexes.
    Rewrite,
}

impl Impact {
    /// Whether the table is so large that a person wants to know.
    #[must_use]
    pub fn is_noticeable(&self) -> bool {
        self.size >= WORTH_A_LINE
    }
}

impl fmt::Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match (self.work, self.lock) {
            (Work::Rewrite, _) => "rewrites",
            (_, Lock::RowExclusive) => "changes rows of",
            (Work::Scan, _) => "scans",
            (Work::Definition, _) => "locks",
        };
        let effect = match self.lock {
            Lock::AccessExclusive => "nobody can read or write it meanwhile",
            Lock::Share | Lock::ShareRowExclusive => "nobody can write it meanwhile",
            Lock::ShareUpdateExclusive => "others read and write it meanwhile",
            Lock::RowExclusive => "who changes the same rows waits meanwhile",
        };
        let statement = excerpt(&self.statement);
        write!(f, "{verb} {}, {}: {effect} ({}, {statement})", self.table, Bytes(self.size), self.lock)
    }
}

impl fmt::Display for Lock {
    /// Writes the lock as SQL names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        })
    }
}
