//! `CUSTOM_METRICS_FILE`: custom metrics of people who keep their configuration in files.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use playarr_jobs::custom::{CustomMetric, MAX_METRICS, compile};
use serde::{Deserialize, Serialize};

/// The largest file, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// The content of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomFile {
    /// The metrics.
    pub metrics: Vec<CustomMetric>,
}

/// A file that cannot be used. One line, which names the file.
#[derive(Debug, thiserror::Error)]
pub enum CustomFileError {
    /// It cannot be read.
    #[error("{}: the file cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is larger than any such file.
    #[error("{}: the file has more than {MAX_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is not YAML as it should be.
    #[error(
        "{}: {error}; a list of metrics below the key metrics is accepted, as in \
         docs/custom-metrics.md", path.display()
    )]
    NotYaml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        error: serde_yaml_ng::Error,
    },
    /// Metrics in it cannot be used.
    #[error("{}: {}", path.display(), problems.join("; "))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, each with the metric's name.
        problems: Vec<String>,
    },
}

/// What tells whether a file was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileStamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl FileStamp {
    /// The stamp of a file; `None` where it is not there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { modified: metadata.modified().ok(), bytes: metadata.len() })
    }
}

impl CustomFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// When it cannot be read, or anything in it cannot be used.
    pub fn read(path: &Path) -> Result<Self, CustomFileError> {
        let unreadable = |error| CustomFileError::Unreadable { path: path.to_owned(), error };
        if fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
            return Err(CustomFileError::TooLarge { path: path.to_owned() });
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let file: Self = serde_yaml_ng::from_str(&text)
            .map_err(|error| CustomFileError::NotYaml { path: path.to_owned(), error })?;
        let problems = file.problems();
        if problems.is_empty() { Ok(file) } else { Err(CustomFileError::Invalid { path: path.to_owned(), problems }) }
    }

    /// What is wrong with its metrics, each with the metric's name.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.metrics.len() > MAX_METRICS {
            problems.push(format!("{} metrics are too many; up to {MAX_METRICS} are accepted", self.metrics.len()));
        }
        let mut names = HashSet::new();
        for metric in &self.metrics {
            if !names.insert(&metric.name) {
                problems.push(format!("{} is there twice", metric.name));
            }
            if let Err(found) = compile(metric) {
                problems.extend(found.iter().map(|problem| format!("{}: {problem}", metric.name)));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CustomFile, CustomFileError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("custom.yaml");
        fs::write(&path, text).unwrap();
        CustomFile::read(&path)
    }

    #[test]
    fn stages_are_a_list_or_a_text_and_their_fields_stay_in_order() {
        let list = "metrics:
  - name: playarr_custom_x
    help: Titles by year.
    unit: titles
    collection: titles
    labels: [year]
    value: count
    budget: 500
    pipeline:
      - $match: { createdAt: { $gt: { $date: \"2026-01-01T00:00:00Z\" } } }
      - $sort: { z: 1, a: -1 }
      - $group: { _id: { y: $year }, count: { $sum: 1 } }
";
        let metric = &read(list).unwrap().metrics[0];
        let stages = metric.pipeline.stages().unwrap();
        assert_eq!(stages[1].to_string(), r#"{ "$sort": { "z": 1, "a": -1 } }"#);
        assert!(stages[0].to_string().contains("DateTime") || stages[0].to_string().contains("$date"), "{}", stages[0]);
        let text = "metrics:
  - name: playarr_custom_x
    help: Titles by year.
    collection: titles
    pipeline: |
      [ {\"$count\": \"value\"} ]
";
        assert_eq!(read(text).unwrap().metrics[0].pipeline.stages().unwrap().len(), 1);
    }

    #[test]
    fn what_is_wrong_is_said_with_the_file_and_the_metric() {
        let metric = |name: &str, stage: &str| {
            format!("  - {{ name: {name}, help: A., collection: titles, pipeline: [{{ {stage}: 1 }}] }}\n")
        };
        let two = |first: &str, second: &str| format!("metrics:\n{first}{second}");
        let good = metric("playarr_custom_a", "$limit");
        for (text, expected) in [
            (two(&good, &metric("playarr_custom_b", "$out")), "playarr_custom_b: stage 1 ($out)"),
            (two(&good, &good), "playarr_custom_a is there twice"),
            (two(&good, &metric("titles", "$limit")), "name: \"titles\" is not a name"),
            ("metrics: 1".to_owned(), "invalid type"),
            ("metrics: []\nmore: 1".to_owned(), "unknown field `more`"),
            ("metrics:\n - name: x\n   nme: y".to_owned(), "unknown field `nme`"),
            ("\t".to_owned(), "found character"),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("custom.yaml"), "{error}");
        }
        let missing = CustomFile::read(Path::new("/nowhere/custom.yaml")).unwrap_err().to_string();
        assert!(missing.contains("/nowhere/custom.yaml: the file cannot be read"), "{missing}");
    }
}
