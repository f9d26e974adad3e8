//! The first admin of a database without users.

use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::{Acknowledgment, InsertOneOptions, WriteConcern};
use playarr_jobs::database::{DatabaseError, ask};
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
    loop {
        match create(&config.default_admin_username, password, users, passwords).await {
            Ok(Creation::Created) => {
                return tracing::info!(
                    username = config.default_admin_username,
                    "there were no users: created the admin"
                );
            }
            Ok(Creation::Unneeded) => return,
            Ok(Creation::NotHashed) => tracing::warn!("the password of the default admin could not be hashed"),
            // An outage is said once, by the database's health.
            Err(error) => {
                tracing::debug!(%error, "it is not known yet whether there are users; asking again");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_RETRY);
    }
}

enum Creation {
    Created,
    Unneeded,
    NotHashed,
}

async fn create(
    username: &str,
    password: &Secret,
    users: &Users,
    passwords: &Passwords,
) -> Result<Creation, DatabaseError> {
    let any = users.collection.find_one(doc! {}).projection(doc! { "_id": 1 });
    if ask(PATIENCE, any).await?.is_some() {
        return Ok(Creation::Unneeded);
    }
    let Ok(hash) = passwords.hash(password.clone()).await else { return Ok(Creation::NotHashed) };
    let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    let options = InsertOneOptions::builder().write_concern(durable).build();
    let admin = document(username, &hash);
    let insert = users.collection.insert_one(admin).with_options(options);
    match ask(PATIENCE, insert).await {
        Ok(_) => Ok(Creation::Created),
        // Another instance, or Playarr itself, was faster.
        Err(error) if error.is_duplicate_key() => Ok(Creation::Unneeded),
        Err(error) => Err(error),
    }
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
