//! Names, texts and numbers of a custom metric: what is accepted, and the limits.

use std::collections::HashSet;

use super::metric::CustomMetric;
use super::problem::MetricProblem;

/// What every name starts with, so that no later built-in metric can have it.
pub const PREFIX: &str = "playarr_custom_";

/// The most custom metrics.
pub const MAX_METRICS: usize = 50;

/// The most labels of one.
pub const MAX_LABELS: usize = 10;

/// The most stages of one, those of sub-pipelines included.
pub const MAX_STAGES: usize = 64;

/// The largest series budget of one.
pub const MAX_BUDGET: usize = 100_000;

/// The longest name, in bytes.
const MAX_NAME: usize = 128;

/// The longest text, in bytes.
const MAX_TEXT: usize = 500;

/// Endings that promise another type of metric.
const OTHER_TYPES: [&str; 5] = ["_total", "_bucket", "_created", "_info", "_sum"];

/// Labels that Prometheus gives each series, or that mean something in histograms and summaries.
const RESERVED_LABELS: [&str; 4] = ["job", "instance", "le", "quantile"];

/// What is wrong with the fields other than the pipeline.
pub(super) fn problems(metric: &CustomMetric) -> Vec<MetricProblem> {
    let texts = [("help", &metric.help), ("unit", &metric.unit)].map(|(field, text)| text_problem(field, text));
    let value = (!is_path(&metric.value)).then(|| {
        let found = &metric.value;
        MetricProblem::new(format!(
            "value: {found:?} is not a field; write the name of one, or a path such as stats.count"
        ))
    });
    let budget = metric.budget.filter(|budget| !(1..=MAX_BUDGET).contains(budget)).map(|budget| {
        MetricProblem::new(format!("budget: {budget} is out of range; 1 to {MAX_BUDGET} series are accepted"))
    });
    let problems = [name_problem(&metric.name)].into_iter().chain(texts).chain([value, budget]).flatten();
    problems.chain(label_problems(&metric.labels)).collect()
}

fn name_problem(name: &str) -> Option<MetricProblem> {
    let rest = name.strip_prefix(PREFIX);
    let is_word =
        |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let complaint = if !rest.is_some_and(is_word) {
        format!("is not a name; write {PREFIX} followed by letters, digits and _")
    } else if name.len() > MAX_NAME {
        format!("has {} bytes; up to {MAX_NAME} are accepted", name.len())
    } else if let Some(ending) = OTHER_TYPES.iter().find(|ending| name.ends_with(*ending)) {
        format!(
            "ends in {ending}, which promises another type of metric; a custom metric is a gauge, so end it otherwise"
        )
    } else {
        return None;
    };
    Some(MetricProblem::new(format!("name: {name:?} {complaint}")))
}

fn text_problem(field: &str, text: &str) -> Option<MetricProblem> {
    let complaint = if text.trim().is_empty() {
        "is empty; say in a few words what the values are".to_owned()
    } else if text.len() > MAX_TEXT {
        format!("has {} bytes; up to {MAX_TEXT} are accepted", text.len())
    } else if text.contains(['"', '\\']) || text.contains(char::is_control) {
        "has a double quote, a backslash or a control character; write it without them".to_owned()
    } else {
        return None;
    };
    Some(MetricProblem::new(format!("{field}: the text {complaint}")))
}

fn label_problems(labels: &[String]) -> Vec<MetricProblem> {
    let mut problems = Vec::new();
    if labels.len() > MAX_LABELS {
        problems.push(MetricProblem::new(format!(
            "labels: {} are too many; up to {MAX_LABELS} are accepted",
            labels.len()
        )));
    }
    let mut seen = HashSet::new();
    for label in labels {
        let complaint = if !is_label(label) {
            "is not a label name; letters, digits and _ are accepted, not starting with a digit"
        } else if label.starts_with("__") || RESERVED_LABELS.contains(&label.as_str()) {
            "is reserved by Prometheus; choose another name"
        } else if label == "value" {
            "is the name under which the value is read; choose another name"
        } else if label.len() > MAX_NAME {
            "is too long; up to 128 bytes are accepted"
        } else if !seen.insert(label) {
            "is there twice"
        } else {
            continue;
        };
        problems.push(MetricProblem::new(format!("labels: {label:?} {complaint}")));
    }
    problems
}

fn is_label(name: &str) -> bool {
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_word && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Whether it names a field, or one within others.
fn is_path(path: &str) -> bool {
    let is_field = |field: &str| !field.is_empty() && !field.contains(['$', '\0']);
    path.len() <= MAX_NAME && path.split('.').all(is_field)
}
