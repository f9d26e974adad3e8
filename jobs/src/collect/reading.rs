//! When and where the queries of a refresh read.
//!
//! On a replica set they read what a majority of the servers has at one moment, so that families agree with each other
//! while writes go on, and from a secondary if one has come that far. The moment is that of the primary when the
//! refresh begins: what was acknowledged before shows, and nothing goes back to what an earlier refresh showed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt, join_all, select_ok};
use mongodb::bson::{Document, Timestamp, doc};
use mongodb::options::{ReadConcern, ReadPreference, SelectionCriteria, SessionOptions};
use mongodb::{ClientSession, Database};

use crate::database::{DatabaseError, ask};

/// How long a server may take to answer, the time in which the driver looks for one included.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// How long a secondary is given to come as far as the primary is. One that has not by then is not read.
const CATCH_UP_TIME: Duration = Duration::from_millis(500);

/// How long the primary is given until a majority has what it has. Without one moment after that, families may
/// disagree, so this is longer: a refresh can wait, and only does so while the servers are slow or a majority is
/// missing.
const MAJORITY_TIME: Duration = Duration::from_secs(3);

/// Reads at one moment need MongoDB 5.0.
const SNAPSHOT_WIRE_VERSION: i32 = 13;

/// When and where to read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    time: Time,
    server: SelectionCriteria,
    /// How far each secondary is behind the primary.
    pub(crate) lags: Vec<Lag>,
}

/// How far a secondary is behind the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The address of the secondary.
    pub server: String,
    /// The time between the last write of each, to the second.
    pub lag: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Time {
    /// Each query when it comes.
    Any,
    /// Each query when it comes, and not before this moment.
    After(Timestamp),
    /// All queries at this moment.
    At(Timestamp),
}

impl Reading {
    /// Each query reads when it comes, from a secondary if there is one.
    pub(crate) fn at_any_time() -> Self {
        let server = ReadPreference::SecondaryPreferred { options: None };
        Self { time: Time::Any, server: SelectionCriteria::ReadPreference(server), lags: Vec::new() }
    }

    /// The newest moment of the primary, not before `earliest`, and a server that has come that far: one of
    /// `secondaries` that is at most `max_staleness` behind, or the primary.
    ///
    /// # Errors
    /// When no server answers; without a primary, when none has come as far as `earliest`.
    pub(crate) async fn choose(
        database: &Database,
        secondaries: &[String],
        max_staleness: Duration,
        earliest: Option<Timestamp>,
    ) -> Result<Self, DatabaseError> {
        let any = Self::at_any_time();
        let preferred = SelectionCriteria::ReadPreference(ReadPreference::PrimaryPreferred { options: None });
        let hello = hello(database, &preferred).await?;
        let is_sharded = hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid");
        let (true, Ok(now)) = (is_sharded || hello.contains_key("setName"), hello.get_timestamp("operationTime"))
        else {
            return Ok(any);
        };
        let time = earliest.map_or(now, |earliest| earliest.max(now));
        let is_writable = hello.get_bool("isWritablePrimary").unwrap_or(false);
        let lags = lags(database, secondaries, &hello).await;
        let fresh = lags.iter().filter(|lag| lag.lag <= max_staleness).map(|lag| at_address(&lag.server));
        let fresh: Vec<_> = if is_sharded { vec![any.server.clone()] } else { fresh.collect() };
        let has_snapshots = hello.get_i32("maxWireVersion").is_ok_and(|version| version >= SNAPSHOT_WIRE_VERSION);
        let times = has_snapshots.then_some(Time::At(time)).into_iter().chain([Time::After(time)]);
        for time in times {
            let readings = |servers: &[SelectionCriteria]| -> Vec<_> {
                let reading = |server: &SelectionCriteria| Self { time, server: server.clone(), lags: lags.clone() };
                servers.iter().map(reading).collect()
            };
            // The first that answers is also the nearest.
            let primary = std::slice::from_ref(&preferred);
            for (candidates, limit) in [(readings(&fresh), CATCH_UP_TIME), (readings(primary), MAJORITY_TIME)] {
                let probes = candidates.iter().map(|reading| reading.probe(database, limit).boxed());
                if !candidates.is_empty()
                    && let Ok((server, _)) = select_ok(probes).await
                {
                    return Ok(Self { time, server, lags });
                }
            }
        }
        if is_writable || is_sharded {
            // Nothing bounds how old the data of another server is.
            let server = SelectionCriteria::ReadPreference(ReadPreference::Primary);
            return Ok(Self { time: Time::Any, server, lags });
        }
        let reason = "MongoDB has no primary, and no secondary has what was written or read before";
        Err(DatabaseError::Away(reason.to_owned()))
    }

