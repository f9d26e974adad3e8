//! Which file of the code imports which, read from its text.

use std::collections::{BTreeMap, BTreeSet};

/// Imports between files, by their paths from the top of the repository.
pub(crate) struct Imports {
    edges: BTreeSet<(String, String)>,
}

/// A module: the crate's name, then the names on the way to it.
type Module = Vec<String>;

/// Whether a file is a room (a file) or lies in it (a folder).
pub(crate) fn is_in_room(path: &str, room: &str) -> bool {
    path == room || path.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'))
}

/// The text up to the unit tests, which stand last in a file.
pub(crate) fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests").map_or(text, |start| &text[..start])
}

impl Imports {
    pub(crate) fn of(code: &[(String, String)]) -> Self {
        let files: BTreeMap<Module, &str> = code.iter().map(|(path, _)| (module(path), &**path)).collect();
        let named: BTreeMap<Module, Names> =
            code.iter().map(|(path, text)| (module(path), Names::of(&module(path), text))).collect();
        let mut edges = BTreeSet::new();
        for (importer, names) in &named {
            for path in &names.paths {
                if let Some(target) = definer(path, &files, &named, 0)
                    && target != *importer
                    && !names.is_re_export(path, &target, importer)
                {
                    edges.insert((files[importer].to_owned(), files[&target].to_owned()));
                }
            }
        }
        Self { edges }
    }

    pub(crate) fn edges(&self) -> impl Iterator<Item = (&str, &str)> {
        self.edges.iter().map(|(from, to)| (&**from, &**to))
    }

    /// Groups of files each of which leads to each other one.
    pub(crate) fn circles(&self) -> Vec<Vec<String>> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.edges().map(|(from, _)| (from, self.reachable(from))).collect();
        let mut circles = BTreeSet::new();
        for (from, reached) in &reach {
            let back = |to: &&&str| reach.get(**to).is_some_and(|reached| reached.contains(from));
            let circle: Vec<_> = reached.iter().filter(back).map(|to| (*to).to_owned()).collect();
            if !circle.is_empty() {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    fn reachable(&self, from: &str) -> BTreeSet<&str> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(file) = open.pop() {
            for (_, to) in self.edges().filter(|(importer, _)| *importer == file) {
                if reached.insert(to) {
                    open.push(to);
                }
            }
        }
        reached
    }
}

/// The module of a file: `src/live/event/mod.rs` is `crate, live, event`.
fn module(path: &str) -> Module {
    let (name, rest) = match path.strip_prefix("jobs/src/") {
        Some(rest) => ("playarr_jobs", rest),
        None => ("playarr_metrics", path.strip_prefix("src/").unwrap_or(path)),
    };
    let inner = rest.strip_suffix(".rs").unwrap_or(rest);
    let inner = inner.strip_suffix("/mod").unwrap_or(inner);
    let parts = inner.split('/').filter(|part| *part != "lib");
    std::iter::once(name).chain(parts).map(str::to_owned).collect()
}

/// The paths that a file names, absolute, and what it gives on under another path.
struct Names {
    paths: Vec<Module>,
    re_exports: Vec<Module>,
}

impl Names {
    fn of(module: &Module, text: &str) -> Self {
        let text = code_only(without_tests(text));
        let (mut paths, mut re_exports) = (Vec::new(), Vec::new());
        let mut rest = &*text;
        while let Some(start) = find_use(rest) {
            let is_public = rest[..start].trim_end().rsplit('\n').next().is_some_and(|line| line.contains("pub"));
            let tree_start = start + "use ".len();
            let end = rest[tree_start..].find(';').map_or(rest.len(), |length| tree_start + length);
            for path in expand(&rest[tree_start..end]) {
                if let Some(path) = absolute(module, &path) {
                    if is_public {
                        re_exports.push(path.clone());
                    }
                    paths.push(path);
                }
            }
            rest = &rest[end..];
        }
        paths.extend(inline(&text).filter_map(|path| absolute(module, &path)));
        Self { paths, re_exports }
    }

    /// Whether a module only gives on what one of its own submodules defines.
    fn is_re_export(&self, path: &Module, target: &Module, module: &Module) -> bool {
        target.starts_with(module) && self.re_exports.contains(path)
    }
}

/// Text without comments and strings' contents that could look like paths.
fn code_only(text: &str) -> String {
    let lines = text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

fn find_use(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find("use ")?;
        let line = text[..start].rsplit('\n').next().unwrap_or_default().trim();
        if line.is_empty() || (line.starts_with("pub") && line.split_whitespace().count() <= 1) || line.ends_with(')') {
            return Some(start);
        }
        from = start + 4;
    }
}

/// The paths of a tree such as `a::{b, c::{d, e as f}}`.
fn expand(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        return if path.is_empty() { Vec::new() } else { vec![path.to_owned()] };
    };
    let (prefix, inner) = (&tree[..open], &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())]);
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (position, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let with_prefix = |path: String| {
        if path == "self" { prefix.trim_end_matches("::").to_owned() } else { format!("{prefix}{path}") }
    };
    parts.into_iter().flat_map(expand).map(with_prefix).collect()
}

/// Paths in code outside `use` lines.
fn inline(text: &str) -> impl Iterator<Item = String> {
    let starts = ["crate::", "super::", "playarr_jobs::"];
    let uses: Vec<_> = text.match_indices("use ").map(|(at, _)| at).collect();
    let found = starts.into_iter().flat_map(move |start| text.match_indices(start).map(|(at, _)| at));
    let mut paths = Vec::new();
    for at in found {
        let before = text[..at].chars().next_back().unwrap_or(' ');
        let in_use =
            uses.iter().rev().find(|use_at| **use_at < at).is_some_and(|use_at| !text[*use_at..at].contains(';'));
        // `pub(in crate::http)` says who may see an item. It imports nothing.
        let is_visibility = text[..at].ends_with("pub(in ");
        if before.is_alphanumeric() || before == '_' || before == ':' || in_use || is_visibility {
            continue;
        }
        let path: String = text[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
        paths.push(path.trim_end_matches(':').to_owned());
    }
    paths.into_iter()
}

/// A path from its crate down; none for other crates.
fn absolute(module: &Module, path: &str) -> Option<Module> {
    let mut parts = path.split("::").map(str::trim).filter(|part| !part.is_empty()).peekable();
    let mut base = match *parts.peek()? {
        "crate" => {
            parts.next();
            module[..1].to_vec()
        }
        "self" => {
            parts.next();
            module.clone()
        }
        "super" => module.clone(),
        "playarr_jobs" | "playarr_metrics" => Vec::new(),
        // A submodule that the file declares, or a foreign crate: no module has a foreign crate's name.
        _ => module.clone(),
    };
    while parts.next_if_eq(&"super").is_some() {
        base.pop();
    }
    base.extend(parts.map(str::to_owned));
    Some(base)
}

/// The module that defines what a path names, through re-exports.
fn definer(
    path: &Module,
    files: &BTreeMap<Module, &str>,
    named: &BTreeMap<Module, Names>,
    depth: usize,
) -> Option<Module> {
    let length = (1..=path.len()).rev().find(|length| files.contains_key(&path[..*length]))?;
    let (module, rest) = path.split_at(length);
    let module = module.to_vec();
    let Some(name) = rest.first() else { return Some(module) };
    // A path that begins at a crate and names nothing in it is a foreign crate's.
    let given_on = named[&module].re_exports.iter().find(|path| path.last() == Some(name));
    match given_on {
        Some(given_on) if depth < 8 => definer(given_on, files, named, depth + 1).or(Some(module)),
        _ => Some(module),
    }
}
