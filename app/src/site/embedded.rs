//! The files that are embedded in the program: migrations, templates, static files. The build script lists them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The text of an embedded file of that folder. A debug build reads the source file instead, if it exists, so that a
/// change is visible without a build.
pub fn current(folder: &str, (name, embedded): &(&str, &'static str)) -> Cow<'static, str> {
    if cfg!(debug_assertions) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
        if let Ok(text) = std::fs::read_to_string(source) {
            return text.into();
        }
    }
    Cow::Borrowed(embedded)
}

/// The first 64 bits of the content's SHA-256, in hexadecimal.
pub fn digest(content: &str) -> String {
    Sha256::digest(content).iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
