//! The program itself, serving: for tests that stop it the hard way, or look at its memory.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mongodb::Database;
use playarr_sandbox::TestDatabase;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::exposition::parse;
use super::oracle::Gauges;
use super::program::{program, signal};
use super::service::{ingest_token, is_ready, metrics_token};
use super::until;

/// The program with a database of its own, ready.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) child: Child,
    pub(crate) database: Database,
    /// What it says on stderr, as far as it has said it.
    pub(crate) log: Arc<Mutex<String>>,
    client: reqwest::Client,
    metrics_token: String,
    ingest_token: String,
}

impl Running {
    /// Starts it on this database of the server that tests share.
    pub(crate) async fn start_on(database: &TestDatabase, settings: &[(&str, &str)]) -> Self {
        Self::start_at(database.uri(), database.name(), settings).await
    }

    /// Starts it on the database of this name at this address.
    pub(crate) async fn start_at(uri: &str, name: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_by(|settings| program(settings, &[]), uri, name, settings).await
    }

    /// Starts it by a command that is given the settings.
    pub(crate) async fn start_by(
        command: impl FnOnce(&[(&str, &str)]) -> Command,
        uri: &str,
        name: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut all = vec![
            ("CHANGE_DETECTION", "off"),
            ("MONGODB_URI", uri),
            ("MONGODB_DB_NAME", name),
            ("LISTEN_ADDRESS", "127.0.0.1:0"),
            ("LOG_FORMAT", "json"),
        ];
        all.extend(settings);
        let mut child = command(&all).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let mut address = None;
        while address.is_none() {
            let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("it ended: {log:?}"));
            let entry: Value = serde_json::from_str(&line).expect("a JSON object on each line");
            if entry["message"] == "listening" {
                address = Some(entry["address"].as_str().unwrap().to_owned());
            }
            log.lock().unwrap().push_str(&format!("{line}\n"));
        }
        let kept = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        let url = format!("http://{}", address.unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        until("ready", Duration::from_secs(60), || async { is_ready(&client, &url).await }).await;
        let database = mongodb::Client::with_uri_str(uri).await.unwrap().database(name);
        let metrics_token = metrics_token(&database).await;
        let ingest_token = ingest_token(&database).await;
        Self { url, child, database, log, client, metrics_token, ingest_token }
    }

    pub(crate) async fn series(&self) -> Gauges {
        let request = self.client.get(format!("{}/metrics", self.url)).bearer_auth(&self.metrics_token);
        parse(&request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap())
    }

    /// The token for scrapes.
    pub(crate) fn metrics_token(&self) -> &str {
        &self.metrics_token
    }

    /// The bytes of its memory that no file on disk backs: all but the program itself.
    pub(crate) fn anonymous_memory(&self) -> usize {
        let pid = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux tells");
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// The lines of the log so far.
    pub(crate) fn log_lines(&self) -> Vec<Value> {
        let log = self.log.lock().unwrap();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A request to this path, to be completed.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// The token for events.
    pub(crate) fn ingest_token(&self) -> &str {
        &self.ingest_token
    }

    /// A batch of events, to be completed.
    pub(crate) fn events(&self) -> RequestBuilder {
        self.client.post(format!("{}/api/metrics/events", self.url)).bearer_auth(&self.ingest_token)
    }

    /// Sends events a line each and returns the answer.
    pub(crate) async fn post_lines(&self, lines: String) -> Value {
        let request = self.events().header(CONTENT_TYPE, "application/x-ndjson").body(lines);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Ends it with a signal and waits for the end.
    pub(crate) async fn end(mut self, name: &str) -> ExitStatus {
        signal(&self.child, name).await;
        tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await.expect("it ends").unwrap()
    }
}
