//! Custom metrics in the JSON of the API: the fields of the YAML, with what the service knows of each beside them.

use std::time::SystemTime;

use mongodb::bson::DateTime;
use playarr_jobs::custom::{CustomMetric, MetricProblem, Pipeline, Preview};
use playarr_jobs::metric::Family;
use playarr_jobs::refresh::Collector;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::metrics::{CustomEntry, DefinedIn};
use super::record::Revision;
use crate::exposition::{Format, render};

/// A metric as an admin sends it. What the service adds to its answers is accepted and ignored, so that an answer can
/// be changed and sent back; only `revision` counts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Submitted {
    name: Option<String>,
    #[serde(default)]
    help: String,
    unit: Option<String>,
    #[serde(default)]
    collection: String,
    #[serde(default)]
    labels: Vec<String>,
    value: Option<String>,
    budget: Option<usize>,
    pipeline: Pipeline,
    /// The revision that the admin has seen.
    pub(crate) revision: Option<i64>,
    #[serde(default, rename = "status")]
    _status: IgnoredAny,
    #[serde(default, rename = "history")]
    _history: IgnoredAny,
}

impl Submitted {
    /// The metric; `name` is that of the route.
    ///
    /// # Errors
    /// When the body names another one.
    pub(crate) fn metric(self, name: Option<&str>) -> Result<CustomMetric, MetricProblem> {
        let name = match (name, self.name) {
            (Some(route), Some(body)) if route != body => {
                let problem = format!(
                    "name: {body:?} is not the name in the URL, {route:?}; to rename a metric, define \
                                       it under the new name and delete the old one"
                );
                return Err(MetricProblem::new(problem));
            }
            (Some(name), _) => name.to_owned(),
            (None, name) => name.unwrap_or_default(),
        };
        Ok(CustomMetric {
            name,
            help: self.help,
            unit: self.unit.unwrap_or_else(|| "values".to_owned()),
            collection: self.collection,
            labels: self.labels,
            value: self.value.unwrap_or_else(|| "value".to_owned()),
            budget: self.budget,
            pipeline: self.pipeline,
        })
    }
}

/// A metric as the API shows it.
#[derive(Serialize)]
pub(crate) struct ShownMetric<'a> {
    #[serde(flatten)]
    metric: &'a CustomMetric,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<i64>,
    status: ShownStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<Past<'a>>>,
}

/// What the service knows of a metric.
#[derive(Serialize)]
struct ShownStatus {
    /// `page` or `file`.
    origin: &'static str,
    /// `ok`, `waiting` for its first run, `failing`, `paused` or `invalid`.
    state: &'static str,
    /// Why it fails, or is not run.
    error: Option<String>,
    series: usize,
    folded: usize,
    paused_since: Option<String>,
    author: Option<String>,
    updated: Option<String>,
    /// Whether one of this name that was defined on the page does not run, because the file has it too.
    hides_page: bool,
}

/// An earlier revision.
#[derive(Serialize)]
struct Past<'a> {
    revision: i64,
    author: &'a str,
    updated: Option<String>,
    metric: Option<&'a CustomMetric>,
}

impl<'a> ShownMetric<'a> {
    /// A metric, how it ran last, and what it was before (newest first).
    #[must_use]
    pub(crate) fn new(entry: &'a CustomEntry, collector: Option<&Collector>, history: Option<&'a [Revision]>) -> Self {
        let error = collector.and_then(|collector| collector.error.clone());
        let problems: Vec<_> = entry.problems.iter().map(|problem| problem.message.as_str()).collect();
        let state = match (&error, collector) {
            _ if !problems.is_empty() => "invalid",
            _ if entry.pause.is_some() => "paused",
            (Some(_), _) => "failing",
            (None, Some(_)) => "ok",
            (None, None) => "waiting",
        };
        let revision = entry.revision.as_ref();
        let past = |history: &'a [Revision]| history.iter().rev().map(Past::of).collect();
        Self {
            metric: &entry.metric,
            revision: revision.map(|revision| revision.number),
            status: ShownStatus {
                origin: match entry.origin {
                    DefinedIn::Page => "page",
                    DefinedIn::File => "file",
                },
                state,
                error: if problems.is_empty() { error } else { Some(problems.join("; ")) },
                series: collector.map_or(0, Collector::series),
                folded: collector.map_or(0, |collector| collector.folded),
                paused_since: entry.pause.as_ref().and_then(|pause| time(DateTime::from_system_time(pause.since))),
                author: revision.map(|revision| revision.author.clone()),
                updated: revision.and_then(|revision| time(revision.time)),
                hides_page: entry.hides_page,
            },
            history: history.map(past),
        }
    }
}

impl<'a> Past<'a> {
    fn of(revision: &'a Revision) -> Self {
        Self {
            revision: revision.number,
            author: &revision.author,
            updated: time(revision.time),
            metric: revision.metric.as_ref(),
        }
    }
}

/// The answer to a preview, and to a metric that is not valid.
#[derive(Debug, Default, Serialize)]
pub(crate) struct PreviewAnswer {
    /// What is wrong, in one sentence; as in every answer that is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    valid: bool,
    errors: Vec<MetricProblem>,
    warnings: Vec<String>,
    series: usize,
    folded: usize,
    largest_label: Option<LargestLabel>,
    sample: String,
    duration_seconds: f64,
    documents_examined: Option<u64>,
    keys_examined: Option<u64>,
    index: Option<String>,
}

#[derive(Debug, Serialize)]
struct LargestLabel {
    name: String,
    values: usize,
}

impl PreviewAnswer {
    /// For a metric that cannot be used.
    #[must_use]
    pub(crate) fn invalid(errors: Vec<MetricProblem>) -> Self {
        let messages: Vec<_> = errors.iter().map(|problem| problem.message.as_str()).collect();
        Self { error: Some(messages.join("; ")), errors, ..Self::default() }
    }

    /// For one that can.
    #[must_use]
    pub(crate) fn valid(preview: Preview) -> Self {
        Self {
            error: None,
            valid: true,
            errors: Vec::new(),
            warnings: preview.warnings,
            series: preview.series,
            folded: preview.folded,
            largest_label: preview.largest_label.map(|(name, values)| LargestLabel { name, values }),
            sample: text(&preview.sample),
            duration_seconds: preview.duration.as_secs_f64(),
            documents_examined: preview.cost.documents,
            keys_examined: preview.cost.keys,
            index: preview.cost.index,
        }
    }

    /// What would be exposed.
    #[must_use]
    pub(crate) fn sample(&self) -> &str {
        &self.sample
    }
}

fn text(family: &Family) -> String {
    let mut out = Vec::new();
    render(family, Format::Text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn time(time: DateTime) -> Option<String> {
    // The format cannot write other years.
    let is_usual = (0..253_402_300_800_000).contains(&time.timestamp_millis());
    is_usual.then(|| humantime::format_rfc3339_millis(SystemTime::from(time)).to_string())
}
