//! Command lines to run a program through, so that it meets a full disk or a folder without permission.

use std::fs::{OpenOptions, Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;

/// Runs a program that can write at most so many blocks (of 512 or 1,024 bytes, by shell) into a file, as on a full
/// disk.
pub fn file_size_limit(blocks: u32) -> [String; 3] {
    ["sh".into(), "-c".into(), format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]
}

/// Runs a program that obeys the permissions of files. Root needs `setpriv` for that, other users need nothing.
pub fn obeying_permissions() -> Vec<&'static str> {
    let file = tempfile::NamedTempFile::new().unwrap();
    set_permissions(file.path(), Permissions::from_mode(0o444)).unwrap();
    let obeys = OpenOptions::new().write(true).open(file.path()).is_err();
    if obeys { Vec::new() } else { vec!["setpriv", "--bounding-set=-all", "--inh-caps=-all"] }
}
