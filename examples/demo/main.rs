//! The whole service on a machine that has nothing: starts a real MongoDB, puts a small library into it, refreshes,
//! serves, drives some live traffic through the HTTP interface, and prints what to try.
//!
//! ```text
//! cargo run --example demo
//! ```
//!
//! Settings are read from the environment as always, except for the database.

mod library;
mod traffic;

use std::error::Error;
use std::time::Duration;

use clap::Parser;
use playarr_metrics::accounts::{TokenKind, Tokens};
use playarr_metrics::config::{Config, Flags};
use playarr_metrics::database;
use playarr_metrics::serve;

/// The service with a MongoDB of its own and a small library in it.
#[derive(Parser)]
struct Demo {
    #[command(flatten)]
    flags: Flags,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mongod = playarr_sandbox::mongodb().await?;
    let sandbox = mongod.database();
    let flags = Demo::parse().flags.with_database(sandbox.uri(), sandbox.name());
    let config = Config::load(&flags)?;
    let database = database::connect(&config).await?.database;
    for (collection, documents) in library::documents() {
        database.collection(&collection).insert_many(documents).await?;
    }
    let tokens = Tokens::new(&database);
    let token = tokens.show(TokenKind::Metrics).await?.value.reveal().to_owned();
    let ingest_token = tokens.show(TokenKind::Ingest).await?.value.reveal().to_owned();

    let listener = serve::listen(&config).await?;
    let address = format!("http://localhost:{}", listener.local_addr()?.port());
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let greeting = tokio::spawn(async move {
        ready(&address).await;
        greet(&address, &token);
        traffic::drive(address, ingest_token).await;
    });
    serve::serve(&config, listener, interrupted).await?;
    greeting.abort();
    sandbox.drop_database().await?;
    Ok(())
}

/// Waits until there is something to see and the traffic can be counted.
async fn ready(address: &str) {
    while !is_ready(address).await.unwrap_or(false) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn is_ready(address: &str) -> reqwest::Result<bool> {
    let response = reqwest::get(format!("{address}/-/ready")).await?;
    let is_success = response.status().is_success();
    let answer: serde_json::Value = response.json().await?;
    Ok(is_success && answer["live_metrics"] != "starting")
}

/// Says what to try.
fn greet(address: &str, token: &str) {
    let ((admin, password), key) = (library::ADMIN, library::ADMIN_API_KEY);
    println!(
        "\nServing a small library, with live traffic: the counters move. In another terminal:\n\n  \
         curl -H 'Authorization: Bearer {token}' {address}/metrics\n\n\
         The token for a Prometheus, as the README's steps need it:\n\n  \
         echo {token} > playarr-token\n\n\
         The admin's pages, for `{admin}` with the password `{password}`:\n\n  \
         {address}/\n\n\
         Refresh now, with that admin's API key:\n\n  \
         curl -X POST -H 'X-API-Key: {key}' {address}/api/metrics/refresh\n\n\
         Ctrl-C ends it and throws the database away."
    );
}
