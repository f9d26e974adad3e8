//! The document of one custom metric in our collection, with its last revisions.

use mongodb::bson::{Bson, DateTime, Document, doc};
use playarr_jobs::custom::CustomMetric;

/// The form of the documents written here. A later one is left alone and said.
const FORM: i32 = 1;

/// How many revisions before the present one are kept.
const MAX_HISTORY: usize = 10;

/// One state of a custom metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Revision {
    /// Its number; it grows with each change.
    pub(crate) number: i64,
    /// The metric; `None` where it was deleted.
    pub(crate) metric: Option<CustomMetric>,
    /// The admin who made it.
    pub(crate) author: String,
    /// When, by the clock of the instance that wrote it.
    pub(crate) time: DateTime,
}

/// A custom metric of the page: what it is, and what it was.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CustomRecord {
    /// Its name.
    pub(crate) name: String,
    /// What it is now.
    pub(crate) current: Revision,
    /// What it was before, oldest first.
    pub(crate) history: Vec<Revision>,
}

/// Why a document is no custom metric.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CustomRecordError {
    /// Written by a later version of this program.
    #[error("the custom metric {0} was written by a later version of this program; it is left alone")]
    LaterForm(String),
    /// Not as this program writes it.
    #[error("the custom metric {name} in playarr_metrics cannot be read: {reason}; define it again")]
    Broken {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

impl CustomRecord {
    /// The first revision of a metric.
    pub(super) fn first(name: &str, metric: CustomMetric, author: &str) -> Self {
        let current = Revision { number: 1, metric: Some(metric), author: author.to_owned(), time: DateTime::now() };
        Self { name: name.to_owned(), current, history: Vec::new() }
    }

    /// The record after a change; `None` deletes the metric.
    pub(super) fn changed(mut self, metric: Option<CustomMetric>, author: &str) -> Self {
        let number = self.current.number.saturating_add(1);
        let next = Revision { number, metric, author: author.to_owned(), time: DateTime::now() };
        self.history.push(std::mem::replace(&mut self.current, next));
        if self.history.len() > MAX_HISTORY {
            self.history.remove(0);
        }
        self
    }

    /// The record with the revision before the present one, which is forgotten. `None` if there is none.
    pub(super) fn undone(mut self, author: &str) -> Option<Self> {
        let before = self.history.pop()?;
        let number = self.current.number.saturating_add(1);
        self.current = Revision { number, metric: before.metric, author: author.to_owned(), time: DateTime::now() };
        Some(self)
    }

    /// The document.
    ///
    /// # Errors
    /// When the metric cannot be written as JSON.
    pub(super) fn to_document(&self) -> Result<Document, serde_json::Error> {
        let history = self.history.iter().map(Revision::to_document).collect::<Result<Vec<_>, _>>()?;
        let mut document = self.current.to_document()?;
        document.insert("name", &self.name);
        document.insert("form", FORM);
        document.insert("history", history);
        Ok(document)
    }

    /// The record in a document.
    ///
    /// # Errors
    /// When the document is of a later form, or broken.
    pub(super) fn from_document(document: &Document) -> Result<Self, CustomRecordError> {
        let name = document.get_str("name").unwrap_or_default().to_owned();
        match document.get("form") {
            Some(Bson::Int32(form)) if *form == FORM => {}
            Some(Bson::Int32(form)) if *form > FORM => return Err(CustomRecordError::LaterForm(name)),
            _ => return Err(CustomRecordError::Broken { name, reason: "it has no form".to_owned() }),
        }
        let revision = |document| {
            Revision::from_document(document).map_err(|reason| CustomRecordError::Broken { name: name.clone(), reason })
        };
        let current = revision(document)?;
        let history = document.get_array("history").map(Vec::as_slice).unwrap_or_default();
        let history = history.iter().filter_map(Bson::as_document).map(revision).collect::<Result<_, _>>()?;
        Ok(Self { name, current, history })
    }
}

impl Revision {
    /// The metric is a text of JSON: MongoDB reserves the `$` with which the names of its stages begin.
    fn to_document(&self) -> Result<Document, serde_json::Error> {
        let metric = self.metric.as_ref().map(serde_json::to_string).transpose()?;
        Ok(doc! { "revision": self.number, "metric": metric, "author": &self.author, "time": self.time })
    }

    fn from_document(document: &Document) -> Result<Self, String> {
        let metric = match document.get("metric") {
            None | Some(Bson::Null) => None,
            Some(Bson::String(text)) => Some(serde_json::from_str(text).map_err(|error| error.to_string())?),
            Some(_) => return Err("its metric is not a text".to_owned()),
        };
        let number = document.get_i64("revision").map_err(|_| "it has no revision".to_owned())?;
        let author = document.get_str("author").unwrap_or_default().to_owned();
        let time = document.get_datetime("time").copied().unwrap_or(DateTime::from_millis(0));
        Ok(Self { number, metric, author, time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(help: &str) -> CustomMetric {
        let text = format!(
            r#"{{"name":"playarr_custom_x","help":"{help}","collection":"titles","labels":["b","a"],
                "pipeline":[{{"$sort":{{"z":1,"a":-1}}}},{{"$match":{{"d":{{"$date":"2026-01-01T00:00:00Z"}}}}}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again_in_the_same_order() {
        let record =
            CustomRecord::first("playarr_custom_x", metric("One."), "admin").changed(Some(metric("Two.")), "root");
        let again = CustomRecord::from_document(&record.to_document().unwrap()).unwrap();
        assert_eq!(again, record);
        let text = serde_json::to_string(&again.current.metric).unwrap();
        assert!(text.contains(r#"{"$sort":{"z":1,"a":-1}}"#), "{text}");
    }

    #[test]
    fn undo_goes_back_revision_by_revision_even_past_a_deletion() {
        let record = CustomRecord::first("x", metric("One."), "admin").changed(Some(metric("Two.")), "admin");
        let deleted = record.changed(None, "admin");
        assert_eq!(deleted.current.metric, None);
        let back = deleted.undone("root").unwrap();
        assert_eq!(back.current.metric, Some(metric("Two.")));
        assert_eq!((back.current.number, back.current.author.as_str()), (4, "root"), "an undo is a change as well");
        let first = back.undone("root").unwrap();
        assert_eq!(first.current.metric, Some(metric("One.")));
        assert!(first.undone("root").is_none());
    }

    #[test]
    fn the_highest_revision_there_is_stays() {
        let mut document = CustomRecord::first("x", metric("One."), "admin").to_document().unwrap();
        document.insert("revision", i64::MAX);
        let changed = CustomRecord::from_document(&document).unwrap().changed(None, "root");
        assert_eq!(changed.current.number, i64::MAX);
        assert_eq!(changed.undone("root").unwrap().current.metric, Some(metric("One.")));
    }

    #[test]
    fn ten_revisions_are_kept() {
        let mut record = CustomRecord::first("x", metric("0."), "admin");
        for number in 1..=15 {
            record = record.changed(Some(metric(&format!("{number}."))), "admin");
        }
        assert_eq!(record.history.len(), 10);
        assert_eq!(record.history[0].metric, Some(metric("5.")));
    }

    #[test]
    fn a_later_form_is_left_alone_and_a_broken_one_is_named() {
        let mut document = CustomRecord::first("x", metric("One."), "admin").to_document().unwrap();
        document.insert("form", 2);
        assert!(
            matches!(CustomRecord::from_document(&document), Err(CustomRecordError::LaterForm(name)) if name == "x")
        );
        document.insert("form", 1);
        document.insert("metric", "{}");
        let error = CustomRecord::from_document(&document).unwrap_err().to_string();
        assert!(error.contains("custom metric x") && error.contains("missing field"), "{error}");
    }
}
