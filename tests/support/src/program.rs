//! Where the scripts' binary is. It has the tutorial's two tables in the place of the site's, which go on changing.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

/// The scripts that the tests run as processes.
pub const PROGRAMS: [&str; 4] = ["db_create", "db_migrate", "db_upgrade", "db_downgrade"];

/// The package that the scripts are built in, and its binary.
const TUTORIAL: &str = "tutorial";

/// The program and the first arguments that start a script. Nothing else knows which binary that is.
pub(crate) fn script(name: &str) -> Vec<String> {
    vec!["env".into(), format!("SCRIPT={name}"), BINARY.clone()]
}

/// `cargo test --workspace` may have built the binary. It is built here when it is missing or older than its sources.
static BINARY: LazyLock<String> = LazyLock::new(|| {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap().parent().unwrap();
    let binary = folder.join(TUTORIAL).with_extension(std::env::consts::EXE_EXTENSION);
    if !is_fresh(&binary) {
        build(folder);
    }
    binary.into_os_string().into_string().unwrap()
});

/// Whether a program is newer than every source that Cargo lists in the `.d` file beside it.
fn is_fresh(program: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    let (Ok(built), Ok(sources)) = (modified(program), fs::read_to_string(program.with_extension("d"))) else {
        return false;
    };
    let sources = sources.replace("\\ ", "\0");
    let mut sources = sources.split_whitespace().skip(1).map(|source| source.replace('\0', " "));
    sources.all(|source| modified(Path::new(&source)).is_ok_and(|modified| modified <= built))
}

fn build(folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--profile", profile, "--target-dir"]);
    cargo.arg(folder.parent().unwrap()).args(["-p", TUTORIAL]);
    assert!(cargo.status().unwrap().success(), "{cargo:?} failed");
}
