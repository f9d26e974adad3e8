//! What is different between two snapshots.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use playarr_jobs::refresh::{Published, Snapshot};
use playarr_jobs::remembered::{Head, History, Period};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use warp::reply::Response;

use super::joined;
use crate::app::App;
use crate::changes::{Comparison, Difference, FamilyChange, ProviderNames, Sentence, SeriesChange, csv, sentences};
use crate::http::reply::attachment::attachment;
use crate::http::reply::error::ApiError;
use crate::http::reply::json::private;
use crate::http::reply::rfc3339;
use crate::http::request::access::Admin;
use crate::scrape::SnapshotPage;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How many sentences an answer has that does not ask for more.
const SENTENCES: usize = 50;

/// The most sentences of an answer, or series of a page.
const MAX_LIMIT: usize = 1_000;

/// How many points a small chart has at most.
pub(super) const MAX_POINTS: usize = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ChangesQuery {
    /// The time of the earlier snapshot; a day before the later one without it.
    from: Option<String>,
    /// The time of the later snapshot, or `now`.
    to: Option<String>,
    limit: Option<usize>,
    /// Of a page of series: how many are skipped.
    #[serde(default)]
    offset: usize,
    metric: Option<String>,
    /// The value of the first label.
    group: Option<String>,
    format: Option<ChangesFormat>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ChangesFormat {
    #[default]
    Csv,
    Json,
}

/// `GET /api/metrics/changes?from=&to=&limit=`
pub(in crate::http) async fn changes(app: Arc<App>, _: Admin, query: ChangesQuery) -> Result<Response, ApiError> {
    let history = app.remembered.history();
    let limit = query.limit.unwrap_or(SENTENCES).min(MAX_LIMIT);
    let Some(sides) = ComparedSnapshots::of(&app, &history, &query).await? else {
        return Ok(private(&json!({
            "from": null, "to": null, "sentences": [], "more": 0, "families": [], "times": [],
            "snapshots": snapshots(&history), "history": size(&history),
        })));
    };
    let answer = tokio::task::spawn_blocking(move || {
        let comparison = sides.compare();
        let mut sentences = sentences(&comparison, &sides.names());
        let more = sentences.len().saturating_sub(limit);
        sentences.truncate(limit);
        let points = history.points(MAX_POINTS);
        json!({
            "from": sides.from.about(),
            "to": sides.to.about(),
            "sentences": sentences.iter().map(|told| sentence(told, &points)).collect::<Vec<_>>(),
            "more": more,
            "families": comparison.families.iter().map(family).collect::<Vec<_>>(),
            "times": points.iter().map(|head| rfc3339(head.taken_at)).collect::<Vec<_>>(),
            "snapshots": snapshots(&history),
            "history": size(&history),
        })
    });
    Ok(private(&joined(answer.await)?))
}

/// `GET /api/metrics/changes/series?from=&to=&metric=&group=&limit=&offset=`, largest change first
pub(in crate::http) async fn series(app: Arc<App>, _: Admin, query: ChangesQuery) -> Result<Response, ApiError> {
    let history = app.remembered.history();
    let metric = query.metric.clone().ok_or_else(|| ApiError::Parameter("metric is missing".to_owned()))?;
    let Some(sides) = ComparedSnapshots::of(&app, &history, &query).await? else {
        return Ok(private(&json!({ "total": 0, "series": [] })));
    };
    let limit = query.limit.unwrap_or(SENTENCES).min(MAX_LIMIT);
    let answer = tokio::task::spawn_blocking(move || {
        let comparison = sides.compare();
        let Some(family) = comparison.family(&metric) else {
            return Err(ApiError::Parameter(format!("neither snapshot has the metric {metric:?}")));
        };
        let is_of_group = |series: &SeriesChange| match &query.group {
            Some(group) => family.labels(*series).next().is_some_and(|(_, value)| value == group),
            None => true,
        };
        let mut series: Vec<_> = family.series.iter().copied().filter(is_of_group).collect();
        let change = |series: &SeriesChange| {
            let (before, after) = family.values(*series);
            (after.unwrap_or_default() - before.unwrap_or_default()).abs()
        };
        // What cannot be compared comes last, however large it is.
        series.sort_by(|a, b| {
            let is_last = |series: &SeriesChange| series.difference == Difference::NotComparable;
            is_last(a).cmp(&is_last(b)).then_with(|| change(b).total_cmp(&change(a)))
        });
        let shown = series.iter().skip(query.offset).take(limit);
        Ok(json!({
            "total": series.len(),
            "labels": family.label_names().collect::<Vec<_>>(),
            "series": shown.map(|series| one_series(family, *series)).collect::<Vec<_>>(),
        }))
    });
    Ok(private(&joined(answer.await)??))
}

/// `GET /api/metrics/changes/export?from=&to=&format=csv|json`
pub(in crate::http) async fn export(app: Arc<App>, _: Admin, query: ChangesQuery) -> Result<Response, ApiError> {
    let history = app.remembered.history();
    let Some(sides) = ComparedSnapshots::of(&app, &history, &query).await? else {
        return Err(ApiError::NotReady("there are no two snapshots to compare yet"));
    };
    let format = query.format.unwrap_or_default();
    let name = format!("playarr-changes-{}-{}", sides.from.generation(), sides.to.generation());
    let body = tokio::task::spawn_blocking(move || {
        let comparison = sides.compare();
        match format {
            ChangesFormat::Csv => csv(&comparison),
            ChangesFormat::Json => {
                let families = comparison.families.iter();
                let series: Vec<_> = families
                    .flat_map(|family| family.series.iter().map(|series| one_series(family, *series)))
                    .collect();
                let told = sentences(&comparison, &sides.names());
                let (from, to) = (sides.from.about(), sides.to.about());
                json!({ "from": from, "to": to, "sentences": told, "series": series }).to_string().into_bytes()
            }
        }
    });
    let (content_type, suffix) = match format {
        ChangesFormat::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        ChangesFormat::Json => ("application/json", "json"),
    };
    Ok(attachment(Response::new(joined(body.await)?.into()), content_type, &format!("{name}.{suffix}")))
}

/// Two snapshots to compare.
struct ComparedSnapshots {
    from: ComparedSnapshot,
    to: ComparedSnapshot,
}

enum ComparedSnapshot {
    Now(Arc<Published<SnapshotPage>>),
    Past(Box<(Head, Snapshot)>),
}

impl ComparedSnapshots {
    /// The snapshots that a request asks for; `None` if there are no two.
    async fn of(app: &App, history: &History, query: &ChangesQuery) -> Result<Option<Self>, ApiError> {
        let to = moment("to", query.to.as_deref())?;
        let from = moment("from", query.from.as_deref())?;
        let later = to.and_then(|to| history.closest(to));
        let end = later.map_or_else(SystemTime::now, |head| head.taken_at);
        let Some(earlier) = from.or_else(|| end.checked_sub(DAY)).and_then(|from| history.closest(from)) else {
            return Ok(None);
        };
        let now = app.snapshots.load();
        if later.is_none() && !now.snapshot.is_taken() {
            return Ok(None);
        }
        let from = ComparedSnapshot::Past(Box::new((earlier.clone(), app.remembered.recall(earlier).await?)));
        let to = match later {
            Some(head) => ComparedSnapshot::Past(Box::new((head.clone(), app.remembered.recall(head).await?))),
            None => ComparedSnapshot::Now(now),
        };
        Ok(Some(Self { from, to }))
    }

    fn compare(&self) -> Comparison<'_> {
        Comparison::of(self.from.snapshot(), self.to.snapshot())
    }

    fn names(&self) -> ProviderNames {
        ProviderNames::of(self.from.snapshot(), self.to.snapshot())
    }
}

