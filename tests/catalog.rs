//! The catalog: that it is what the service exposes, that all made of it is up to date, and that rules and panels use
//! only metrics and labels that exist.

use std::collections::BTreeMap;
use std::path::PathBuf;

use playarr_jobs::metric::{Kind, PanelKind};
use playarr_metrics::catalog::{Catalog, DOCS, Output};
use playarr_metrics::live::{Event, FieldKind};
use promql_parser::parser::Expr;

use crate::support::library::fixtures;
use crate::support::program::run;
use crate::support::promql::{Known, Names, Query, dashboard, exist, mentioned};
use crate::support::service::Service;
use crate::support::traffic;

#[test]
fn what_is_generated_equals_the_goldens() {
    let catalog = Catalog::default();
    golden("docs/metrics.md", &Output::Markdown.of(&catalog, DOCS));
    golden("fixtures/golden/catalog.json", &Output::Json.of(&catalog, DOCS));
    // Packages that are copied as one folder have their own.
    for folder in ["prometheus", "compose/prometheus", "kubernetes/chart/files"] {
        golden(&format!("packaging/{folder}/playarr.rules.yml"), &Output::Rules.of(&catalog, DOCS));
    }
    for folder in ["grafana", "compose/grafana", "kubernetes/chart/files"] {
        golden(&format!("packaging/{folder}/playarr.json"), &Output::Dashboard.of(&catalog, DOCS));
    }
    golden("clients/node/events.json", &Output::Events.of(&catalog, DOCS));
}

#[test]
fn the_page_on_events_has_each_of_them_with_its_fields_and_values() {
    let page = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/events.md")).unwrap();
    for event in Event::ALL {
        let name = format!("`{}`", event.name);
        let row = page.lines().find(|line| line.starts_with("| ") && line.contains(&name));
        let row = row.unwrap_or_else(|| panic!("{name} has no row"));
        for field in event.fields {
            assert!(row.contains(field.name), "{name} lacks {}: {row}", field.name);
            if let FieldKind::OneOf(values) = field.kind {
                let listed = format!("{} ({})", field.name, values.join(", "));
                assert!(field.name == "media_type" || row.contains(&listed), "{name} lacks {listed}: {row}");
            }
        }
    }
}

/// Compares a file with what it should be, or makes it so with `UPDATE_GOLDEN=1`.
fn golden(name: &str, expected: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{name} line {}; UPDATE_GOLDEN=1 cargo test golden", number + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{name}; UPDATE_GOLDEN=1 cargo test golden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_prints_it_without_a_database_and_with_links_of_ones_own() {
    let settings = [("MONGODB_URI", "no database"), ("REFRESH_INTERVAL", "never")];
    for (format, expected) in [
        ("markdown", Output::Markdown),
        ("json", Output::Json),
        ("rules", Output::Rules),
        ("dashboard", Output::Dashboard),
        ("events", Output::Events),
    ] {
        let output = run(&settings, &["catalog", "--format", format, "--docs", "http://wiki/playarr/"]).await;
        assert!(output.status.success());
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed, expected.of(&Catalog::default(), "http://wiki/playarr"));
        assert!(!printed.contains(DOCS), "{format}");
    }
    let refused = run(&settings, &["catalog", "--format", "csv"]).await;
    assert!(!refused.status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_catalog_lists_what_a_running_service_exposes_and_nothing_else() {
    let service = Service::with(fixtures()).ready().await;
    traffic::report(&service).await;
    let text = service.text().await;

    let described = |keyword: &str| -> BTreeMap<String, String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("# ")?.strip_prefix(keyword)?.split_once(' '));
        lines.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
    };
    let catalog = Catalog::default();
    let expected = |told: fn(&playarr_metrics::catalog::CatalogEntry) -> String| -> BTreeMap<String, String> {
        catalog.entries.iter().map(|entry| (entry.name.to_string(), told(entry))).collect()
    };
    assert_eq!(described("HELP "), expected(|entry| entry.help.to_string()));
    assert_eq!(described("TYPE "), expected(|entry| format!("{:?}", entry.kind).to_lowercase()));

    let exposed = service.series().await;
    for entry in &catalog.entries {
        let (name, mut labels) = match entry.kind {
            Kind::Histogram => (format!("{}_bucket", entry.name), Names::from(["le".to_owned()])),
            Kind::Gauge | Kind::Counter => (entry.name.to_string(), Names::new()),
        };
        labels.extend(entry.labels.iter().map(|label| label.name.to_string()));
        let series = &exposed[&name];
        // They have series for custom metrics and with TLS, and there is neither here.
        let is_absent = ["playarr_metrics_custom_metric_paused", "playarr_metrics_tls_files_in_use"].contains(&&*name);
        assert!(is_absent || !series.is_empty(), "{name}: no series after events of every type");
        for found in series.keys() {
            assert_eq!(found.keys().cloned().collect::<Names>(), labels, "{name}");
            for label in entry.labels.iter().filter(|label| !label.values.is_empty()) {
                assert!(label.values.contains(&&*found[&*label.name]), "{name}: {found:?}");
            }
        }
        if entry.kind == Kind::Histogram {
            let bounds: Vec<f64> = {
                let mut bounds: Vec<f64> = series
                    .keys()
                    .filter_map(|labels| labels["le"].parse().ok())
                    .filter(|le: &f64| le.is_finite())
                    .collect();
                bounds.sort_by(f64::total_cmp);
                bounds.dedup();
                bounds
            };
            assert_eq!(bounds, entry.bounds, "{name}");
        }
    }
}

