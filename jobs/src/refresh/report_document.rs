//! Reports as documents of MongoDB: for the instances that show what another one has counted.
//!
//! Times are ages, so that no clock of another machine matters.

use std::time::{Duration, SystemTime};

use mongodb::bson::{Bson, Document, doc};

use super::report::{CollectorReport, Report, Trigger};

impl Report {
    /// The document of a report at this moment.
    #[must_use]
    pub fn to_document(&self) -> Document {
        doc! {
            "generation": signed(self.generation),
            "trigger": self.trigger.as_str(),
            "age_ms": milliseconds(self.started.elapsed().unwrap_or_default()),
            "duration_us": micros(self.duration),
            "collectors": self.collectors.iter().map(|report| Bson::from(report.to_document())).collect::<Vec<_>>(),
        }
    }

    /// The report of a document that was made `elapsed` ago; `None` if it is none.
    #[must_use]
    pub fn from_document(document: &Document, elapsed: Duration) -> Option<Self> {
        let age = Duration::from_millis(number(document, "age_ms")?).saturating_add(elapsed);
        let collectors = document.get_array("collectors").ok()?.iter();
        Some(Self {
            generation: number(document, "generation")?,
            trigger: Trigger::named(document.get_str("trigger").ok()?)?,
            started: SystemTime::now().checked_sub(age)?,
            duration: Duration::from_micros(number(document, "duration_us")?),
            collectors: collectors
                .map(|one| CollectorReport::from_document(one.as_document()?))
                .collect::<Option<_>>()?,
        })
    }
}

impl CollectorReport {
    /// The document of a collector's part.
    #[must_use]
    pub fn to_document(&self) -> Document {
        doc! {
            "name": &self.name,
            "series": signed(self.series as u64),
            "folded": signed(self.folded as u64),
            "duration_us": micros(self.duration),
            "error": self.error.clone(),
            "kept": self.is_kept,
        }
    }

    /// The part of a document; `None` if it is none.
    #[must_use]
    pub fn from_document(document: &Document) -> Option<Self> {
        Some(Self {
            name: document.get_str("name").ok()?.to_owned(),
            series: usize::try_from(number(document, "series")?).ok()?,
            folded: usize::try_from(number(document, "folded")?).ok()?,
            duration: Duration::from_micros(number(document, "duration_us")?),
            error: document.get_str("error").ok().map(str::to_owned),
            is_kept: document.get_bool("kept").ok()?,
        })
    }
}

impl Trigger {
    /// The trigger of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trigger| trigger.as_str() == name)
    }
}

fn number(document: &Document, name: &str) -> Option<u64> {
    document.get_i64(name).ok().and_then(|number| u64::try_from(number).ok())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_written_and_gets_older() {
        let collector = |name: &str, error: Option<&str>| CollectorReport {
            name: name.to_owned(),
            series: 3,
            folded: 2,
            duration: Duration::from_micros(1_234_567),
            error: error.map(str::to_owned),
            is_kept: error.is_none(),
        };
        let report = Report {
            generation: 7,
            trigger: Trigger::Change,
            started: SystemTime::now() - Duration::from_secs(100),
            duration: Duration::from_millis(1_500),
            collectors: vec![collector("a", None), collector("b", Some("down"))],
        };
        let read = Report::from_document(&report.to_document(), Duration::from_secs(50)).unwrap();
        assert_eq!((read.generation, read.trigger, read.duration), (7, Trigger::Change, report.duration));
        let age = read.started.elapsed().unwrap().as_secs();
        assert!((150..160).contains(&age), "{age}");
        for (read, written) in read.collectors.iter().zip(&report.collectors) {
            assert_eq!((&read.name, read.series, read.folded), (&written.name, 3, 2));
            assert_eq!((read.duration, &read.error), (written.duration, &written.error));
            assert_eq!(read.is_kept, written.is_kept);
        }
        assert!(Report::from_document(&doc! { "generation": 7_i64 }, Duration::ZERO).is_none());
    }
}
