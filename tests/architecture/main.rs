//! The shape of the code: which rooms there are, who may import whom, and how long files and lines may be.
//!
//! Imports are read from the `use` lines and from paths that start with `crate::`, `super::` or `playarr_jobs::`. An
//! import through a re-export counts as an import of the file that defines the name. Unit tests are not looked at.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use imports::{Imports, is_in_room};

/// The rooms from the top floor down. A file may import from its own room and from the floors below.
const FLOORS: &[&[&str]] = &[
    &["src/main.rs"],
    &["src/lib.rs"],
    &["src/commands"],
    &["src/serve.rs"],
    &["src/http/mod.rs", "src/http/fuzz.rs"],
    &["src/http/table.rs", "src/http/starting.rs"],
    &["src/http/server"],
    &["src/http/router.rs", "src/http/routes"],
    &["src/http/request"],
    &["src/http/reply", "src/http/openapi"],
    &["src/app.rs"],
    &["src/changes"],
    &["src/explore"],
    &["src/web", "src/overview", "src/scrape"],
    &["src/catalog"],
    &["src/journal", "src/custom"],
    &["src/telemetry", "src/accounts", "src/ingest"],
    &["src/live", "src/exposition", "src/selector", "src/database.rs", "src/logging.rs", "src/connections", "src/tls"],
    &["src/config", "src/memory.rs"],
    &["jobs/src/lib.rs"],
    &["jobs/src/sharing"],
    &["jobs/src/remembered"],
    &["jobs/src/refresh"],
    &["jobs/src/custom"],
    &["jobs/src/gauges"],
    &["jobs/src/collect"],
    &["jobs/src/lease", "jobs/src/tasks.rs"],
    &["jobs/src/database"],
    &["jobs/src/metric"],
];

/// Crates that a room must not know.
const FOREIGN: &[(&str, &[&str])] = &[
    ("src/live", &["warp", "hyper", "prometheus"]),
    ("src/exposition", &["warp", "hyper", "prometheus", "mongodb"]),
    ("jobs/src", &["warp", "hyper", "prometheus"]),
];

/// The longest file of code, in lines. Longer ones usually hold two ideas.
const MAX_LINES: usize = 400;

/// The widest line, in characters.
const MAX_COLUMNS: usize = 120;

/// What does not keep to the rules yet: a rule, then what breaks it. Lines leave this list and never join it; one that
/// is no longer needed fails the tests as well.
const KNOWN: &str = include_str!("known.txt");

