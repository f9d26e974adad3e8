//! A running service in this process, with a database of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mongodb::Database;
use mongodb::bson::{RawDocumentBuf, doc};
use playarr_metrics::config::Config;
use playarr_metrics::database;
use playarr_metrics::serve;
use playarr_sandbox::TestDatabase;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::library::{Library, load};
use super::oracle::Gauges;
#[cfg(feature = "system-tests")]
use super::stage::{Nginx, Stage};
use super::{awaited, exposition, until};

/// What the service is started with.
pub(crate) struct Builder {
    library: Library,
    settings: BTreeMap<String, String>,
    uri: Option<String>,
    #[cfg(feature = "system-tests")]
    stage: Stage,
}

impl Builder {
    /// What stands between browsers and the service.
    #[cfg(feature = "system-tests")]
    pub(crate) fn on(mut self, stage: Stage) -> Self {
        self.stage = stage;
        if stage == Stage::BehindNginx { self.setting("BASE_PATH", stage.base()) } else { self }
    }

    /// A setting, by its environment variable.
    pub(crate) fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Another server than the one that tests share.
    pub(crate) fn server(mut self, uri: &str) -> Self {
        self.uri = Some(uri.to_owned());
        self
    }

    /// Starts the service without waiting for it to be ready.
    pub(crate) async fn start(mut self) -> Service {
        let own = match &self.uri {
            Some(uri) => {
                self.settings.insert("MONGODB_URI".to_owned(), uri.clone());
                None
            }
            None => Some(playarr_sandbox::mongodb().await.unwrap().database()),
        };
        if let Some(own) = &own {
            self.settings.insert("MONGODB_URI".to_owned(), own.uri().to_owned());
            self.settings.insert("MONGODB_DB_NAME".to_owned(), own.name().to_owned());
        }
        let config = Config::read(|name| self.settings.get(name).cloned()).unwrap();
        let database = database::connect(&config).await.unwrap().database;
        load(&database, &self.library).await.unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{}", listener.local_addr().unwrap(), config.base_path.as_str());
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            serve::serve(&config, listener, shutdown).await.unwrap();
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        #[cfg(feature = "system-tests")]
        let (pages, nginx) = match self.stage {
            Stage::Direct => (url.clone(), None),
            Stage::BehindNginx => {
                let nginx = Nginx::before(url.strip_suffix(self.stage.base()).unwrap()).await;
                (format!("{}{}", nginx.url, self.stage.base()), Some(nginx))
            }
        };
        Service {
            url,
            #[cfg(feature = "system-tests")]
            pages,
            #[cfg(feature = "system-tests")]
            _nginx: nginx,
            database,
            client,
            stop,
            server,
            own,
        }
    }

    /// Starts the service and waits until it answers scrapes, with live metrics or without.
    pub(crate) async fn ready_for_scrapes(self) -> Service {
        let service = self.start().await;
        let ready = || async { service.status("/-/ready").await == StatusCode::OK };
        until("ready for scrapes", Duration::from_secs(60), ready).await;
        service
    }

    /// Starts the service and waits until it is ready, with live metrics.
    pub(crate) async fn ready(self) -> Service {
        let service = self.start().await;
        service.until_ready().await;
        service
    }
}

/// The token for scrapes, as soon as it is there.
pub(crate) async fn metrics_token(database: &Database) -> String {
    value(database, "settings", "metrics_token").await
}

/// The token for events, as soon as it is there.
pub(crate) async fn ingest_token(database: &Database) -> String {
    value(database, "playarr_metrics", "ingest_token").await
}

async fn value(database: &Database, collection: &str, id: &str) -> String {
    let documents = database.collection::<RawDocumentBuf>(collection);
    awaited("a token", || async {
        let document = documents.find_one(doc! { "_id": id }).await.unwrap()?;
        Some(document.get_str("value").ok()?.to_owned())
    })
    .await
}

/// Whether a service at an address is ready, its live metrics included.
pub(crate) async fn is_ready(client: &reqwest::Client, url: &str) -> bool {
    let Ok(answer) = client.get(format!("{url}/-/ready")).send().await else { return false };
    let is_success = answer.status().is_success();
    let answer: Value = answer.json().await.unwrap_or_default();
    is_success && answer["live_metrics"] != "starting"
}

