//! Whether the indexes are there that counting and the journal rely on.
//!
//! Asked with `explain` and a hint: that needs no right beyond reading, which `listIndexes` does.

use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use playarr_jobs::database::{DatabaseError, ask};

use super::patience::PATIENCE;
use super::report::Findings;
use crate::journal::{JOURNAL, batch_index};

/// What MongoDB calls a hint that is no index (`BadValue`).
const NO_SUCH_INDEX: i32 = 2;

/// An index that is relied on.
struct Needed {
    collection: &'static str,
    keys: Document,
    is_unique: bool,
    remedy: &'static str,
}

enum Found {
    Index,
    Missing,
    NotUnique,
}

pub(super) async fn check(database: &Database, findings: &mut Findings) {
    let mut problems = Vec::new();
    for needed in needed() {
        let (collection, keys, remedy) = (needed.collection, &needed.keys, needed.remedy);
        match look(database, &needed).await {
            Ok(Found::Index) => {}
            Ok(Found::Missing) => problems.push(format!("{collection} has no index {keys}; {remedy}")),
            Ok(Found::NotUnique) => problems.push(format!("the index {keys} of {collection} is not unique; {remedy}")),
            Err(error) => problems.push(format!("the indexes of {collection} cannot be looked at: {error}")),
        }
    }
    findings.problems("indexes", problems, "those that counting and the journal rely on are there");
}

fn needed() -> [Needed; 3] {
    let slow = "refreshes read each of its documents instead; start Playarr once, which makes it";
    let twice = "a batch of events that is sent again could count twice; drop an index of the same keys if there is \
                 one, and start the service, which makes it";
    [
        Needed { collection: "titles", keys: doc! { "type": 1, "title": 1 }, is_unique: false, remedy: slow },
        Needed {
            collection: "provider_titles",
            keys: doc! { "provider_id": 1, "type": 1 },
            is_unique: false,
            remedy: slow,
        },
        Needed { collection: JOURNAL, keys: batch_index(), is_unique: true, remedy: twice },
    ]
}

/// A collection that is not there has every index: it gets them when it is made.
async fn look(database: &Database, needed: &Needed) -> Result<Found, DatabaseError> {
    let filter: Document = needed.keys.keys().map(|key| (key.clone(), Bson::from(""))).collect();
    let command = doc! {
        "explain": { "find": needed.collection, "filter": filter, "hint": needed.keys.clone() },
        "verbosity": "queryPlanner",
    };
    match ask(PATIENCE, database.run_command(command)).await {
        Ok(plan) if needed.is_unique && is_unique(&Bson::Document(plan.clone())) == Some(false) => Ok(Found::NotUnique),
        Ok(_) => Ok(Found::Index),
        Err(DatabaseError::Refused { code: NO_SUCH_INDEX, .. }) => Ok(Found::Missing),
        Err(error) => Err(error),
    }
}

/// What a plan says of its index, wherever it says it: the place depends on the version of MongoDB.
fn is_unique(plan: &Bson) -> Option<bool> {
    match plan {
        Bson::Document(plan) => plan.get_bool("isUnique").ok().or_else(|| plan.values().find_map(is_unique)),
        Bson::Array(plans) => plans.iter().find_map(is_unique),
        _ => None,
    }
}
