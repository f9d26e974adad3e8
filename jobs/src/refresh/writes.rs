//! How many writes each collection has seen: what tells, in a millisecond, whether anything changed.
//!
//! MongoDB counts the writes of each collection on the server that takes them (`latencyStats` of `$collStats`):
//! inserts, updates, deletes, bulk writes and the statements of transactions, each when it is done. It does not count
//! what it deletes by itself (TTL indexes), nor what it copies from another server while it is a secondary. A server
//! that starts, a collection that is dropped and one that `$out` replaces begin again at zero.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, Timestamp, doc};
use mongodb::options::{ReadPreference, SelectionCriteria};

use crate::collect::Definition;
use crate::database::{DatabaseError, ask};
use crate::metric::Text;

/// How long a look may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The writes that a collection has seen, by the servers that count them. If they are equal to those of an earlier
/// look, nothing was written in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writes {
    primary: Term,
    /// Each shard's server (or the only server there is) and its count.
    counts: Vec<(String, i64)>,
}

/// The time in which one server process is the primary without a break.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Term {
    /// Another process counts from zero.
    process: Option<ObjectId>,
    /// On a replica set: a server that was no primary for a while has not counted what was written meanwhile.
    election: Option<ObjectId>,
}

/// The writes of several collections, at one time.
#[derive(Clone, Debug)]
pub(super) struct Look {
    writes: HashMap<Text, Writes>,
    /// When it began.
    pub(super) at: Instant,
    /// On a replica set: the moment, by its clock, at which the data has all writes of this look.
    pub(super) moment: Option<Timestamp>,
    /// Whether transactions are possible. Their statements are counted before they are committed.
    pub(super) has_transactions: bool,
}

/// Why the writes of a collection could not be looked at.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum LookError {
    /// The database gave no answer. It may later.
    #[error("{0}")]
    Away(DatabaseError),
    /// The server that was asked is no primary: one that stepped down a moment ago, or a secondary that `MONGODB_URI`
    /// names.
    #[error("the server that MONGODB_URI names is a secondary, which does not count writes")]
    NotPrimary,
    /// It will not answer this question.
    #[error("{0}")]
    Refused(String),
}

impl From<DatabaseError> for LookError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Refused { .. } | DatabaseError::NotAuthorized(_) => Self::Refused(error.to_string()),
            error => Self::Away(error),
        }
    }
}

impl Look {
    /// Asks the primary about these collections. One that does not exist has seen no writes.
    ///
    /// # Errors
    /// When the database is away, or does not answer this question.
    pub(super) async fn at(database: &Database, collections: &BTreeSet<Text>) -> Result<Self, LookError> {
        let at = Instant::now();
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        let hello = || database.run_command(doc! { "hello": 1 }).selection_criteria(primary.clone());
        let before = ask(TIME_LIMIT, hello()).await?;
        if !before.get_bool("isWritablePrimary").unwrap_or(false) {
            return Err(LookError::NotPrimary);
        }
        let term = Term::of(&before);
        let mut writes = HashMap::new();
        for collection in collections {
            let stats = [doc! { "$collStats": { "latencyStats": {} } }];
            let replies = ask(TIME_LIMIT, async {
                let documents = database.collection::<Document>(collection);
                let replies = documents.aggregate(stats).selection_criteria(primary.clone()).await?;
                replies.try_collect::<Vec<_>>().await
            });
            writes.insert(collection.clone(), Writes::of(term, &replies.await?)?);
        }
        let has_transactions =
            before.contains_key("setName") || before.get_str("msg").is_ok_and(|kind| kind == "isdbgrid");
        // After the counts: what they have was written before.
        let moment = match has_transactions {
            true => ask(TIME_LIMIT, hello()).await?.get_timestamp("operationTime").ok(),
            false => None,
        };
        Ok(Self { writes, at, moment, has_transactions })
    }

    /// What the collections of a definition have seen, in their order; `None` if one of them was not looked at.
    pub(super) fn of(&self, definition: &Definition) -> Option<Vec<Writes>> {
        definition.collections().iter().map(|collection| self.writes.get(collection).cloned()).collect()
    }
}

