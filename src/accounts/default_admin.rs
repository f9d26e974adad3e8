//! The first admin of a database without users.

use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::Error;
use mongodb::options::{Acknowledgment, InsertOneOptions, WriteConcern};
use playarr_jobs::database::{is_duplicate_key, plain_message};
use rand::RngExt;

use super::password::Passwords;
use super::users::{PATIENCE, Users};
use crate::config::{Config, Secret};

/// The pause after a failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// The `_id` of the admin that every instance would create: the database takes it once.
const ID: [u8; 12] = *b"first admin\0";
const API_KEY_ALPHABET: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Creates the admin if a password is configured and there are no users. Tries until the database has answered.
pub(super) async fn ensure(config: &Config, users: &Users, passwords: &Passwords) {
    let Some(password) = &config.default_admin_password else { return };
    let mut pause = FIRST_RETRY;
    let mut failing = false;
    loop {
        match create(&config.default_admin_username, password, users, passwords).await {
            Ok(Outcome::Created) => {
                return tracing::info!(
                    username = config.default_admin_username,
                    "there were no users: created the admin"
                );
            }
            Ok(Outcome::Unneeded) => return,
            Ok(Outcome::NotHashed) => tracing::warn!("the password of the default admin could not be hashed"),
            // One outage is one line.
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(
                    %error,
                    "cannot tell yet whether there are users; asking again until it is known"
                );
            }
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_RETRY);
    }
}

/// The database does not say.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{}", plain_message(.0))]
    MongoDb(#[from] Error),
    #[error("no answer from MongoDB within {} s", PATIENCE.as_secs())]
    Timeout,
}

enum Outcome {
    Created,
    Unneeded,
    NotHashed,
}

async fn create(
    username: &str,
    password: &Secret,
    users: &Users,
    passwords: &Passwords,
) -> Result<Outcome, Failure> {
    let any = users.collection.find_one(doc! {}).projection(doc! { "_id": 1 });
    if in_time(any.into_future()).await?.is_some() {
        return Ok(Outcome::Unneeded);
    }
    let Ok(hash) = passwords.hash(password.clone()).await else { return Ok(Outcome::NotHashed) };
    let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    let options = InsertOneOptions::builder().write_concern(durable).build();
    let admin = document(username, &hash);
    let insert = users.collection.insert_one(admin).with_options(options);
    match in_time(insert.into_future()).await {
        Ok(_) => Ok(Outcome::Created),
        // Another instance, or Playarr itself, was faster.
        Err(Failure::MongoDb(error)) if is_duplicate_key(&error) => Ok(Outcome::Unneeded),
        Err(error) => Err(error),
    }
}

/// Awaits the database for a while.
async fn in_time<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    Ok(tokio::time::timeout(PATIENCE, asked).await.map_err(|_| Failure::Timeout)??)
}

/// A user as Playarr writes them.
fn document(username: &str, hash: &Secret) -> Document {
    let now = DateTime::now();
    doc! {
        "_id": ObjectId::from_bytes(ID),
        "username": username,
        "first_name": "Admin",
        "last_name": "User",
        "password_hash": hash.reveal(),
        "api_key": api_key(),
        "watchlist": { "movies": [], "tvshows": [], "live": [] },
        "status": "active",
        "role": "admin",
        "created_at": now,
        "updated_at": now,
        "createdAt": now,
        "lastUpdated": now,
        "isDefaultAdmin": true,
    }
}

/// Eight characters, as Playarr's keys.
fn api_key() -> String {
    let mut random = rand::rng();
    (0..8).map(|_| char::from(API_KEY_ALPHABET[random.random_range(0..API_KEY_ALPHABET.len())])).collect()
}
