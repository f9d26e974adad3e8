//! Metrics of mongodb-query-exporter (version 3 of its configuration), written as ours.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, doc};
use playarr_jobs::custom::{CustomMetric, PREFIX, Pipeline};
use serde::Deserialize;

use super::file::CustomFile;

/// A configuration that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// It is not YAML as the exporter takes it.
    #[error("the file is not a configuration of mongodb-query-exporter, version 3: {0}")]
    NotYaml(#[from] serde_yaml_ng::Error),
    /// It is of another version.
    #[error("the file is of version {0}, and version 3 of mongodb-query-exporter is accepted")]
    Version(String),
}

/// What came of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Imported {
    /// The metrics.
    pub(crate) file: CustomFile,
    /// What could not be taken over as it was, in whole sentences.
    pub(crate) notes: Vec<String>,
}

#[derive(Deserialize)]
struct ExporterFile {
    version: Option<serde_yaml_ng::Value>,
    #[serde(default)]
    aggregations: Vec<ExportedAggregation>,
}

#[derive(Deserialize)]
struct ExportedAggregation {
    #[serde(default)]
    database: String,
    collection: String,
    pipeline: Pipeline,
    #[serde(default)]
    metrics: Vec<ExportedMetric>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExportedMetric {
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    help: String,
    #[serde(default = "default_value")]
    value: String,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    const_labels: BTreeMap<String, String>,
    #[serde(default)]
    override_empty: bool,
    #[serde(default)]
    empty_value: f64,
}

fn default_value() -> String {
    "value".to_owned()
}

/// Reads a configuration.
///
/// # Errors
/// When it is none of version 3.
pub(crate) fn import(text: &str) -> Result<Imported, ImportError> {
    let exporter: ExporterFile = serde_yaml_ng::from_str(text)?;
    let version = exporter.version.as_ref().and_then(|version| match version {
        serde_yaml_ng::Value::Number(number) => Some(number.to_string()),
        serde_yaml_ng::Value::String(text) => Some(text.clone()),
        _ => None,
    });
    match version {
        Some(version) if version.split('.').next() == Some("3") => {}
        version => return Err(ImportError::Version(version.unwrap_or_else(|| "none".to_owned()))),
    }
    let (mut metrics, mut notes) = (Vec::new(), Vec::new());
    for aggregation in &exporter.aggregations {
        for metric in &aggregation.metrics {
            metrics.extend(metric.ours(aggregation, &mut notes));
        }
    }
    Ok(Imported { file: CustomFile { metrics }, notes })
}

impl ExportedMetric {
    fn ours(&self, aggregation: &ExportedAggregation, notes: &mut Vec<String>) -> Option<CustomMetric> {
        let name = our_name(&self.name);
        if self.kind.as_deref().is_some_and(|kind| kind != "gauge") {
            let kind = self.kind.as_deref().unwrap_or_default();
            notes.push(format!("{} is a {kind} and was left away: a custom metric is a gauge.", self.name));
            return None;
        }
        if name != self.name {
            notes.push(format!("{} is called {name} here.", self.name));
        }
        if !aggregation.database.is_empty() {
            notes.push(format!(
                "{name} reads the database of MONGODB_DB_NAME; the exporter read {}.",
                aggregation.database
            ));
        }
        let help = self.help.replace(['"', '\\'], "'").replace(char::is_control, " ").trim().to_owned();
        let mut labels = self.labels.clone();
        labels.extend(self.const_labels.keys().cloned());
        Some(CustomMetric {
            help: if help.is_empty() { format!("{} of mongodb-query-exporter.", self.name) } else { help },
            name,
            unit: "values".to_owned(),
            collection: aggregation.collection.clone(),
            labels,
            value: self.value.clone(),
            budget: None,
            pipeline: self.pipeline(&aggregation.pipeline, notes),
        })
    }

