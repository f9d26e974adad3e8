//! What `serve` needs of MongoDB. Everything here only reads.

use std::time::{Duration, SystemTime};

use mongodb::Database;
use mongodb::bson::doc;
use playarr_jobs::database::{Contents, DatabaseError, ask};

use super::indexes;
use super::patience::PATIENCE;
use super::report::Findings;
use super::rights::{self, Rights};
use crate::accounts::{TokenKind, Tokens};
use crate::config::Config;
use crate::database::{connect, ping};

/// How far the two clocks may differ. Sessions, the age of snapshots and expiry dates depend on both.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(10);

pub(super) async fn check(config: &Config, findings: &mut Findings) {
    let connected = async {
        let connection = connect(config).await?;
        ping(config, &connection.database).await.map(|()| connection)
    };
    let database = match connected.await {
        Ok(connection) => connection.database,
        Err(error) => {
            findings.wrong("connection", error.to_string());
            let others = ["collections", "rights", "indexes", "tokens", "clock"];
            return findings.not_checked(&others, "not checked, because MongoDB was not reached");
        }
    };
    findings.ok("connection", format!("MongoDB answers at {}", config.mongodb_uri));
    findings.of("collections", collections(&database).await);
    let rights = rights::of(config, &database).await;
    rights::report(&rights, findings);
    indexes::check(&database, findings).await;
    tokens(&database, rights.ok(), findings).await;
    findings.of("clock", clock(&database).await);
}

async fn collections(database: &Database) -> Result<String, String> {
    let contents = Contents::of(database).await.map_err(|error| error.to_string())?;
    match contents.complaint(database.name()) {
        Some(complaint) => Err(complaint),
        None => Ok(format!("the database {} is Playarr's", database.name())),
    }
}

async fn tokens(database: &Database, rights: Option<Rights>, findings: &mut Findings) {
    let tokens = Tokens::new(database);
    let may_store = rights.is_none_or(|rights| !rights.reads_only);
    for kind in TokenKind::ALL {
        let found = match tokens.exists(kind).await {
            Err(error) => Err(error.to_string()),
            Ok(true) => Ok(format!("the {kind} token is known")),
            Ok(false) if may_store => Ok(format!("there is no {kind} token yet; the service makes one")),
            // Events need a journal, which such a user cannot write either.
            Ok(false) if kind == TokenKind::Ingest => {
                Ok("there is no ingest token; a service that only reads refuses events".to_owned())
            }
            Ok(false) => Err(format!(
                "there is no {kind} token, and the user of MONGODB_URI may not store one; give it the rights of \
                 packaging/mongodb/role.json, or run `playarr-metrics token` once with a user who has them"
            )),
        };
        findings.of("tokens", found);
    }
}

/// Compares the clock of the server with the one here, less the time that the answer took.
async fn clock(database: &Database) -> Result<String, String> {
    let asked = SystemTime::now();
    let answer = ask(PATIENCE, database.run_command(doc! { "hello": 1 })).await;
    let answered = SystemTime::now();
    let answer = answer.map_err(|error: DatabaseError| error.to_string())?;
    let server = answer.get_datetime("localTime").map_err(|_| "MongoDB did not tell its time".to_owned())?;
    let server = server.to_system_time();
    let behind = server.duration_since(answered).unwrap_or_default();
    let ahead = asked.duration_since(server).unwrap_or_default();
    let (difference, word) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    if difference <= CLOCK_TOLERANCE {
        return Ok("it agrees with that of MongoDB".to_owned());
    }
    Err(format!(
        "the clock of this host is {} s {word} that of MongoDB; synchronize both with NTP (timedatectl set-ntp true)",
        difference.as_secs()
    ))
}
