use std::collections::BTreeSet;

use super::*;

#[test]
fn every_shape_that_is_referred_to_exists_and_every_other_one_is_gone() {
    let document = document();
    let mut names = BTreeSet::new();
    references(&document, &mut names);
    for name in &names {
        assert!(document.pointer(name.trim_start_matches('#')).is_some(), "{name}");
    }
    for shape in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(names.contains(&format!("#/components/schemas/{shape}")), "{shape} is not used");
    }
    for operation in operations() {
        assert_eq!(operation.example.is_some(), operation.path.contains(':'), "{}", operation.path);
    }
    let ids: Vec<_> = operations().map(|operation| operation.id()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// Refresh it with `UPDATE_GOLDEN=1 cargo test --lib openapi`.
#[test]
fn the_list_of_routes_in_the_documentation_is_this_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once("| route | who | what |\n|---|---|---|\n").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let row =
        |of: Operation| format!("| `{} {}` | {} | {} |", of.method.to_uppercase(), of.path, of.who.words(), of.about);
    let rows: Vec<_> = operations().map(row).collect();
    let expected = format!("{before}| route | who | what |\n|---|---|---|\n{}\n\n{after}", rows.join("\n"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &expected).unwrap();
    } else {
        assert!(page == expected, "docs/api.md is older; UPDATE_GOLDEN=1 cargo test --lib openapi");
    }
}