    /// The same without the promise of one moment, for queries that find it gone.
    pub(crate) fn without_one_moment(&self) -> Self {
        let time = match self.time {
            Time::At(time) => Time::After(time),
            time => time,
        };
        Self { time, ..self.clone() }
    }

    /// Whether all queries read at one moment.
    pub(crate) fn is_consistent(&self) -> bool {
        matches!(self.time, Time::At(_))
    }

    /// The moment, where there is one.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        match self.time {
            Time::Any => None,
            Time::After(time) | Time::At(time) => Some(time),
        }
    }

    /// The server to ask.
    pub(crate) fn server(&self) -> SelectionCriteria {
        self.server.clone()
    }

    /// A session that reads so, with the read concern that belongs to it; `None` where a query needs none.
    pub(crate) async fn session(
        &self,
        database: &Database,
    ) -> mongodb::error::Result<Option<(ClientSession, ReadConcern)>> {
        let client = database.client();
        match self.time {
            Time::Any => Ok(None),
            Time::After(time) => {
                let mut session = client.start_session().causal_consistency(true).await?;
                session.advance_operation_time(time);
                Ok(Some((session, ReadConcern::local())))
            }
            Time::At(time) => {
                let options = SessionOptions::builder().snapshot(true).snapshot_time(time).build();
                let session = client.start_session().with_options(options).await?;
                Ok(Some((session, ReadConcern::snapshot())))
            }
        }
    }

    /// Succeeds with the server if it comes as far as this within the limit.
    async fn probe(&self, database: &Database, limit: Duration) -> Result<SelectionCriteria, DatabaseError> {
        ask(limit, async {
            if let Some((mut session, concern)) = self.session(database).await? {
                let documents = database.collection::<Document>("iptv_providers");
                let first = [doc! { "$limit": 1 }, doc! { "$project": { "_id": 1 } }];
                documents
                    .aggregate(first)
                    .comment("playarr-metrics: how far is this server")
                    .max_time(limit)
                    .selection_criteria(self.server.clone())
                    .read_concern(concern)
                    .session(&mut session)
                    .await?;
            }
            Ok::<_, mongodb::error::Error>(self.server.clone())
        })
        .await
    }
}

async fn hello(database: &Database, server: &SelectionCriteria) -> Result<Document, DatabaseError> {
    ask(TIME_LIMIT, database.run_command(doc! { "hello": 1 }).selection_criteria(server.clone())).await
}

fn at_address(address: &str) -> SelectionCriteria {
    let address = address.to_owned();
    SelectionCriteria::Predicate(Arc::new(move |server| server.address().to_string() == address))
}

/// How far each secondary is behind; those that do not say are left out.
async fn lags(database: &Database, secondaries: &[String], primary: &Document) -> Vec<Lag> {
    let last_write = |hello: &Document| {
        hello.get_document("lastWrite").and_then(|last| last.get_datetime("lastWriteDate")).copied().ok()
    };
    let primarys = last_write(primary);
    let lags = secondaries.iter().map(|server| async move {
        let hello = tokio::time::timeout(CATCH_UP_TIME, hello(database, &at_address(server))).await.ok()?.ok()?;
        let lag = primarys?.timestamp_millis() - last_write(&hello)?.timestamp_millis();
        Some(Lag { server: server.clone(), lag: Duration::from_millis(u64::try_from(lag).unwrap_or(0)) })
    });
    join_all(lags).await.into_iter().flatten().collect()
}