/// Fails for whatever breaks a rule and is not known, and for whatever is known and does not break it.
fn check(rule: &str, broken: impl IntoIterator<Item = String>) {
    let broken: BTreeSet<_> = broken.into_iter().collect();
    let known = KNOWN.lines().filter_map(|line| line.strip_prefix(rule)?.strip_prefix(": "));
    let known: BTreeSet<_> = known.map(str::to_owned).collect();
    let new: Vec<_> = broken.difference(&known).map(String::as_str).collect();
    assert!(new.is_empty(), "{rule}:\n  {}", new.join("\n  "));
    let mended: Vec<_> = known.difference(&broken).map(String::as_str).collect();
    assert!(mended.is_empty(), "mended, so take it out of known.txt, {rule}:\n  {}", mended.join("\n  "));
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the repository with one of these extensions, by its path from the top.
fn files(extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(top().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let (path, name) = (folder.join(entry.file_name()), entry.file_name());
            let name = name.to_str().unwrap();
            if entry.file_type().unwrap().is_dir() {
                if !matches!(name, "target" | "node_modules" | ".git") {
                    folders.push(path);
                }
            } else if extensions.iter().any(|extension| name.ends_with(&format!(".{extension}"))) {
                let text = fs::read_to_string(top().join(&path)).unwrap();
                found.push((path.to_str().unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn code() -> Vec<(String, String)> {
    let is_code = |path: &str| path.starts_with("src/") || path.starts_with("jobs/src/");
    files(&["rs"]).into_iter().filter(|(path, _)| is_code(path)).collect()
}

fn floor(path: &str) -> usize {
    let floor = FLOORS.iter().position(|rooms| rooms.iter().any(|room| is_in_room(path, room)));
    floor.unwrap_or_else(|| panic!("{path} is in no room of the list of floors; give it a place there"))
}

fn room(path: &str) -> &'static str {
    let rooms = FLOORS.iter().flat_map(|floor| floor.iter());
    rooms.copied().find(|room| is_in_room(path, room)).unwrap_or_default()
}

#[test]
fn no_file_imports_in_a_circle() {
    let imports = Imports::of(&code());
    check("in a circle of imports", imports.circles().into_iter().map(|circle| circle.join(" ")));
}

#[test]
fn imports_lead_down_the_floors() {
    let imports = Imports::of(&code());
    let mut against = Vec::new();
    for (from, to) in imports.edges() {
        let (above, below) = (floor(from), floor(to));
        if above > below || (above == below && room(from) != room(to)) {
            against.push(format!("{from} imports {to}"));
        }
    }
    check("against the floors", against);
}

#[test]
fn the_lower_rooms_know_no_http_and_no_prometheus_crate() {
    let mut known = Vec::new();
    for (path, text) in code() {
        for (room, crates) in FOREIGN {
            for name in crates.iter().filter(|_| is_in_room(&path, room)) {
                if imports::without_tests(&text).lines().any(|line| names_crate(line, name)) {
                    known.push(format!("{path} uses {name}"));
                }
            }
        }
    }
    assert!(known.is_empty(), "{}", known.join("\n"));
}

/// Whether a line of code, not of comment, uses a path that starts with this crate.
fn names_crate(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    !line.starts_with("//") && (line.contains(&format!("{name}::")) && !line.contains(&format!("_{name}::")))
}

/// Whoever searches for the name of a type finds one type.
#[test]
fn no_two_types_share_a_name() {
    let mut types = BTreeMap::<String, Vec<String>>::new();
    for (path, text) in code() {
        for name in imports::without_tests(&text).lines().filter_map(declared_type) {
            types.entry(name.to_owned()).or_default().push(path.clone());
        }
    }
    let shared = types.into_iter().filter(|(_, paths)| paths.len() > 1);
    check("declared more than once", shared.map(|(name, paths)| format!("{name} in {}", paths.join(" and "))));
}

/// The name of the type that a line declares. Associated types, which are indented, are not types of their own.
fn declared_type(line: &str) -> Option<&str> {
    let declaration = line.trim_start();
    let declaration = match declaration.strip_prefix("pub") {
        // `pub(in crate::http) struct` has a space within the parentheses.
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.trim_start(),
        None => declaration,
    };
    let (keyword, rest) = declaration.split_once(' ')?;
    let is_type = match keyword {
        "struct" | "enum" | "trait" | "union" => true,
        "type" => !line.starts_with(' '),
        _ => false,
    };
    let name = rest.split(|character: char| !character.is_alphanumeric() && character != '_').next()?;
    (is_type && !name.is_empty()).then_some(name)
}

#[test]
fn no_file_of_code_is_longer_than_one_idea() {
    let long = code().into_iter().filter(|(_, text)| text.lines().count() > MAX_LINES);
    check("too long", long.map(|(path, _)| path));
}

/// rustfmt leaves a whole item as it is when it holds a line that cannot be made to fit, so a long line hides others.
#[test]
fn no_line_is_wider_than_a_screen() {
    let is_wide = |text: &str| text.lines().any(|line| line.chars().count() > MAX_COLUMNS);
    let wide = files(&["rs", "js", "mjs", "css", "html", "sh", "toml"]).into_iter().filter(|(_, text)| is_wide(text));
    check("too wide", wide.map(|(path, _)| path));
}

/// Tables and what is between fences cannot be wrapped everywhere, and `docs/metrics.md` is generated.
#[test]
fn no_line_of_prose_is_wider_than_a_screen() {
    let pages = files(&["md"]).into_iter().filter(|(path, _)| path != "docs/metrics.md");
    let wide = pages.filter(|(_, text)| {
        // Every second part is between fences.
        let mut prose = text.split("```").step_by(2).flat_map(str::lines);
        prose.any(|line| !line.trim_start().starts_with('|') && line.chars().count() > MAX_COLUMNS)
    });
    check("prose too wide", wide.map(|(path, _)| path));
}
