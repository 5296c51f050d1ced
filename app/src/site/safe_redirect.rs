//! Redirects to a path from the request, if the path is on this site (no open redirects).

use rocket::http::uri::Origin;
use rocket::response::Redirect;

/// A redirect to `path` if it is on this site, else to `default`. Browsers take `//host` and `/\host` for another site.
pub fn to(path: &str, default: impl FnOnce() -> String) -> Redirect {
    Redirect::to(if is_local(path) { path.to_owned() } else { default() })
}

/// Whether browsers take the path for one of this site.
pub fn is_local(path: &str) -> bool {
    let is_local = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
    is_local && path.bytes().all(|byte| byte.is_ascii_graphic()) && Origin::parse(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_followed() {
        let is_accepted =
            |path: &str| format!("{:?}", to(path, || "/else".into())) != format!("{:?}", Redirect::to("/else"));
        for path in ["/", "/user/susan?before=1-2", "/search?q=a+%22b%22"] {
            assert!(is_accepted(path), "{path}");
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
            assert!(!is_accepted(path), "{path}");
        }
    }
}
