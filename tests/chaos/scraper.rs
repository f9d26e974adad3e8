//! Scrapes of an instance, compared with those before.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING};
use serde_json::Value;

use super::custom::DEFINED;
use super::installation::Shared;
use super::instance::PATIENCE;
use crate::support::exposition::parse;
use crate::support::oracle::{Gauges, Labels};

/// The pause between two scrapes.
const PAUSE: Duration = Duration::from_millis(150);

/// How long after a token was written an instance may not know it. Ten seconds are promised, on a machine at rest.
const TOKEN_PATIENCE: Duration = Duration::from_secs(30);

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0";

/// What was seen of an instance.
struct Seen {
    /// Of live counters by all processes at the address; of all others by the present process.
    counters: BTreeMap<(String, Labels), f64>,
    /// Families that the present process has shown.
    families: BTreeSet<String>,
    /// The highest that was shown and remembered. One that an outage kept from being stored may be lost.
    generation: u64,
    /// The number of the condition of the process, when it last answered.
    process: Option<u64>,
    last_good: Instant,
}

/// Scrapes an instance until the round is over.
pub(super) async fn watch(shared: Arc<Shared>, instance: usize) {
    let mut seen = Seen {
        counters: BTreeMap::new(),
        families: BTreeSet::new(),
        generation: 0,
        process: None,
        last_good: Instant::now(),
    };
    for number in 0_u64.. {
        if shared.is_over.load(Ordering::SeqCst) || shared.findings.is_wrong() {
            return;
        }
        let process = shared.processes[instance].number();
        let scraped = scrape(&shared, instance, number).await;
        let is_one_process = process.is_multiple_of(2) && process == shared.processes[instance].number();
        match scraped {
            Ok((text, showing)) => {
                shared.findings.good_scrape();
                if !showing.is_remembered {
                    shared.findings.unremembered_scrape();
                }
                if is_one_process {
                    let compared = AssertUnwindSafe(|| seen.compare(&text, number, &showing, process));
                    // The parser panics where a line is malformed.
                    let wrong = std::panic::catch_unwind(compared).unwrap_or_else(|_| Some("malformed".to_owned()));
                    if let Some(wrong) = wrong {
                        shared.findings.wrong(format!("instance {instance}: {wrong}\n{}", head(&text)));
                    }
                }
                seen.note_gap(&shared, instance);
                seen.last_good = Instant::now();
            }
            Err(failure) => {
                shared.findings.failed_scrape(&failure.reason);
                // A process that answers, and that nothing befalls, answers every scrape.
                if is_one_process && seen.process == Some(process) && !failure.is_excused(&shared, instance) {
                    let text = failure.text;
                    shared
                        .findings
                        .wrong(format!("a scrape of instance {instance} failed: {}: {text}", failure.reason));
                }
                seen.note_gap(&shared, instance);
                if failure.reason.starts_with("401") {
                    shared.read_token().await;
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The snapshot that an instance shows.
struct Showing {
    generation: u64,
    /// Whether another process would find it.
    is_remembered: bool,
}

struct Failure {
    reason: String,
    text: String,
}

impl Failure {
    /// A new token may be unknown for a while.
    fn is_excused(&self, shared: &Shared, instance: usize) -> bool {
        let touched = shared.tokens.lock().unwrap().touched;
        let recently = [touched, Some(shared.mongodb.last()), Some(shared.processes[instance].last())];
        let is_recent = recently.into_iter().flatten().any(|at| at.elapsed() < TOKEN_PATIENCE);
        self.reason.starts_with("401") && (is_recent || !shared.mongodb.is_good())
    }
}

fn is_openmetrics(number: u64) -> bool {
    !number.is_multiple_of(2)
}

/// Whether a scrape chooses its series, which are all, with a selector.
fn has_selector(number: u64) -> bool {
    number.is_multiple_of(5)
}

/// A scrape and the snapshot that the instance shows. Every third one is gzip.
async fn scrape(shared: &Shared, instance: usize, number: u64) -> Result<(String, Showing), Failure> {
    let no_answer = |error: reqwest::Error| {
        let reason = if error.is_timeout() { "no answer in time" } else { "no connection" };
        Failure { reason: reason.to_owned(), text: error.to_string() }
    };
    let (address, token) = (&shared.addresses[instance], shared.token());
    let choice = if has_selector(number) { "?match[]={__name__=~\".%2B\"}" } else { "" };
    let mut request = shared.client.get(format!("http://{address}/metrics{choice}")).bearer_auth(&token);
    request = request.header(ACCEPT, if is_openmetrics(number) { OPENMETRICS } else { "text/plain" });
    request = request.header(ACCEPT_ENCODING, if number.is_multiple_of(3) { "gzip" } else { "identity" });
    let answer = request.send().await.map_err(no_answer)?;
    let (status, encoding) = (answer.status(), answer.headers().get(CONTENT_ENCODING).cloned());
    let body = answer.bytes().await.map_err(no_answer)?;
    let mut text = String::new();
    let read = match encoding {
        Some(_) => flate2::read::MultiGzDecoder::new(&*body).read_to_string(&mut text),
        None => (&*body).read_to_string(&mut text),
    };
    if status != StatusCode::OK || read.is_err() {
        return Err(Failure { reason: status.to_string(), text });
    }
    let url = format!("http://{address}/api/metrics/series?limit=1&match[]=playarr_metrics_snapshot_remembered");
    let series = shared.client.get(url).bearer_auth(&token).send().await.map_err(no_answer)?;
    let status = series.status();
    let series: Value = serde_json::from_str(&series.text().await.map_err(no_answer)?).unwrap_or_default();
    match series["generation"].as_u64() {
        // A process that has just started, and is not ready.
        Some(0) => Err(Failure { reason: "no snapshot yet".to_owned(), text }),
        Some(generation) => {
            let is_remembered = series["series"][0]["value"].as_f64() == Some(1.0);
            Ok((text, Showing { generation, is_remembered }))
        }
        None => Err(Failure { reason: format!("{status} for series"), text: series.to_string() }),
    }
}

impl Seen {
    /// Compares a scrape with those before, and says what is wrong.
    fn compare(&mut self, text: &str, number: u64, showing: &Showing, process: u64) -> Option<String> {
        if is_openmetrics(number) && !text.ends_with("# EOF\n") {
            return Some("an exposition without end".to_owned());
        }
        let samples = parse(text);
        if self.process != Some(process) {
            self.process = Some(process);
            self.families.clear();
            self.counters.retain(|(name, _), _| is_live(name));
        }
        if showing.generation < self.generation {
            return Some(format!("generation {} after {}", showing.generation, self.generation));
        }
        if showing.is_remembered {
            self.generation = showing.generation;
        }
        let families = families(text);
        // A selector chooses no family without series.
        if !has_selector(number) {
            let gone = self.families.iter().filter(|family| !families.contains_key(&***family));
            // One that an admin defines anew shows nothing if it cannot be counted by the new definition.
            let gone: Vec<_> = gone.filter(|&family| family != DEFINED).collect();
            if !gone.is_empty() {
                return Some(format!("families that were shown before are gone: {gone:?}"));
            }
            self.families = families.keys().map(|&family| family.to_owned()).collect();
        }
        let panics = samples.get("playarr_metrics_panics_total").into_iter().flat_map(BTreeMap::values).sum::<f64>();
        if panics > 0.0 {
            return Some(format!("{panics} panics"));
        }
        self.compare_counters(samples, &families)
    }

    fn compare_counters(&mut self, samples: Gauges, families: &BTreeMap<&str, &str>) -> Option<String> {
        for (name, series) in samples.into_iter().filter(|(name, _)| is_counter(name, families)) {
            for (labels, value) in series {
                let before = self.counters.insert((name.clone(), labels.clone()), value).unwrap_or_default();
                if value < before {
                    return Some(format!("{name}{labels:?} is {value} after {before}"));
                }
            }
        }
        None
    }

    /// How long there has been no good scrape since the process runs and MongoDB answers.
    fn note_gap(&self, shared: &Shared, instance: usize) {
        let process = &shared.processes[instance];
        if process.is_good() && shared.mongodb.is_good() {
            let gap = self.last_good.max(process.last()).max(shared.mongodb.last()).elapsed();
            shared.findings.gap(gap);
            if gap > PATIENCE {
                shared.findings.wrong(format!("no good scrape of instance {instance} for {:.0} s", gap.as_secs_f64()));
            }
        }
    }
}

/// The families of an exposition with their types, by one name in both formats.
fn families(text: &str) -> BTreeMap<&str, &str> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.strip_suffix("_total").unwrap_or(name), kind)).collect()
}

/// Whether a sample can only go up while nothing restarts.
fn is_counter(name: &str, families: &BTreeMap<&str, &str>) -> bool {
    let is = |suffix, kind| name.strip_suffix(suffix).is_some_and(|family| families.get(family) == Some(&kind));
    is("_total", "counter") || ["_bucket", "_count", "_sum"].into_iter().any(|suffix| is(suffix, "histogram"))
}

/// Whether it goes on over restarts. What the service counts of itself restarts with its process.
fn is_live(name: &str) -> bool {
    name.starts_with("playarr_") && !name.starts_with("playarr_metrics_")
}

/// The first lines of an exposition.
fn head(text: &str) -> String {
    text.lines().take(5).collect::<Vec<_>>().join("\n")
}
