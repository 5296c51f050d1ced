//! The modules of a crate and what they import, read from its source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The source files of a crate, by module path: `app::site::links`. A program is `app::main`.
type Modules = BTreeMap<String, String>;

/// What each module of the crate in that folder imports or names by a path.
pub fn imports_of_crate(manifest_dir: &str, name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut modules = Modules::new();
    collect(&Path::new(manifest_dir).join("src"), name, &mut modules);
    modules.keys().map(|module| (module.clone(), imports(module, name, &modules))).collect()
}

/// The modules in import cycles, each with its imports.
pub fn cycles(imports: &BTreeMap<String, BTreeSet<String>>) -> BTreeMap<&str, &BTreeSet<String>> {
    // Removes the modules below and above the cycles.
    let mut remaining: BTreeSet<_> = imports.keys().map(String::as_str).collect();
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
    remaining.into_iter().map(|module| (module, &imports[module])).collect()
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
fn imports(module: &str, name: &str, modules: &Modules) -> BTreeSet<String> {
    let absolute = paths(&modules[module]).into_iter().map(|path| absolute(&path, module, name));
    absolute.filter_map(|path| resolve(&path, name, modules, 8)).filter(|target| target != module).collect()
}

/// The path from the root of the crate.
fn absolute(path: &str, module: &str, name: &str) -> String {
    let parent = module.rsplit_once("::").map_or(module, |(parent, _)| parent);
    // `main.rs` is a crate root like `lib.rs`.
    let scope = if module == format!("{name}::main") { name } else { module };
    match path.split_once("::") {
        Some((root, rest)) if root == "crate" || root == name => format!("{name}::{rest}"),
        Some(("super", rest)) => absolute_in(parent, rest),
        Some(("self", rest)) => format!("{scope}::{rest}"),
        _ => format!("{scope}::{path}"),
    }
}

/// The path below a module, of which each further `super` takes one part.
fn absolute_in(module: &str, path: &str) -> String {
    match (path.strip_prefix("super::"), module.rsplit_once("::")) {
        (Some(rest), Some((parent, _))) => absolute_in(parent, rest),
        _ => format!("{module}::{path}"),
    }
}

/// The module in which the item of that path is defined, through at most so many imports.
fn resolve(path: &str, name: &str, modules: &Modules, depth: usize) -> Option<String> {
    let mut module = path;
    while !modules.contains_key(module) {
        module = module.rsplit_once("::")?.0;
    }
    let item = path[module.len()..].trim_start_matches("::").split("::").next()?;
    let imported = modules[module].split("use ").skip(1).find_map(|text| {
        let path = expand(text.split(';').next()?).into_iter().find(|path| path.rsplit("::").next() == Some(item))?;
        Some(absolute(&path, module, name)).filter(|_| depth > 0 && path.contains("::"))
    });
    let defined = imported.and_then(|path| resolve(&path, name, modules, depth - 1));
    defined.or_else(|| Some(module.to_owned()))
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
