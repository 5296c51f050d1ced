//! Embeds the migrations, the templates and the static files: a table of names and contents for each folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_SITE").is_none() {
        return Ok(());
    }
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    // Cargo checks every file below a folder. A missing folder would cause a rebuild each time, hence the common folder of
    // all migrations rather than one folder for each kind of database.
    for folder in ["../migrations", "templates", "static"] {
        println!("cargo::rerun-if-changed={}", package.join(folder).display());
    }
    let mut code = String::new();
    for (constant, folder) in [
        ("SQLITE_MIGRATIONS", "../migrations/sqlite"),
        ("POSTGRESQL_MIGRATIONS", "../migrations/postgresql"),
        ("TEMPLATES", "templates"),
        ("STATIC_FILES", "static"),
    ] {
        let folder = package.join(folder);
        let mut files = Vec::new();
        collect(&folder, "", &mut files)?;
        files.sort();
        let _ = writeln!(code, "pub static {constant}: &[(&str, &str)] = &[");
        for (name, path) in files {
            let path = path.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
            let _ = writeln!(code, "    ({name:?}, include_str!({path:?})),");
        }
        code.push_str("];\n");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("embedded.rs"), code)
}

/// Adds every file below the folder except hidden ones, named by its relative path with `/`.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let name = format!("{prefix}{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push((name, entry.path()));
        }
    }
    Ok(())
}