/// A running service.
pub(crate) struct Service {
    pub(crate) url: String,
    /// Where browsers find it.
    #[cfg(feature = "system-tests")]
    pub(crate) pages: String,
    #[cfg(feature = "system-tests")]
    _nginx: Option<Nginx>,
    pub(crate) database: Database,
    pub(crate) client: reqwest::Client,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    own: Option<TestDatabase>,
}

impl Service {
    pub(crate) fn with(library: Library) -> Builder {
        // Tests say themselves when something is counted, apart from those of changes.
        let settings = BTreeMap::from([("CHANGE_DETECTION".to_owned(), "off".to_owned())]);
        Builder {
            library,
            settings,
            uri: None,
            #[cfg(feature = "system-tests")]
            stage: Stage::Direct,
        }
    }

    pub(crate) fn empty() -> Builder {
        Self::with(Library::new())
    }

    pub(crate) async fn until_ready(&self) {
        until("ready", Duration::from_secs(60), || async { is_ready(&self.client, &self.url).await }).await;
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    /// A request with parameters in its query string.
    pub(crate) fn query(&self, path: &str, parameters: &[(&str, &str)]) -> RequestBuilder {
        let url = format!("{}{path}", self.url);
        self.client.get(reqwest::Url::parse_with_params(&url, parameters).unwrap())
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    pub(crate) async fn status(&self, path: &str) -> StatusCode {
        self.get(path).send().await.unwrap().status()
    }

    /// The token for scrapes, as Playarr's settings have it.
    pub(crate) async fn token(&self) -> String {
        metrics_token(&self.database).await
    }

    /// The token for events.
    pub(crate) async fn ingest_token(&self) -> String {
        ingest_token(&self.database).await
    }

    /// A scrape with this token.
    pub(crate) fn scrape_with(&self, token: &str) -> RequestBuilder {
        self.get("/metrics").bearer_auth(token)
    }

    /// A scrape, plain, in the format that this `Accept` header asks for.
    pub(crate) async fn scrape_as(&self, accept: &str) -> Response {
        self.scrape_with(&self.token().await).header(ACCEPT, accept).send().await.unwrap()
    }

    /// A scrape in the text format.
    pub(crate) async fn text(&self) -> String {
        let response = self.scrape_with(&self.token().await).header(ACCEPT_ENCODING, "identity").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.text().await.unwrap()
    }

    /// Every series of a scrape.
    pub(crate) async fn series(&self) -> Gauges {
        exposition::parse(&self.text().await)
    }

    /// Waits until a series has a value: what the service counts of itself shows after the next commit.
    pub(crate) async fn until_value(&self, name: &str, labels: &[(&str, &str)], expected: f64) {
        let (started, mut found) = (Instant::now(), None);
        while found != Some(expected) {
            assert!(started.elapsed() < Duration::from_secs(60), "{name}{labels:?}: {found:?}, not {expected}");
            found = exposition::value(&self.series().await, name, labels);
        }
    }

    /// Refreshes as the admin of the fixtures and returns the report.
    pub(crate) async fn refresh(&self) -> Value {
        let response = self.post("/api/metrics/refresh").header("x-api-key", "admin001").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    /// The connection string and the name of the database, for a second instance.
    pub(crate) fn settings(&self) -> (String, String) {
        let own = self.own.as_ref().expect("a database on the server that tests share");
        (own.uri().to_owned(), own.name().to_owned())
    }

    /// Tries to sign in.
    pub(crate) async fn login(&self, username: &str, password: &str) -> Response {
        let login = json!({ "username": username, "password": password });
        self.post("/api/auth/login").json(&login).send().await.unwrap()
    }

    /// Signs in and returns the cookie, as a browser sends it.
    pub(crate) async fn session(&self, username: &str, password: &str) -> String {
        let response = self.login(username, password).await;
        assert_eq!(response.status(), StatusCode::OK);
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Stops the service and waits until it has drained.
    pub(crate) async fn stop(self) {
        self.stop_before_the_database().await;
    }

    /// As [`Service::stop`], and returns its database, which goes when that is dropped.
    pub(crate) async fn stop_before_the_database(self) -> Option<TestDatabase> {
        self.stop.send(()).unwrap();
        self.server.await.unwrap();
        self.own
    }
}
