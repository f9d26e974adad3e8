//! The description of the routes: `GET /api/openapi.json`, and the list of routes in `docs/api.md`.
//!
//! `operations` has an entry for each route of the table, and a test compares the two in both directions.

mod operation;
mod operations;

use serde_json::{Map, Value, json};

use operation::{DescribedAnswer, Operation, Who};
use operations::OPERATIONS;

use crate::web;

/// The shapes of bodies.
const SCHEMAS: &str = include_str!("schemas.json");

/// Every operation: those of the list, and the pages of the side bar.
fn operations() -> impl Iterator<Item = Operation> {
    const PAGE: &[DescribedAnswer] =
        &[DescribedAnswer { status: 200, about: "The page.", content: &[("text/html", "")] }];
    let pages = web::pages().map(|page| Operation {
        method: "get",
        path: page.path,
        who: Who::Admin,
        about: "a page; who is not signed in is redirected to `/login`",
        example: None,
        parameters: &[],
        body: None,
        answers: PAGE,
    });
    OPERATIONS.into_iter().flatten().map(Operation::copy).chain(pages)
}

/// The document, by OpenAPI 3.1.
#[must_use]
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.openapi_path()).or_insert_with(|| json!({}));
        path[operation.method] = operation.describe();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "playarr-metrics",
            "description": "Prometheus metrics of a Playarr library, and what is around them.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        // Relative to this document: below a base path as well.
        "servers": [{ "url": ".." }],
        "paths": paths,
        "components": {
            // The file is a part of the program, and a test reads it.
            "schemas": serde_json::from_str::<Value>(SCHEMAS).unwrap_or_default(),
            "responses": { "Error": {
                "description": "An error: what was wrong, what was found, what to do.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            } },
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": "access_token" },
                "apiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
                "metricsToken": { "type": "http", "scheme": "bearer" },
                "ingestToken": { "type": "http", "scheme": "bearer" },
                "summaryToken": { "type": "http", "scheme": "bearer" },
            },
        },
    })
}

/// Each method and path that is described.
#[cfg(test)]
pub(super) fn described() -> Vec<String> {
    operations().map(|operation| format!("{} {}", operation.method.to_uppercase(), operation.path)).collect()
}

#[cfg(test)]
mod tests;
