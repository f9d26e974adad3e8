//! The head of a remembered snapshot: what is known of it without reading its body.

use std::time::{Duration, SystemTime};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, Timestamp, doc};

use super::form::FORM;
use super::sums::FamilySums;
use crate::refresh::{Lag, ReadReport, Report};

/// The `_id` of the head of the last snapshot.
pub(super) const LAST: &str = "last";

/// The highest number of a snapshot, as in the lease that gives them out.
const MAX_GENERATION: u64 = 1 << 53;

/// For which span of time a snapshot of the history stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// An hour; kept for two days.
    Hour,
    /// A day of UTC; kept for a year.
    Day,
}

impl Period {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Hour, Self::Day];

    /// The name in `_id`s and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Its length.
    pub(super) fn length(self) -> Duration {
        Duration::from_secs(if self == Self::Hour { 60 * 60 } else { 24 * 60 * 60 })
    }

    /// How long its snapshots are kept.
    pub(super) fn kept(self) -> Duration {
        Duration::from_secs(24 * 60 * 60) * if self == Self::Hour { 2 } else { 365 }
    }

    /// The `_id` of the snapshot that stands for the period of this moment: `hour:2026-11-25T17:00:00Z`.
    pub(super) fn id(self, moment: SystemTime) -> String {
        let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let begins = seconds - seconds % self.length().as_secs();
        let begins = DateTime::from_millis(i64::try_from(begins * 1_000).unwrap_or(i64::MAX));
        format!("{}:{}", self.as_str(), begins.try_to_rfc3339_string().unwrap_or_default())
    }
}

/// What is known of a remembered snapshot without reading its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Its `_id`.
    pub(super) id: String,
    /// For which span of time it stands; `None` for the last one.
    pub period: Option<Period>,
    /// The number of the refresh.
    pub generation: u64,
    /// When its values were taken, by the clock of MongoDB.
    pub taken_at: SystemTime,
    /// When it was written, by the clock of MongoDB.
    pub(super) written_at: SystemTime,
    /// How long before that its body was made.
    pub(super) lag: Duration,
    pub(super) body: ObjectId,
    pub(super) chunks: i32,
    /// The size of its body, compressed.
    pub bytes: u64,
    /// How many series it has.
    pub series: u64,
    /// The sums of its families.
    pub totals: Vec<FamilySums>,
    /// What other instances show beside its values.
    pub(super) run: RunFacts,
}

/// How a snapshot came about. Heads of earlier versions do not tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RunFacts {
    /// The report of the last refresh; empty if there is none.
    pub(super) report: Document,
    /// Whether all queries of the last refresh read at one moment.
    pub(super) is_consistent: bool,
    /// Secondaries and how far they were behind, in milliseconds.
    pub(super) lags: Vec<(String, i64)>,
    /// The moment of the newest data, by the clock of a replica set.
    pub(super) moment: Option<Timestamp>,
}

/// What a writer knows of the snapshot that it is about to remember.
pub(super) struct Draft {
    pub(super) generation: u64,
    /// How long before the writing of the head the values were taken.
    pub(super) age: Duration,
    /// How long before the writing of the head the body was made.
    pub(super) lag: Duration,
    pub(super) body: ObjectId,
    pub(super) chunks: usize,
    pub(super) bytes: usize,
    pub(super) series: usize,
    pub(super) totals: Vec<FamilySums>,
    pub(super) run: RunFacts,
}

impl RunFacts {
    /// What is to be told of a snapshot that was read so.
    pub(super) fn of_run(read: &ReadReport, report: Option<&Report>, moment: Option<Timestamp>) -> Self {
        let lag = |lag: &Lag| (lag.server.clone(), i64::try_from(lag.lag.as_millis()).unwrap_or(i64::MAX));
        Self {
            report: report.map(Report::to_document).unwrap_or_default(),
            is_consistent: read.is_consistent,
            lags: read.lags.iter().map(lag).collect(),
            moment,
        }
    }

    /// How the database was read.
    pub(super) fn read_report(&self) -> ReadReport {
        let lag = |(server, lag): &(String, i64)| {
            Some(Lag { server: server.clone(), lag: Duration::from_millis(u64::try_from(*lag).ok()?) })
        };
        ReadReport { is_consistent: self.is_consistent, lags: self.lags.iter().filter_map(lag).collect() }
    }

