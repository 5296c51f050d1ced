//! What the tests of several packages share: the four scripts run as processes in a home folder of their own, programs
//! on a terminal, waiting for a condition, and databases on a PostgreSQL server.

#![allow(clippy::missing_panics_doc, reason = "a helper of tests panics where the test has to fail")]
#![allow(clippy::must_use_candidate, reason = "a test that ignores a result only wants the check in it")]

mod home;
mod limits;
pub mod modules;
mod poll;
mod postgres;
mod program;
mod run;
mod running;
mod terminal;

pub use home::Home;
pub use limits::{file_size_limit, obeying_permissions};
pub use poll::wait_until;
pub use postgres::TestDatabase;
pub use program::PROGRAMS;
pub use run::{Run, last_lines};
pub use running::Running;
pub use terminal::Terminal;
