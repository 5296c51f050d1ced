//! The modules of the crate have no import cycle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The source files of the crate, by module path: `app::site::links`. The program is `app::main`.
type Modules = BTreeMap<String, String>;

#[test]
fn there_is_no_import_cycle() {
    let mut modules = Modules::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "app", &mut modules);
    let imports: BTreeMap<_, _> = modules.keys().map(|module| (module.as_str(), imports(module, &modules))).collect();
    assert!(imports["app::site::pages::home"].contains("app::site::links"), "{imports:#?}");
    assert!(imports["app::site::templates"].contains("app::models::user"), "a re-export is resolved: {imports:#?}");

    // Removes the modules below and above the cycles.
    let mut remaining: BTreeSet<_> = modules.keys().map(String::as_str).collect();
    loop {
        let is_in = |module: &str| remaining.contains(module);
        let imports_one = |module: &str| imports[module].iter().any(|imported| is_in(imported));
        let is_imported = |module: &str| remaining.iter().any(|other| imports[*other].contains(module));
        let in_cycles: BTreeSet<_> =
            remaining.iter().copied().filter(|module| imports_one(module) && is_imported(module)).collect();
        if in_cycles == remaining {
            break;
        }
        remaining = in_cycles;
    }
    let cycles: Vec<_> = remaining.iter().map(|module| (module, &imports[*module])).collect();
    assert!(cycles.is_empty(), "modules in a cycle, and what they import: {cycles:#?}");
}

fn collect(folder: &Path, module: &str, modules: &mut Modules) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() {
            collect(&path, &format!("{module}::{name}"), modules);
            continue;
        }
        let name = match name {
            "lib" | "mod" => module.to_owned(),
            name => format!("{module}::{name}"),
        };
        modules.insert(name, code(&fs::read_to_string(&path).unwrap()));
    }
}

/// The code without comments and unit tests, which stand at the end of a file.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The modules that a module imports or names by a path.
fn imports(module: &str, modules: &Modules) -> BTreeSet<String> {
    let parent = module.rsplit_once("::").map_or(module, |(parent, _)| parent);
    // `main.rs` is a crate root like `lib.rs`.
    let scope = if module == "app::main" { "app" } else { module };
    let mut found = BTreeSet::new();
    for path in paths(&modules[module]) {
        let absolute = match path.split_once("::") {
            Some(("crate" | "app", rest)) => format!("app::{rest}"),
            Some(("super", rest)) => format!("{parent}::{rest}"),
            Some(("self", rest)) => format!("{scope}::{rest}"),
            _ => format!("{scope}::{path}"),
        };
        found.extend(resolve(&absolute, modules).filter(|target| target != module));
    }
    found
}

/// The module in which the item of that path is defined.
fn resolve(path: &str, modules: &Modules) -> Option<String> {
    let mut module = path;
    while !modules.contains_key(module) {
        module = module.rsplit_once("::")?.0;
    }
    let item = path[module.len()..].trim_start_matches("::").split("::").next()?;
    let reexport = modules[module].split("pub use ").skip(1).find_map(|text| {
        let path = expand(text.split(';').next()?).into_iter().find(|path| path.rsplit("::").next() == Some(item))?;
        Some(format!("{module}::{}", path.trim_start_matches("self::")))
    });
    reexport.map_or_else(|| Some(module.to_owned()), |path| resolve(&path, modules))
}

/// All paths in the code, with braces expanded: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(code: &str) -> Vec<String> {
    let is_path = |char: char| char.is_alphanumeric() || "_:".contains(char);
    let mut paths = Vec::new();
    let mut rest = code;
    while let Some(start) = rest.find(|char: char| char.is_alphanumeric() || char == '_') {
        rest = &rest[start..];
        let mut end = rest.find(|char| !is_path(char)).unwrap_or(rest.len());
        if rest[..end].ends_with("::") && rest[end..].starts_with('{') {
            end += closing_brace(&rest[end..]);
        }
        if rest[..end].contains("::") {
            paths.extend(expand(&rest[..end]));
        }
        rest = &rest[end..];
    }
    paths
}

/// The length of the text up to and including the brace that closes the first one.
fn closing_brace(text: &str) -> usize {
    let mut depth = 0;
    for (at, char) in text.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

fn expand(path: &str) -> Vec<String> {
    let Some((prefix, list)) = path.split_once('{') else { return vec![path.trim().to_owned()] };
    let list = &list[..list.rfind('}').unwrap_or(list.len())];
    let mut expanded = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, char) in list.char_indices().chain([(list.len(), ',')]) {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let item = list[start..at].trim();
                start = at + 1;
                if !item.is_empty() {
                    expanded.extend(expand(&format!("{}{item}", prefix.trim())));
                }
            }
            _ => {}
        }
    }
    expanded
}