    fn document(&self) -> Document {
        let lag = |(server, lag): &(String, i64)| Bson::from(doc! { "server": server, "ms": *lag });
        doc! {
            "report": self.report.clone(),
            "consistent": self.is_consistent,
            "lags": self.lags.iter().map(lag).collect::<Vec<_>>(),
            "moment": self.moment,
        }
    }

    fn of(document: &Document) -> Self {
        let lags = document.get_array("lags").into_iter().flatten().filter_map(Bson::as_document);
        let lag = |lag: &Document| Some((lag.get_str("server").ok()?.to_owned(), lag.get_i64("ms").ok()?));
        Self {
            report: document.get_document("report").cloned().unwrap_or_default(),
            is_consistent: document.get_bool("consistent").unwrap_or(false),
            lags: lags.filter_map(lag).collect(),
            moment: document.get_timestamp("moment").ok(),
        }
    }
}

impl Draft {
    /// The head of the last snapshot without the time of writing, which the server adds.
    pub(super) fn document(&self) -> Document {
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        doc! {
            "_id": LAST,
            "form": FORM,
            "generation": self.generation.cast_signed(),
            "age_ms": milliseconds(self.age),
            "lag_ms": milliseconds(self.lag),
            "body": self.body,
            "chunks": i32::try_from(self.chunks).unwrap_or(i32::MAX),
            "bytes": number(self.bytes),
            "series": number(self.series),
            "totals": self.totals.iter().map(FamilySums::to_bson).collect::<Vec<_>>(),
            "run": self.run.document(),
        }
    }
}

impl Head {
    /// The head of a document; `None` if it is of another form.
    pub(super) fn of(document: &Document) -> Option<Self> {
        document.get_i32("form").ok().filter(|&form| form == FORM)?;
        let id = document.get_str("_id").ok()?;
        let written_at = document.get_datetime("written_at").ok()?.to_system_time();
        let number = |name| document.get_i64(name).ok().and_then(|number| u64::try_from(number).ok());
        let totals = document.get_array("totals").ok()?.iter().filter_map(Bson::as_document);
        Some(Self {
            id: id.to_owned(),
            period: Period::ALL.into_iter().find(|period| id.split(':').next() == Some(period.as_str())),
            generation: number("generation").filter(|&generation| generation <= MAX_GENERATION)?,
            taken_at: written_at.checked_sub(Duration::from_millis(number("age_ms")?))?,
            written_at,
            lag: Duration::from_millis(number("lag_ms")?),
            body: document.get_object_id("body").ok()?,
            chunks: document.get_i32("chunks").ok()?,
            bytes: number("bytes")?,
            series: number("series")?,
            totals: totals.filter_map(FamilySums::from_document).collect(),
            run: document.get_document("run").map(RunFacts::of).unwrap_or_default(),
        })
    }

    /// The sum of a family, or of those of its series that have this first label.
    #[must_use]
    pub fn sum(&self, family: &str, group: Option<&str>) -> Option<f64> {
        let totals = self.totals.iter().find(|totals| totals.family == family)?;
        match group {
            None => Some(totals.total),
            Some(group) => totals.groups.iter().find(|(name, _)| name == group).map(|(_, sum)| *sum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_stands_for_its_hour_and_its_day() {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_093_397);
        assert_eq!(Period::Hour.id(moment), "hour:2025-11-25T17:00:00Z");
        assert_eq!(Period::Day.id(moment), "day:2025-11-25T00:00:00Z");
    }

    #[test]
    fn a_head_of_another_form_is_not_read() {
        let draft = Draft {
            generation: 7,
            age: Duration::from_secs(2),
            lag: Duration::from_millis(5),
            body: ObjectId::new(),
            chunks: 1,
            bytes: 90,
            series: 3,
            totals: Vec::new(),
            run: RunFacts { is_consistent: true, lags: vec![("a:1".to_owned(), 2_000)], ..RunFacts::default() },
        };
        let mut document = draft.document();
        document.insert("written_at", DateTime::from_millis(10_000));
        let head = Head::of(&document).unwrap();
        assert_eq!((head.generation, head.bytes, head.period), (7, 90, None));
        assert_eq!(head.run, draft.run);
        assert_eq!(head.taken_at, SystemTime::UNIX_EPOCH + Duration::from_secs(8));
        document.insert("form", FORM + 1);
        assert_eq!(Head::of(&document), None);
    }
}
