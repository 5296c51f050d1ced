//! The files that are part of the program: migrations, templates, static files. The build script lists them.

use std::borrow::Cow;
use std::path::Path;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The text of an embedded file of that folder. A debug build reads it anew from the source, if that is still there, so
/// that a change is seen without a build.
pub fn current(folder: &str, (name, embedded): &(&str, &'static str)) -> Cow<'static, str> {
    if cfg!(debug_assertions) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
        if let Ok(text) = std::fs::read_to_string(source) {
            return text.into();
        }
    }
    Cow::Borrowed(embedded)
}