impl Term {
    /// Reads the reply of a primary to `hello`.
    fn of(hello: &Document) -> Self {
        let version = hello.get_document("topologyVersion");
        let process = version.and_then(|version| version.get_object_id("processId")).ok();
        Self { process, election: hello.get_object_id("electionId").ok() }
    }
}

impl Writes {
    /// Reads the replies to `$collStats`: one from each shard that has a part of the collection, or one in all.
    fn of(primary: Term, replies: &[Document]) -> Result<Self, LookError> {
        let mut counts = Vec::new();
        for reply in replies {
            let server = |field| reply.get_str(field).unwrap_or_default();
            let writes = reply.get_document("latencyStats").and_then(|stats| stats.get_document("writes"));
            let count = match writes.ok().and_then(|writes| writes.get("ops")) {
                Some(Bson::Int64(count)) => *count,
                Some(Bson::Int32(count)) => (*count).into(),
                _ => return Err(LookError::Refused("the server does not say how many writes there were".to_owned())),
            };
            counts.push((format!("{} {}", server("shard"), server("host")), count));
        }
        counts.sort_unstable();
        Ok(Self { primary, counts })
    }
}

#[cfg(test)]
impl Look {
    /// A look that finds these counts of one server.
    pub(super) fn imagined(at: Instant, counts: &[(&'static str, i64)], has_transactions: bool) -> Self {
        let writes = |&(collection, count)| {
            (Text::from(collection), Writes { primary: Term::default(), counts: vec![("a:1".to_owned(), count)] })
        };
        Self { writes: counts.iter().map(writes).collect(), at, moment: None, has_transactions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(shard: Option<&str>, host: &str, ops: i64) -> Document {
        let mut reply = doc! { "ns": "playarr.titles", "host": host, "latencyStats": { "writes": { "ops": ops } } };
        reply.extend(shard.map(|shard| ("shard".to_owned(), shard.into())));
        reply
    }

    fn writes(replies: &[Document]) -> Writes {
        Writes::of(Term::default(), replies).unwrap()
    }

    #[test]
    fn more_writes_fewer_writes_and_another_server_are_changes() {
        let before = writes(&[reply(None, "a:1", 5)]);
        assert_eq!(before, writes(&[reply(None, "a:1", 5)]));
        for after in [reply(None, "a:1", 6), reply(None, "a:1", 0), reply(None, "b:1", 5)] {
            assert_ne!(before, writes(&[after]));
        }
        let elsewhere = Term { process: Some(ObjectId::new()), ..Term::default() };
        assert_ne!(before, Writes::of(elsewhere, &[reply(None, "a:1", 5)]).unwrap());
    }

    #[test]
    fn a_server_that_is_the_primary_again_may_have_missed_writes() {
        let process = ObjectId::new();
        let hello = |election| doc! { "topologyVersion": { "processId": process }, "electionId": election };
        let (first, second) = (hello(ObjectId::new()), hello(ObjectId::new()));
        let writes = |hello: &Document| Writes::of(Term::of(hello), &[reply(None, "a:1", 5)]).unwrap();
        assert_eq!(writes(&first), writes(&first.clone()));
        assert_ne!(writes(&first), writes(&second));
    }

    #[test]
    fn the_shards_are_compared_one_by_one_in_whatever_order_they_answer() {
        let (one, other) = (reply(Some("s1"), "a:1", 5), reply(Some("s2"), "b:1", 7));
        let before = writes(&[one.clone(), other.clone()]);
        assert_eq!(before, writes(&[other.clone(), one.clone()]));
        // The sum is the same, and yet there were writes.
        assert_ne!(before, writes(&[reply(Some("s1"), "a:1", 6), reply(Some("s2"), "b:1", 6)]));
        // A part of the collection moved to another shard.
        assert_ne!(before, writes(&[one, other, reply(Some("s3"), "c:1", 0)]));
    }

    #[test]
    fn a_server_that_does_not_count_writes_is_said_to() {
        let error = Writes::of(Term::default(), &[doc! { "ns": "playarr.titles" }]).unwrap_err();
        assert!(matches!(error, LookError::Refused(_)), "{error}");
    }
}
