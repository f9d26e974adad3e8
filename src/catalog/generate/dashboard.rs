//! A dashboard for Grafana 10 and later.

pub(super) mod layout;
mod panel;

use playarr_jobs::gauges::PROVIDER_NAMES;
use serde_json::{Value, json};

use super::json::pretty;
use crate::catalog::Catalog;
use crate::catalog::generate::provider_names::NAMES_VARIABLE;
use panel::datasource;

/// The version of the schema that Grafana 10.0 writes; later ones migrate it when they load it.
const SCHEMA_VERSION: u32 = 38;

/// The dashboard, ready to be imported or provisioned. Its data source is a variable.
pub(super) fn document(catalog: &Catalog, docs: &str) -> String {
    pretty(&json!({
        "annotations": { "list": annotations() },
        "description": "Titles, providers, users, streams and jobs of Playarr, from playarr-metrics.",
        "editable": true,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": null,
        "links": [{
            "asDropdown": false,
            "icon": "doc",
            "includeVars": false,
            "keepTime": false,
            "tags": [],
            "targetBlank": true,
            "title": "What the metrics mean",
            "tooltip": "",
            "type": "link",
            "url": format!("{docs}/metrics.md"),
        }],
        "panels": layout::panels(catalog),
        "refresh": "1m",
        "schemaVersion": SCHEMA_VERSION,
        "tags": ["playarr"],
        "templating": { "list": variables() },
        "time": { "from": "now-6h", "to": "now" },
        "timepicker": {},
        "timezone": "browser",
        "title": "Playarr",
        "uid": "playarr-metrics",
        "version": 1,
        "weekStart": "",
    }))
}

fn annotations() -> Value {
    json!([
        {
            "builtIn": 1,
            "datasource": { "type": "grafana", "uid": "-- Grafana --" },
            "enable": true,
            "hide": true,
            "iconColor": "rgba(0, 211, 255, 1)",
            "name": "Annotations & Alerts",
            "type": "dashboard",
        },
        {
            "datasource": datasource(),
            "enable": true,
            "expr": r#"ALERTS{alertname=~"Playarr.+", alertstate="firing"}"#,
            "iconColor": "red",
            "name": "Firing alerts",
            "step": "60s",
            "tagKeys": "severity,provider_id,collector,job_type,media_type",
            "titleFormat": "{{alertname}}",
        },
    ])
}

fn variables() -> Value {
    json!([
        {
            "current": {},
            "hide": 0,
            "includeAll": false,
            "label": "Data source",
            "multi": false,
            "name": "datasource",
            "options": [],
            "query": "prometheus",
            "refresh": 1,
            "regex": "",
            "skipUrlSync": false,
            "type": "datasource",
        },
        names(),
        with_texts(variable("provider", "Provider", &format!("query_result(${{{NAMES_VARIABLE}:raw}})"))),
        variable("user", "User", "label_values(playarr_watchlist_channels_count, user)"),
        variable(
            "media_type",
            "Media type",
            // Titles of providers are movies, tvshows or of an unexpected type; streams can also be live.
            concat!(
                r#"label_values({__name__=~"playarr_provider_titles_count|"#,
                r#"playarr_stream_request_duration_seconds_count"}, media_type)"#,
            ),
        ),
    ])
}

/// A variable that nobody sees: the query for the names of providers, which panels insert.
///
/// It is in one line, because Grafana looks for the query of a variable in the first line only.
fn names() -> Value {
    let query = PROVIDER_NAMES.split_whitespace().collect::<Vec<_>>().join(" ");
    let option = json!({ "selected": true, "text": query, "value": query });
    json!({
        "current": option,
        "hide": 2,
        "name": NAMES_VARIABLE,
        "options": [option],
        "query": query,
        "skipUrlSync": true,
        "type": "constant",
    })
}

/// The variable of providers: its list shows names, its values are ids. Grafana applies the expression to each series
/// of the result, written as in PromQL with the labels in alphabetical order.
fn with_texts(mut variable: Value) -> Value {
    variable["regex"] = r#"/provider="(?<text>.*?)",provider_id="(?<value>.*?)"/"#.into();
    variable
}

/// A variable of which several values can be chosen. "All" also includes values that are not in the list.
fn variable(name: &str, label: &str, query: &str) -> Value {
    json!({
        "allValue": ".*",
        "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
        "datasource": datasource(),
        "definition": query,
        "hide": 0,
        "includeAll": true,
        "label": label,
        "multi": true,
        "name": name,
        "options": [],
        "query": { "qryType": 5, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery" },
        "refresh": 2,
        "regex": "",
        "skipUrlSync": false,
        "sort": 5,
        "type": "query",
    })
}