#[test]
fn rules_use_only_metrics_and_labels_that_exist() {
    let catalog = Catalog::default();
    let known = Known::of(&catalog);
    for alert in catalog.alerts() {
        let labels = known.labels(&alert.expr).unwrap_or_else(|error| panic!("{}: {error}", alert.name));
        for text in [alert.summary, alert.description] {
            exist(&mentioned(&text, "$labels."), &labels).unwrap_or_else(|error| panic!("{}: {error}", alert.name));
            assert!(text.ends_with('.'), "{}: {text}", alert.name);
        }
        assert!(alert.name.starts_with("Playarr") && !alert.hold.is_empty(), "{}", alert.name);
    }
}

/// The queries of the dashboard, without the one for whatever admins defined.
fn dashboard_of_known_metrics() -> impl Iterator<Item = Query> {
    dashboard().into_iter().filter(|query| !query.expr.contains("playarr_custom_.+"))
}

#[test]
fn panels_use_only_metrics_and_labels_that_exist() {
    let catalog = Catalog::default();
    let known = Known::of(&catalog);
    for panel in catalog.panels() {
        let title = panel.title;
        if let PanelKind::Table(units) = panel.kind {
            assert_eq!(units.len(), panel.queries.len(), "{title}: a unit for each column");
        }
        assert!(panel.description.ends_with('.'), "{title}: {}", panel.description);
        assert!(panel.levels.is_sorted_by_key(|&(from, _)| from), "{title}");
    }
    for query in dashboard_of_known_metrics() {
        let (title, expr) = (&query.title, &query.expr);
        let labels = known.labels(expr).unwrap_or_else(|error| panic!("{title}: {error}"));
        exist(&mentioned(&query.legend, "{{"), &labels).unwrap_or_else(|error| panic!("{title}: {error}"));
        let recorded = catalog.recordings().find(|rule| expr.contains(rule.name));
        assert!(recorded.is_none(), "{title}: it must work without the rules");
    }
}

#[test]
fn panels_about_single_providers_show_names() {
    let known = Known::of(&Catalog::default());
    let mut shown = 0;
    for query in dashboard_of_known_metrics() {
        let labels = known.labels(&query.expr).unwrap();
        assert!(!(query.is_table && query.is_range), "{}: a table shows the present", query.title);
        let is_shown = query.is_table || query.legend.contains("provider");
        if is_shown && labels.contains("provider_id") {
            assert!(labels.contains("provider"), "{}: {}", query.title, query.expr);
            assert!(!query.legend.contains("provider_id"), "{}: {}", query.title, query.legend);
            shown += 1;
        }
    }
    assert!(shown > 10, "{shown}");
}

