//! What the service has done lately: for the pages, and for whoever asks why there is no data.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use playarr_jobs::database::{Contents, HealthState};
use playarr_jobs::lease::{InstanceRole, Lease};
use playarr_jobs::refresh::{ChangeDetection, Collector, CollectorReport, Report};
use playarr_jobs::sharing::Sharing;
use serde_json::{Map, Value, json};
use warp::reply::Response;

use crate::app::App;
use crate::http::reply::json::private;
use crate::http::reply::rfc3339;
use crate::http::request::access::Admin;
use crate::telemetry::{Cause, Outcome, Scrape, UserAgent};

/// `GET /api/metrics/status`
pub(in crate::http) fn status(app: Arc<App>, _: Admin) -> Response {
    private(&current(&app))
}

/// The whole status.
pub(in crate::http) fn current(app: &App) -> Value {
    let now = SystemTime::now();
    let published = app.snapshots.load();
    let snapshot = &published.snapshot;
    let next_run = app.next_run.get().and_then(|next_run| *next_run.borrow());
    json!({
        "now": rfc3339(now),
        "snapshot": {
            "generation": snapshot.generation,
            "taken_at": snapshot.taken_at.and_then(|taken_at| rfc3339(taken_at.time())),
            "age_seconds": snapshot.taken_at.map(|taken_at| taken_at.age().as_secs_f64()),
        },
        "database": database(app),
        "refreshing": app.sharing.get().map_or_else(|| app.job.is_refreshing(), Sharing::is_refreshing),
        "sharing": sharing(app),
        "change_detection": change_detection(app),
        "interval_seconds": app.refresh_interval.as_secs(),
        "next_run": next_run.and_then(|next_run| rfc3339(next_run.time())),
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

/// Which instance refreshes, as far as this one knows.
fn sharing(app: &App) -> Value {
    let lease = app.sharing.get().map(Sharing::lease);
    let role = lease.map(Lease::role).unwrap_or_default();
    let (holder, reason) = match &role {
        InstanceRole::Holder => (lease.map(Lease::own), None),
        InstanceRole::Follower { holder } => (Some(&**holder), None),
        InstanceRole::Alone { reason } | InstanceRole::Unreached { reason } => (None, Some(reason)),
        InstanceRole::Undecided => (None, None),
    };
    json!({ "instance": lease.map(Lease::own), "role": role.as_str(), "holder": holder, "reason": reason })
}

/// Whether changes in the database are noticed, and why not.
fn change_detection(app: &App) -> Value {
    let role = app.sharing.get().map(|sharing| sharing.lease().role());
    if matches!(role, Some(InstanceRole::Follower { .. })) {
        return json!({ "state": "elsewhere", "reason": null });
    }
    let (state, reason) = match app.job.change_detection() {
        ChangeDetection::Off => ("off", None),
        ChangeDetection::On => ("on", None),
        ChangeDetection::Refused { reason } => ("refused", Some(reason)),
    };
    json!({ "state": state, "reason": reason })
}

/// Whether MongoDB answers, since when not and why, and whether the database is Playarr's.
pub(in crate::http) fn database(app: &App) -> Value {
    let (state, outage) = match app.health.state() {
        HealthState::Connecting => ("connecting", None),
        HealthState::Up => ("up", None),
        HealthState::ReadOnly(outage) => ("read_only", Some(outage)),
        HealthState::Away(outage) => ("away", Some(outage)),
    };
    let (is_playarrs, elsewhere) = match &*app.contents.borrow() {
        Contents::Unknown => (None, Vec::new()),
        Contents::Playarr => (Some(true), Vec::new()),
        Contents::NotPlayarr { elsewhere } => (Some(false), elsewhere.clone()),
    };
    json!({
        "name": app.database_name,
        "state": state,
        "since": outage.as_ref().and_then(|outage| rfc3339(outage.since)),
        "seconds": outage.as_ref().map(|outage| outage.began.elapsed().as_secs_f64()),
        "reason": outage.map(|outage| outage.reason),
        "is_playarrs": is_playarrs,
        "elsewhere": elsewhere,
    })
}

/// The report of a refresh.
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

/// A collector's part of a report.
pub(in crate::http) fn collector_report(report: &CollectorReport) -> Value {
    json!({
        "name": report.name,
        "series": report.series,
        "folded_series": report.folded,
        "duration_seconds": report.duration.as_secs_f64(),
        "error": report.error,
        "kept": report.is_kept,
    })
}

fn collector(collector: &Collector) -> Value {
    let mut shown = collector_report(&CollectorReport::of(collector));
    shown["last_success"] = collector.last_success.and_then(|success| rfc3339(success.time())).into();
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
    let mut scrapes = scrape_totals(app);
    let fixes = Cause::ALL.map(|cause| (cause.as_str().to_owned(), Value::from(cause.fix())));
    scrapes["fixes"] = Map::from_iter(fixes).into();
    scrapes["recent"] = recent_scrapes(app, 0).0.into();
    scrapes
}

/// How many scrapes were answered in each format, and how many were refused for each cause.
pub(in crate::http) fn scrape_totals(app: &App) -> Value {
    let totals = app.telemetry.scrapes().totals();
    let answered = totals.answered().map(|(format, count)| (format.as_str().to_owned(), count.into()));
    let failures = totals.refused().map(|(cause, count)| (cause.as_str().to_owned(), count.into()));
    json!({ "answered": Map::from_iter(answered), "failures": Map::from_iter(failures) })
}

/// The recent scrapes but the first `seen` since the start, newest first, and how many there were by now.
pub(in crate::http) fn recent_scrapes(app: &App, seen: u64) -> (Vec<Value>, u64) {
    let (recent, count) = app.telemetry.scrapes().recent_since(seen);
    let clock = PairedClocks { instant: Instant::now(), time: SystemTime::now() };
    (recent.iter().map(|recent| scrape(recent, &clock)).collect(), count)
}

fn scrape(scrape: &Scrape, clock: &PairedClocks) -> Value {
    let mut shown = json!({
        "at": clock.time_of(scrape.at),
        "client": scrape.client,
        "user_agent": scrape.user_agent.as_ref().map(UserAgent::as_str),
        "format": null,
        "encoding": null,
        "bytes": null,
        "duration_seconds": null,
        "failure": null,
    });
    match scrape.outcome {
        Outcome::Answered { format, gzip, bytes, duration } => {
            shown["format"] = format.as_str().into();
            shown["encoding"] = if gzip { "gzip" } else { "identity" }.into();
            shown["bytes"] = bytes.into();
            shown["duration_seconds"] = duration.as_secs_f64().into();
        }
        Outcome::Refused(cause) => {
            shown["failure"] = cause.as_str().into();
            shown["fix"] = cause.fix().into();
        }
    }
    shown
}

/// One moment on both clocks. Scrapes keep an `Instant`, so their order and ages are right whatever the wall clock
/// does.
struct PairedClocks {
    instant: Instant,
    time: SystemTime,
}

impl PairedClocks {
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
        let status = current(&app);
        assert_eq!(status["snapshot"], json!({ "generation": 0, "taken_at": null, "age_seconds": null }));
        assert_eq!((&status["last_run"], &status["next_run"]), (&Value::Null, &Value::Null));
        assert_eq!((&status["refreshing"], &status["collectors"]), (&json!(false), &json!([])));

        app.job.refresh(Trigger::Manual).await.unwrap();
        let status = current(&app);
        assert_eq!((&status["last_run"]["success"], &status["refreshing"]), (&json!(false), &json!(false)));
        assert_eq!(status["snapshot"]["taken_at"], Value::Null);
        for collector in status["collectors"].as_array().unwrap() {
            assert!(collector["error"].is_string() && collector["last_success"].is_null(), "{collector}");
        }
    }
}
