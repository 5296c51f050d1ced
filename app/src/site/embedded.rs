//! The files that are part of the program: migrations, templates, static files. The build script lists them.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
