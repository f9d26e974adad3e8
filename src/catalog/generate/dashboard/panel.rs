//! A panel in Grafana's form.

use playarr_jobs::metric::{Level, Panel, PanelKind, Unit};
use serde_json::{Map, Value, json};

use crate::catalog::generate::provider_names;
use crate::catalog::generate::unreported::with_note;

/// Headings of the columns that show labels.
const HEADINGS: [(&str, &str); 8] = [
    ("provider", "Provider"),
    ("collector", "Collector"),
    ("job_type", "Job"),
    ("username", "User"),
    ("operation", "Operation"),
    ("instance", "Instance"),
    ("version", "Version"),
    ("revision", "Revision"),
];

/// The data source that the viewer chose.
pub(super) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// The panel, without its place; `note` says what Playarr does not report of its metric.
pub(super) fn json(panel: &Panel, note: Option<&str>) -> Value {
    let (kind, options) = match panel.kind {
        PanelKind::Stat => ("stat", stat_options(panel)),
        PanelKind::Lines | PanelKind::Stacked => ("timeseries", lines_options()),
        PanelKind::Bars => ("bargauge", bars_options()),
        PanelKind::Table(_) => ("table", json!({ "cellHeight": "sm", "showHeader": true })),
    };
    let targets: Vec<_> = panel.queries.iter().zip('A'..='Z').map(|(query, id)| target(panel, *query, id)).collect();
    let mut json = json!({
        "datasource": datasource(),
        "description": with_note(panel.description, note),
        "fieldConfig": { "defaults": defaults(panel), "overrides": overrides(panel) },
        "options": options,
        "targets": targets,
        "title": panel.title,
        "type": kind,
    });
    if matches!(panel.kind, PanelKind::Table(_)) {
        json["transformations"] = transformations(panel);
    }
    json
}

fn target(panel: &Panel, (expr, legend): (&str, &str), id: char) -> Value {
    let is_range = matches!(panel.kind, PanelKind::Lines | PanelKind::Stacked);
    let is_table = matches!(panel.kind, PanelKind::Table(_));
    let (expr, legend) = if provider_names::is_shown(expr, legend, is_table) {
        provider_names::named_in_panel(expr, legend)
    } else {
        (expr.to_owned(), legend.to_owned())
    };
    json!({
        "datasource": datasource(),
        "editorMode": "code",
        "expr": expr,
        "format": if is_table { "table" } else { "time_series" },
        "instant": !is_range,
        "legendFormat": legend,
        "range": is_range,
        "refId": id,
    })
}

fn defaults(panel: &Panel) -> Value {
    let is_lines = matches!(panel.kind, PanelKind::Lines | PanelKind::Stacked);
    let color = match (panel.levels, is_lines) {
        (_, true) => json!({ "mode": "palette-classic" }),
        ([], false) => json!({ "mode": "fixed", "fixedColor": "blue" }),
        (_, false) => json!({ "mode": "thresholds" }),
    };
    let mut defaults = json!({
        "color": color,
        "mappings": [],
        "thresholds": { "mode": "absolute", "steps": steps(panel.levels) },
    });
    merge(&mut defaults, unit(panel.unit));
    if is_lines || panel.kind == PanelKind::Bars {
        defaults["min"] = 0.into();
    }
    if is_lines {
        defaults["custom"] = curve(panel);
    } else if panel.unit == Unit::Ratio {
        defaults["max"] = 1.into();
    }
    defaults
}

fn curve(panel: &Panel) -> Value {
    let is_stacked = panel.kind == PanelKind::Stacked;
    json!({
        "drawStyle": "line",
        "fillOpacity": if is_stacked { 25 } else { 5 },
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "showPoints": "auto",
        "spanNulls": false,
        "stacking": { "group": "A", "mode": if is_stacked { "normal" } else { "none" } },
        "thresholdsStyle": { "mode": if panel.levels.is_empty() { "off" } else { "dashed" } },
    })
}

fn steps(levels: &[(f64, Level)]) -> Vec<Value> {
    if levels.is_empty() {
        return vec![json!({ "color": "blue", "value": null })];
    }
    let color = |level| match level {
        Level::Good => "green",
        Level::Warn => "orange",
        Level::Bad => "red",
    };
    let step = |(position, &(from, level)): (usize, &(f64, Level))| {
        let from = if position == 0 { Value::Null } else { from.into() };
        json!({ "color": color(level), "value": from })
    };
    levels.iter().enumerate().map(step).collect()
}

/// Grafana's name of a unit, and what goes with it.
fn unit(unit: Unit) -> Value {
    match unit {
        Unit::Count => json!({ "unit": "locale", "decimals": 0 }),
        Unit::PerMinute => json!({ "unit": "cpm" }),
        Unit::Seconds => json!({ "unit": "s" }),
        Unit::Bytes => json!({ "unit": "bytes" }),
        Unit::Ratio => json!({ "unit": "percentunit" }),
        Unit::FromNow => json!({ "unit": "dateTimeFromNow" }),
        Unit::YesNo => json!({ "unit": "none", "mappings": [
            { "type": "value", "options": { "0": { "text": "no", "color": "red", "index": 0 } } },
            { "type": "range", "options": {
                "from": 1,
                "to": null,
                "result": { "text": "yes", "color": "green", "index": 1 },
            } },
        ] }),
    }
}

/// The units of a table's columns.
fn overrides(panel: &Panel) -> Vec<Value> {
    let PanelKind::Table(units) = panel.kind else { return Vec::new() };
    let column = |(&(_, heading), &column): (&(&str, &str), &Unit)| {
        let settings: Map<_, _> = match unit(column) {
            Value::Object(settings) => settings,
            _ => Map::new(),
        };
        let mut properties: Vec<_> =
            settings.into_iter().map(|(id, value)| json!({ "id": id, "value": value })).collect();
        if column == Unit::YesNo {
            properties.push(json!({ "id": "custom.cellOptions", "value": { "type": "color-text" } }));
        }
        json!({ "matcher": { "id": "byName", "options": heading }, "properties": properties })
    };
    panel.queries.iter().zip(units).map(column).collect()
}

/// One row for each label set, under headings for people.
fn transformations(panel: &Panel) -> Value {
    let mut names: Map<_, _> = HEADINGS.iter().map(|&(label, heading)| (label.to_owned(), heading.into())).collect();
    for (&(_, heading), id) in panel.queries.iter().zip('A'..='Z') {
        let value = if panel.queries.len() == 1 { "Value".to_owned() } else { format!("Value #{id}") };
        names.insert(value, heading.into());
    }
    json!([
        { "id": "merge", "options": {} },
        { "id": "organize", "options": {
            "excludeByName": { "Time": true, "provider_id": true },
            "renameByName": names,
        } },
    ])
}

fn stat_options(panel: &Panel) -> Value {
    json!({
        "colorMode": if panel.levels.is_empty() { "none" } else { "value" },
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": last(),
        "textMode": "auto",
    })
}

fn bars_options() -> Value {
    json!({
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": last(),
        "showUnfilled": true,
        "valueMode": "color",
    })
}

fn lines_options() -> Value {
    json!({
        "legend": {
            "calcs": ["lastNotNull", "max"],
            "displayMode": "table",
            "placement": "right",
            "showLegend": true,
            "sortBy": "Last *",
            "sortDesc": true,
        },
        "tooltip": { "mode": "multi", "sort": "desc" },
    })
}

fn last() -> Value {
    json!({ "calcs": ["lastNotNull"], "fields": "", "values": false })
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}
