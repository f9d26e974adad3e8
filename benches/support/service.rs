//! A running service in this process.

use std::net::SocketAddr;
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use playarr_metrics::config::Config;
use playarr_metrics::serve;
use tokio::net::TcpListener;

/// Serves the database and returns the address once it is ready, with its token.
pub(crate) async fn serve(uri: &str, database: &Database, settings: &[(&str, &str)]) -> (SocketAddr, String) {
    let config = Config::read(|name| match name {
        "MONGODB_URI" => Some(uri.to_owned()),
        "MONGODB_DB_NAME" => Some(database.name().to_owned()),
        _ => settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
    })
    .expect("the settings are fine");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move {
        serve::serve(&config, listener, std::future::pending()).await.expect("the service runs");
    });
    until_ready(address).await;
    (address, token(database).await)
}

/// Waits until the service is ready, its live metrics included.
pub(crate) async fn until_ready(address: SocketAddr) {
    loop {
        if let Ok(answer) = reqwest::get(format!("http://{address}/-/ready")).await
            && answer.status().is_success()
            && answer.text().await.is_ok_and(|text| !text.contains("starting"))
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The metrics token of a database.
pub(crate) async fn token(database: &Database) -> String {
    value(database, "settings", "metrics_token").await
}

/// The ingest token of a database.
pub(crate) async fn ingest_token(database: &Database) -> String {
    value(database, "playarr_metrics", "ingest_token").await
}

async fn value(database: &Database, collection: &str, id: &str) -> String {
    let found = database.collection::<Document>(collection).find_one(doc! { "_id": id }).await;
    let setting = found.expect("MongoDB answers");
    setting.and_then(|setting| Some(setting.get_str("value").ok()?.to_owned())).expect("there is a token")
}