    /// The pipeline, with stages for what the exporter adds to its documents.
    fn pipeline(&self, pipeline: &Pipeline, notes: &mut Vec<String>) -> Pipeline {
        let mut added: Vec<Document> = Vec::new();
        if self.override_empty {
            // One document, also where there is none to collect.
            let empty = doc! { self.value.clone(): self.empty_value };
            let rows = doc! { "$cond": [{ "$eq": [{ "$size": "$rows" }, 0] }, [empty], "$rows"] };
            added.extend([
                doc! { "$facet": { "rows": [{ "$match": {} }] } },
                doc! { "$project": { "rows": rows } },
                doc! { "$unwind": "$rows" },
                doc! { "$replaceRoot": { "newRoot": "$rows" } },
            ]);
        }
        if !self.const_labels.is_empty() {
            let labels =
                self.const_labels.iter().map(|(label, value)| (label.clone(), doc! { "$literal": value }.into()));
            added.push(doc! { "$set": labels.collect::<Document>() });
        }
        match pipeline.stages() {
            Ok(mut stages) => {
                stages.extend(added.into_iter().map(Bson::Document));
                Pipeline::Stages(stages)
            }
            Err(error) => {
                notes.push(format!("The pipeline of {} cannot be read: {error}.", self.name));
                pipeline.clone()
            }
        }
    }
}

/// The name with our prefix and without an ending that promises a counter.
fn our_name(name: &str) -> String {
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    let rest = rest.strip_suffix("_total").unwrap_or(rest);
    format!("{PREFIX}{rest}")
}

#[cfg(test)]
mod tests {
    use playarr_jobs::custom::compile;

    use super::*;

    const CONFIGURATION: &str = r#"
version: 3.0
bind: 0.0.0.0:9412
global: { queryTimeout: 3s }
servers: [{ name: main, uri: "mongodb://localhost:27017" }]
aggregations:
- database: playarr
  servers: [main]
  collection: titles
  cache: 0
  mode: pull
  metrics:
  - name: titles_total
    type: gauge
    help: 'Titles by "type"'
    value: total
    labels: [type]
    constLabels: { region: eu }
    overrideEmpty: true
    emptyValue: 0
  - name: titles_histogram
    type: histogram
    value: total
  pipeline: |
    [ {"$group": {"_id": "$type", "total": {"$sum": 1}}}, {"$project": {"type": "$_id", "total": 1}} ]
"#;

    #[test]
    fn a_configuration_becomes_metrics_that_can_be_used() {
        let Imported { file, notes } = import(CONFIGURATION).unwrap();
        let [metric] = file.metrics.as_slice() else { panic!("{file:?}") };
        assert_eq!((metric.name.as_str(), metric.help.as_str()), ("playarr_custom_titles", "Titles by 'type'"));
        assert_eq!((metric.labels.as_slice(), metric.value.as_str()), (&["type".into(), "region".into()][..], "total"));
        assert!(compile(metric).is_ok(), "{:?}", compile(metric).err());
        let stages = metric.pipeline.stages().unwrap();
        assert_eq!(stages.len(), 7);
        assert_eq!(stages[6].to_string(), r#"{ "$set": { "region": { "$literal": "eu" } } }"#);
        assert!(notes.iter().any(|note| note.contains("titles_histogram")), "{notes:?}");
        assert!(notes.iter().any(|note| note.contains("the exporter read playarr")), "{notes:?}");

        let written = serde_yaml_ng::to_string(&file).unwrap();
        let again: CustomFile = serde_yaml_ng::from_str(&written).unwrap();
        assert_eq!(again, file, "{written}");
    }

    #[test]
    fn another_version_is_refused() {
        for (text, version) in [("version: 2.0", "2.0"), ("aggregations: []", "none"), ("version: '4'", "4")] {
            let error = import(text).unwrap_err().to_string();
            assert!(error.contains(&format!("version {version}")), "{error}");
        }
        assert!(matches!(import("[]"), Err(ImportError::NotYaml(_))));
    }
}
