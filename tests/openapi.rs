//! The description of the routes, compared with what they answer.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::library::fixtures;
use crate::support::service::Service;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_have_the_shapes_that_are_described() {
    let service = Service::with(fixtures()).ready().await;
    let document: Value = service.get("/api/openapi.json").send().await.unwrap().json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    service.text().await;
    service.get("/metrics").send().await.unwrap();
    for path in [
        "/-/healthy",
        "/-/ready",
        "/api/metrics/status",
        "/api/metrics/families?search=alice",
        "/api/metrics/series?match[]=playarr_channels_count&limit=3",
        "/api/metrics/cardinality",
        "/api/metrics/export?format=json",
        "/api/metrics/overview",
        "/api/metrics/changes",
        "/api/metrics/changes/series?metric=playarr_channels_count",
        "/api/settings/metrics",
        "/api/auth/verify",
        "/api/openapi.json",
    ] {
        let response = service.get(path).header("x-api-key", "admin001").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let answer = response.json().await.unwrap();
        let template = path.split('?').next().unwrap();
        check(&document, &document["paths"][template]["get"]["responses"]["200"], &answer, path);
    }
    let refreshed = service.refresh().await;
    let described = &document["paths"]["/api/metrics/refresh"]["post"]["responses"]["200"];
    check(&document, described, &refreshed, "refresh");
    let refused = service.get("/api/metrics/status").send().await.unwrap();
    check(&document, &document["components"]["responses"]["Error"], &refused.json().await.unwrap(), "an error");
    service.stop().await;
}

fn check(document: &Value, response: &Value, answer: &Value, what: &str) {
    let schema = &response["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{what} has a shape: {response}");
    if let Err(problem) = fits(document, schema, answer, "$") {
        panic!("{what}: {problem}");
    }
}

/// Whether a value has a shape, as far as the document's shapes say: references, types, members, items and choices.
fn fits(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(document, document.pointer(&reference[1..]).unwrap(), value, at);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        fits(document, part, value, at)?;
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fitting = choices.iter().filter(|choice| fits(document, choice, value, at).is_ok()).count();
        return if fitting == 1 { Ok(()) } else { Err(format!("{at} fits {fitting} choices: {value}")) };
    }
    let is = |kind: &Value| match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    };
    let has_type = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(is),
        kind => is(kind),
    };
    if !has_type {
        return Err(format!("{at} is no {}: {value}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Err(format!("{at} is not one of {}: {value}", schema["enum"]));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.is_object() && value.get(name).is_none() {
            return Err(format!("{at} lacks {name}: {value}"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let others = &schema["additionalProperties"];
        let schema = schema["properties"].get(name).unwrap_or(others);
        if schema.is_object() {
            fits(document, schema, member, &format!("{at}.{name}"))?;
        }
    }
    for (position, item) in value.as_array().into_iter().flatten().enumerate() {
        if schema["items"].is_object() {
            fits(document, &schema["items"], item, &format!("{at}[{position}]"))?;
        }
    }
    Ok(())
}

#[test]
fn the_comparison_itself_finds_what_does_not_fit() {
    let document = json!({ "shapes": { "a": { "type": "object", "required": ["b"], "properties": {
        "b": { "type": ["integer", "null"] }, "c": { "type": "array", "items": { "enum": ["x"] } } } } } });
    let shape = json!({ "$ref": "#/shapes/a" });
    let fits = |value: Value| fits(&document, &shape, &value, "$").is_ok();
    assert!(fits(json!({ "b": 1, "c": ["x"] })) && fits(json!({ "b": null })));
    assert!(!fits(json!({})) && !fits(json!({ "b": "1" })) && !fits(json!({ "b": 1, "c": ["y"] })) && !fits(json!([])));
}
