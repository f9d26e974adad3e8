//! What the service has done of late, for the page and for whoever asks why there is no data.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use playarr_jobs::refresh::{Collector, CollectorReport, Report};
use serde_json::{Map, Value, json};
use warp::{Filter, Rejection, Reply};

use super::auth::private;
use crate::app::App;
use crate::exposition::Format;
use crate::http::reply::error::respond;
use crate::http::request::caller::{Caller, caller};
use crate::http::{rfc3339, with};
use crate::telemetry::{Answered, FAILURES, Failed, UserAgent};

pub(in crate::http) const TEMPLATE: &str = "/api/metrics/status";

/// `GET /api/metrics/status` by an admin
pub(in crate::http) fn status(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("api" / "metrics" / "status").and(warp::get()).and(with(app)).and(caller()).then(
        |app: Arc<App>, caller: Caller| async move {
            let admin = caller.admin(&app, TEMPLATE).await;
            respond(admin.map(|_| private(&overview(&app))))
        },
    )
}

/// The whole status.
pub(in crate::http) fn overview(app: &App) -> Value {
    let now = SystemTime::now();
    let published = app.snapshots.load();
    let snapshot = &published.snapshot;
    let age =
        snapshot.taken_at.map(|taken_at| now.duration_since(taken_at).unwrap_or_default().as_secs_f64());
    let next_run = app.next_run.get().and_then(|next_run| *next_run.borrow());
    json!({
        "now": rfc3339(now),
        "snapshot": {
            "generation": snapshot.generation,
            "taken_at": snapshot.taken_at.and_then(rfc3339),
            "age_seconds": age,
        },
        "refreshing": app.job.is_refreshing(),
        "interval_seconds": app.refresh_interval.as_secs(),
        "next_run": next_run.and_then(rfc3339),
        "last_run": app.feed.last_report().map(|report| json!({
            "generation": report.generation,
            "trigger": report.trigger,
            "success": report.is_success(),
            "started": rfc3339(report.started),
            "duration_seconds": report.duration.as_secs_f64(),
        })),
        "collectors": snapshot.collectors.iter().map(collector).collect::<Vec<_>>(),
        "scrapes": scrapes(app),
        "tokens": tokens(app),
        "websocket_connections": app.live.websockets(),
    })
}

/// A refresh as its report tells it.
pub(in crate::http) fn report(report: &Report) -> Value {
    json!({
        "generation": report.generation,
        "trigger": report.trigger,
        "success": report.is_success(),
        "started": rfc3339(report.started),
        "duration_seconds": report.duration.as_secs_f64(),
        "collectors": report.collectors.iter().map(collector_report).collect::<Vec<_>>(),
    })
}

/// A collector's part of a refresh.
pub(in crate::http) fn collector_report(report: &CollectorReport) -> Value {
    json!({
        "name": report.name,
        "series": report.series,
        "folded_series": report.folded,
        "duration_seconds": report.duration.as_secs_f64(),
        "error": report.error,
    })
}

fn collector(collector: &Collector) -> Value {
    let mut shown = collector_report(&CollectorReport::of(collector));
    shown["last_success"] = collector.last_success.and_then(rfc3339).into();
    shown
}

/// Whether each token is known, and what of it could not be read or written.
fn tokens(app: &App) -> Value {
    let status = app.tokens.status().map(|status| {
        let problem = status.problem.map(|problem| format!("The {} token {problem}", status.kind));
        (status.kind.as_str().to_owned(), json!({ "known": status.is_known, "problem": problem }))
    });
    Value::Object(Map::from_iter(status))
}

fn scrapes(app: &App) -> Value {
    let answered =
        Format::ALL.map(|format| (format.as_str().to_owned(), app.scrapes.answered(format).into()));
    let failures =
        FAILURES.map(|failure| (failure.as_str().to_owned(), app.scrape_log.failures(failure).into()));
    let (recent, _) = recent_since(app, Seen::default());
    json!({
        "answered": Value::Object(Map::from_iter(answered)),
        "failures": Value::Object(Map::from_iter(failures)),
        "recent": recent,
    })
}

