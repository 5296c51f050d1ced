//! Where a form leads on to: a path that came with the request, if it is one of this site.

use rocket::http::uri::Origin;
use rocket::response::Redirect;

/// The way to that path, or else to the other one. `//host` and `/\host` are taken for another site's.
pub fn to(path: &str, otherwise: impl FnOnce() -> String) -> Redirect {
    let is_local = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic());
    match Origin::parse(path) {
        Ok(_) if is_local && is_plain => Redirect::to(path.to_owned()),
        _ => Redirect::to(otherwise()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_site_is_gone_on_to() {
        let is_taken =
            |path: &str| format!("{:?}", to(path, || "/else".into())) != format!("{:?}", Redirect::to("/else"));
        for path in ["/", "/user/susan?before=1-2", "/search?q=a+%22b%22"] {
            assert!(is_taken(path), "{path}");
        }
        for path in [
            "",
            "user",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nSet-Cookie: b=c",
            "/a b",
            "/<b>",
            "javascript:alert(1)",
        ] {
            assert!(!is_taken(path), "{path}");
        }
    }
}
