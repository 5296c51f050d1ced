//! Where the built scripts are. They are built with the tutorial's two tables in the place of the site's, which go on
//! changing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The scripts that the tests run as processes.
pub const PROGRAMS: [&str; 4] = ["db_create", "db_migrate", "db_upgrade", "db_downgrade"];

/// The package that the scripts are built in.
const PACKAGE: &str = "tutorial";

/// The program and the first arguments that start a script. Nothing else knows which binary that is.
pub(crate) fn script(name: &str) -> Vec<String> {
    let program = FOLDER.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    vec![program.into_os_string().into_string().unwrap()]
}

/// The scripts under the names that their help prints. `cargo test --workspace` has built them; for
/// `cargo test -p db_create` they are built here when they are missing or older than their sources.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap().parent().unwrap();
    if !PROGRAMS.iter().all(|program| is_fresh(&folder.join(built(program)))) {
        build(folder);
    }
    under_their_own_names(folder)
});

fn built(program: &str) -> String {
    format!("tutorial_{program}")
}

fn under_their_own_names(folder: &Path) -> PathBuf {
    let named = folder.join("tutorial");
    fs::create_dir_all(&named).unwrap();
    for program in PROGRAMS {
        // Several test processes may link the same program at once.
        let link = named.join(format!(".{program}-{}", std::process::id()));
        fs::hard_link(folder.join(built(program)), &link).unwrap();
        fs::rename(&link, named.join(program)).unwrap();
        // `rename` leaves the link when both names are the same file already.
        let _ = fs::remove_file(&link);
    }
    named
}

/// Whether a program is newer than every source that Cargo lists in the `.d` file beside it.
fn is_fresh(program: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    let executable = program.with_extension(std::env::consts::EXE_EXTENSION);
    let (Ok(built), Ok(sources)) = (modified(&executable), fs::read_to_string(program.with_extension("d"))) else {
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
    cargo.arg(folder.parent().unwrap()).args(["-p", PACKAGE]);
    assert!(cargo.status().unwrap().success(), "{cargo:?} failed");
}