/// How many scrapes somebody has seen already.
#[derive(Clone, Copy, Default)]
pub(in crate::http) struct Seen {
    answered: u64,
    failed: u64,
}

impl Seen {
    /// All there were so far.
    pub(in crate::http) fn all(app: &App) -> Self {
        recent_since(app, Self { answered: u64::MAX, failed: u64::MAX }).1
    }
}

/// The scrapes that somebody has not seen yet, newest first, and what they have seen then.
pub(in crate::http) fn recent_since(app: &App, seen: Seen) -> (Vec<Value>, Seen) {
    let (answered, answered_by_now) = app.scrape_log.answered_since(seen.answered);
    let (failed, failed_by_now) = app.scrape_log.failed_since(seen.failed);
    let clock = Clock { instant: Instant::now(), time: SystemTime::now() };
    let mut all: Vec<_> =
        answered.iter().map(|scrape| (scrape.at, answered_scrape(scrape, &clock))).collect();
    all.extend(failed.iter().map(|scrape| (scrape.at, failed_scrape(scrape, &clock))));
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let seen = Seen { answered: answered_by_now, failed: failed_by_now };
    (all.into_iter().map(|(_, scrape)| scrape).collect(), seen)
}

fn answered_scrape(scrape: &Answered, clock: &Clock) -> Value {
    json!({
        "at": clock.time_of(scrape.at),
        "client": scrape.client,
        "format": scrape.format.as_str(),
        "encoding": if scrape.gzip { "gzip" } else { "identity" },
        "bytes": scrape.bytes,
        "duration_seconds": scrape.duration.as_secs_f64(),
        "failure": null,
        "user_agent": scrape.user_agent.as_ref().map(UserAgent::as_str),
    })
}

fn failed_scrape(scrape: &Failed, clock: &Clock) -> Value {
    json!({
        "at": clock.time_of(scrape.at),
        "client": scrape.client,
        "format": null,
        "encoding": null,
        "bytes": null,
        "duration_seconds": null,
        "failure": scrape.cause.failure().as_str(),
        "fix": scrape.cause.fix(),
        "user_agent": scrape.user_agent.as_ref().map(UserAgent::as_str),
    })
}

/// One moment on both clocks: scrapes note the one that costs them least.
struct Clock {
    instant: Instant,
    time: SystemTime,
}

impl Clock {
    fn time_of(&self, at: Instant) -> Option<String> {
        rfc3339(self.time - self.instant.saturating_duration_since(at))
    }
}

#[cfg(test)]
mod tests {
    use playarr_jobs::refresh::Trigger;

    use super::*;
    use crate::config::Config;
    use crate::database;

    /// A database that is away answers no admin, so the status is looked at from within.
    #[tokio::test]
    async fn before_the_first_refresh_it_says_that_there_is_nothing_yet() {
        let uri = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300";
        let config = Config::read(|name| (name == "MONGODB_URI").then(|| uri.to_owned())).unwrap();
        let app = App::new(&config, &database::connect(&config).await.unwrap()).unwrap();
        let status = overview(&app);
        assert_eq!(status["snapshot"], json!({ "generation": 0, "taken_at": null, "age_seconds": null }));
        assert_eq!((&status["last_run"], &status["next_run"]), (&Value::Null, &Value::Null));
        assert_eq!((&status["refreshing"], &status["collectors"]), (&json!(false), &json!([])));

        app.job.refresh(Trigger::Manual).await.unwrap();
        let status = overview(&app);
        assert_eq!((&status["last_run"]["success"], &status["refreshing"]), (&json!(false), &json!(false)));
        assert_eq!(status["snapshot"]["taken_at"], Value::Null);
        for collector in status["collectors"].as_array().unwrap() {
            assert!(collector["error"].is_string() && collector["last_success"].is_null(), "{collector}");
        }
    }
}
