//! Custom metrics while everything happens: one in a file, and one that an admin keeps defining anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use reqwest::StatusCode;
use serde_json::json;

use super::installation::Shared;
use super::plan::{Fault, Step};
use crate::support::library::Library;
use crate::support::oracle::Gauges;

/// The file of `CUSTOM_METRICS_FILE`.
pub(super) const FILE: &str = "\
metrics:
  - name: playarr_custom_users
    help: Users.
    collection: users
    pipeline:
      - $count: value
";

/// What the admin defines: channels of the providers that come and go, with the number of the definition.
pub(super) const DEFINED: &str = "playarr_custom_channels";

/// The definitions that the admin has sent.
#[derive(Default)]
pub(super) struct Definitions(Mutex<Sent>);

#[derive(Default)]
struct Sent {
    count: u64,
    /// Those that may be in force: the last one that was acknowledged, and all without an answer. A process that was
    /// stopped meanwhile may store one of these long after it was sent.
    possible: BTreeSet<u64>,
    acknowledged: Option<u64>,
}

impl Definitions {
    fn send(&self) -> u64 {
        let mut sent = self.0.lock().unwrap();
        sent.count += 1;
        let number = sent.count;
        sent.possible.insert(number);
        number
    }

    fn acknowledge(&self, number: u64) {
        let mut sent = self.0.lock().unwrap();
        if let Some(before) = sent.acknowledged.replace(number) {
            sent.possible.remove(&before);
        }
    }
}

/// An admin defines the metric anew.
pub(super) async fn define(shared: &Shared, step: &Step) {
    let instance = step.choice as usize % shared.addresses.len();
    let number = shared.definitions.send();
    shared.findings.fault(Fault::Define, &format!("with number {number} at instance {instance}"));
    let definition = json!({
        "name": DEFINED, "help": "Channels by provider.", "collection": "channels",
        "labels": ["definition", "provider"],
        "pipeline": [
            // Not by `provider_id` itself, which an array would match whose texts lie on both sides.
            { "$match": { "$expr": { "$and": [
                { "$gte": ["$provider_id", "chaos-"] }, { "$lt": ["$provider_id", "chaos."] },
            ] } } },
            { "$group": { "_id": "$provider_id", "value": { "$sum": 1 } } },
            { "$project": { "value": 1, "provider": "$_id", "definition": number.to_string() } },
        ],
    });
    let url = format!("http://{}/api/metrics/custom/{DEFINED}", shared.addresses[instance]);
    let Ok(answer) = shared.client.put(url).header("x-api-key", "admin001").json(&definition).send().await else {
        return;
    };
    let status = answer.status();
    let Ok(text) = answer.text().await else { return };
    match status {
        StatusCode::OK | StatusCode::CREATED => shared.definitions.acknowledge(number),
        StatusCode::SERVICE_UNAVAILABLE => {}
        _ => shared.findings.wrong(format!("instance {instance} answers a definition with {status}: {text}")),
    }
}

/// What is shown of the custom metrics that is not in the library, or not by a definition that may be in force.
pub(super) fn difference(shared: &Shared, library: &Library, shown: &Gauges) -> Option<String> {
    let users: Vec<_> = shown.get("playarr_custom_users").into_iter().flat_map(BTreeMap::values).copied().collect();
    let expected = library["users"].len();
    if users != [expected as f64] {
        return Some(format!("playarr_custom_users is {users:?}, and there are {expected} users"));
    }
    let mut expected = BTreeMap::<&str, f64>::new();
    for channel in &library["channels"] {
        if let Ok(provider) = channel.get_str("provider_id")
            && provider.starts_with("chaos-")
        {
            *expected.entry(provider).or_default() += 1.0;
        }
    }
    let (mut numbers, mut found) = (BTreeSet::new(), BTreeMap::new());
    for (labels, &value) in shown.get(DEFINED).into_iter().flatten() {
        numbers.insert(labels["definition"].parse::<u64>().unwrap());
        found.insert(&*labels["provider"], value);
    }
    let sent = shared.definitions.0.lock().unwrap();
    let is_one = numbers.len() <= 1 && numbers.is_subset(&sent.possible);
    let is_defined = sent.acknowledged.is_some() || !numbers.is_empty();
    (!is_one || is_defined && found != expected).then(|| {
        format!(
            "{DEFINED} shows {found:?} by the definitions {numbers:?}, and there are {expected:?}; one of {:?} may be \
             in force",
            sent.possible
        )
    })
}