impl ComparedSnapshot {
    fn snapshot(&self) -> &Snapshot {
        match self {
            Self::Now(published) => &published.snapshot,
            Self::Past(past) => &past.1,
        }
    }

    fn generation(&self) -> u64 {
        self.snapshot().generation
    }

    fn about(&self) -> Value {
        match self {
            Self::Now(published) => json!({
                "taken_at": published.snapshot.taken_at.and_then(|taken_at| rfc3339(taken_at.time())),
                "generation": published.snapshot.generation,
                "period": "now",
            }),
            Self::Past(past) => snapshot(&past.0),
        }
    }
}

/// A time that a request names; `None` if it names `now` or nothing, which both mean the current snapshot.
fn moment(name: &str, text: Option<&str>) -> Result<Option<SystemTime>, ApiError> {
    match text {
        None | Some("" | "now") => Ok(None),
        Some(text) => humantime::parse_rfc3339_weak(text).map(Some).map_err(|_| {
            ApiError::Parameter(format!("{name}={text:?} is not a time; write 2026-11-25T17:00:00Z, or now"))
        }),
    }
}

fn snapshot(head: &Head) -> Value {
    json!({
        "taken_at": rfc3339(head.taken_at),
        "generation": head.generation,
        "period": head.period.map(Period::as_str),
        "series": head.series,
        "bytes": head.bytes,
    })
}

/// All that can be compared, the newest first. One that stands for its hour and its day is listed once.
fn snapshots(history: &History) -> Vec<Value> {
    let mut heads: Vec<_> = history.heads.iter().collect();
    heads.dedup_by_key(|head| head.taken_at);
    heads.into_iter().map(snapshot).collect()
}

fn size(history: &History) -> Value {
    json!({ "bytes": history.bytes, "max_bytes": history.max_bytes, "problem": history.problem })
}

fn sentence(told: &Sentence, points: &[&Head]) -> Value {
    let mut shown = json!(told);
    let chart = points.iter().map(|head| head.sum(&told.metric, told.group.as_deref()));
    shown["chart"] = chart.collect::<Vec<_>>().into();
    shown
}

fn family(family: &FamilyChange<'_>) -> Value {
    json!({
        "metric": family.name(),
        "help": family.help(),
        "before": family.sum_before(),
        "after": family.sum_after(),
        "new": family.count(Difference::New),
        "gone": family.count(Difference::Gone),
        "changed": family.count(Difference::Changed),
        "not_comparable": family.count(Difference::NotComparable),
        "same_labels": family.has_same_labels(),
    })
}

fn one_series(family: &FamilyChange<'_>, series: SeriesChange) -> Value {
    let (before, after) = family.values(series);
    let labels = family.labels(series).map(|(name, value)| (name.to_owned(), value.into()));
    json!({
        "metric": family.name(),
        "labels": labels.collect::<Map<_, _>>(),
        "difference": series.difference.as_str(),
        "before": before,
        "after": after,
    })
}