#[test]
fn the_list_of_providers_shows_names_and_stands_for_ids() {
    let dashboard: serde_json::Value = serde_json::from_str(&Output::Dashboard.of(&Catalog::default(), DOCS)).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let variable = |name: &str| variables.iter().find(|variable| variable["name"] == name).unwrap();
    let (names, provider) = (variable("provider_names"), variable("provider"));
    let query = names["query"].as_str().unwrap();
    assert!(!query.contains('\n'), "Grafana finds the query of a variable in one line only");
    // Grafana writes a series with its labels in this order, and takes the list from that by an expression.
    let labels = Known::of(&Catalog::default()).labels(query).unwrap();
    assert_eq!(labels, ["provider", "provider_id", "provider_name"].map(str::to_owned).into());
    assert_eq!(provider["regex"], r#"/provider="(?<text>.*?)",provider_id="(?<value>.*?)"/"#);
    assert_eq!(provider["query"]["query"], "query_result(${provider_names:raw})");
}

#[test]
fn alerts_about_single_providers_show_names_and_leave_disabled_ones_out() {
    let catalog = Catalog::default();
    let known = Known::of(&catalog);
    let about_providers: Vec<_> =
        catalog.alerts().filter(|alert| known.labels(&alert.expr).unwrap().contains("provider_id")).collect();
    assert!(about_providers.len() > 5);
    for alert in about_providers {
        // `or` binds less tightly than `and`: with one in the alert, the condition would hold for a part of it only.
        let Expr::Binary(outermost) = promql_parser::parser::parse(&alert.expr).unwrap() else {
            panic!("{}: {}", alert.name, alert.expr);
        };
        assert_eq!(outermost.op.to_string(), "and", "{}", alert.name);
        assert_eq!(outermost.rhs.to_string(), "provider:playarr_provider_enabled:min1h == 1", "{}", alert.name);
        assert!(alert.summary.contains("{{ $provider }}"), "{}: {}", alert.name, alert.summary);
    }
}

#[test]
fn what_playarr_does_not_report_is_said_beside_it() {
    let catalog = Catalog::default();
    let page = Output::Markdown.of(&catalog, DOCS);
    let dashboard = Output::Dashboard.of(&catalog, DOCS);
    let syncs = catalog.alerts().find(|alert| alert.name == "PlayarrProviderSyncFailureFastBurn").unwrap();
    let note = "Playarr reports no synchronisations by itself";
    for (place, text) in [("alert", &*syncs.description), ("page", &page), ("dashboard", &dashboard)] {
        assert!(text.contains(note), "{place}");
    }
}

#[test]
fn what_does_not_exist_is_found() {
    let known = Known::of(&Catalog::default());
    for (expr, complaint) in [
        ("playarr_nonsense", "there is no metric playarr_nonsense"),
        ("playarr_http_request_duration_seconds", "there is no metric"),
        (r#"playarr_channels_count{genre="News"}"#, "genre"),
        ("sum by (genre) (playarr_channels_count)", "genre"),
        ("playarr_active_users and on (user) playarr_watchlist_channels_count", "user"),
        ("playarr_channels_count / playarr_active_users", "never match"),
        ("histogram_quantile(0.9, playarr_active_users)", "le"),
        ("sum by (", "sum by ("),
    ] {
        let error = known.labels(expr).unwrap_err();
        assert!(error.contains(complaint), "{error}");
    }
    let labels = known.labels("sum by (job, provider_id) (playarr_channels_count) or 0 * playarr_provider_active");
    assert_eq!(labels.unwrap(), Names::from(["instance", "job", "provider_id"].map(str::to_owned)));
}

#[test]
fn the_dashboard_is_laid_out_without_gaps_and_overlaps() {
    let dashboard: serde_json::Value = serde_json::from_str(&Output::Dashboard.of(&Catalog::default(), DOCS)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut heights = [0_u64; 24];
    let mut ids = std::collections::BTreeSet::new();
    for panel in panels {
        let place = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        for column in place("x")..place("x") + place("w") {
            let height = &mut heights[usize::try_from(column).unwrap()];
            assert_eq!(*height, place("y"), "{}", panel["title"]);
            *height += place("h");
        }
        assert!(ids.insert(panel["id"].as_u64().unwrap()));
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
        }
    }
    assert!(heights.iter().all(|height| *height == heights[0]), "{heights:?}");
    assert_eq!(panels.iter().filter(|panel| panel["type"] == "row").count(), 8);
}
