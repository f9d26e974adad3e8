//! No secret reaches a log line or an answer, except where it is handed to its owner.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use reqwest::header::{AUTHORIZATION, COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::library::{fixtures, load};
use crate::support::program::{program, run, signal};
use crate::support::until;

const JWT_KEY: &str = "secret-jwt-key-0123456789-0123456789";
const FIRST_PASSWORD: &str = "secret-first-password";
const API_KEY: &str = "sEcReT01";

/// What the program wrote and answered.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    fn add(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    /// Sends a request and notes everything of its answer.
    async fn ask(&self, request: RequestBuilder) -> String {
        let response = request.send().await.unwrap();
        self.add(format!("{} {:?}", response.status(), response.headers()));
        let body = response.text().await.unwrap();
        self.add(body.clone());
        body
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_much_is_logged_no_secret_is_in_it_nor_in_an_answer_to_somebody_else() {
    for format in ["text", "json"] {
        let said = Said::default();
        let secrets = exercise(format, &said).await;
        let said = said.0.lock().unwrap();
        let traced = said.iter().filter(|text| text.contains("TRACE")).count();
        assert!(traced > 50, "only {traced} lines of the finest level");
        for secret in &secrets {
            assert!(secret.len() >= 8, "{secret:?} would be found anywhere");
            for text in said.iter() {
                assert!(!text.contains(secret), "{secret} in: {text:.2000}");
            }
        }
    }
}

/// Uses every secret there is in every way that works, and in some that do not. Returns them all.
async fn exercise(format: &str, said: &Said) -> Vec<String> {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let connected = database.connect().await.unwrap();
    let settings = [
        ("MONGODB_URI", database.uri()),
        ("MONGODB_DB_NAME", database.name()),
        ("LISTEN_ADDRESS", "127.0.0.1:0"),
        ("LOG_LEVEL", "trace"),
        ("LOG_FORMAT", format),
        ("JWT_SECRET_KEY", JWT_KEY),
        ("DEFAULT_ADMIN_PASSWORD", FIRST_PASSWORD),
    ];
    let mut child = program(&settings, &[]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let log = said.clone();
    let logged = tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            log.add(line);
        }
    });
    let address = crate::support::awaited("the program listens", || async {
        let lines = said.0.lock().unwrap();
        let line = lines.iter().find(|line| line.contains("listening"))?;
        let digits = line.split("127.0.0.1:").nth(1)?;
        Some(format!("127.0.0.1:{}", digits.split(|c: char| !c.is_ascii_digit()).next()?))
    })
    .await;
    let url = format!("http://{address}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = |path: &str| client.get(format!("{url}{path}"));
    let post = |path: &str| client.post(format!("{url}{path}"));
    let users = connected.collection::<Document>("users");
    until("the first admin is there", Duration::from_secs(30), || async {
        users.count_documents(doc! {}).await.unwrap() == 1
    })
    .await;
    users.update_one(doc! {}, doc! { "$set": { "api_key": API_KEY } }).await.unwrap();
    let first = users.find_one(doc! {}).await.unwrap().unwrap();
    users.update_one(doc! {}, doc! { "$set": { "username": "root" } }).await.unwrap();
    load(&connected, &fixtures()).await.unwrap();
    let mut secrets = vec![JWT_KEY.to_owned(), FIRST_PASSWORD.to_owned(), API_KEY.to_owned()];
    secrets.push(first.get_str("password_hash").unwrap().to_owned());

    // Passwords and sessions.
    let login = |username: &str, password: &str| {
        post("/api/auth/login").json(&json!({ "username": username, "password": password }))
    };
    let response = login("root", FIRST_PASSWORD).send().await.unwrap();
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    said.add(response.text().await.unwrap());
    let session = cookie.split(';').next().unwrap().to_owned();
    let token = session.strip_prefix("access_token=").unwrap();
    secrets.extend([token.to_owned(), token.rsplit_once('.').unwrap().1.to_owned()]);
    for guess in ["secret-typo-0001", "secret-typo-0002"] {
        said.ask(login("root", guess)).await;
        said.ask(login("nobody at all", guess)).await;
        said.ask(login(guess, "x")).await;
        said.ask(post("/api/auth/login").json(&json!({ "username": "root", "password": [guess] }))).await;
        let broken = format!("{{\"username\":\"root\",\"password\":\"{guess}");
        said.ask(post("/api/auth/login").header("content-type", "application/json").body(broken)).await;
        said.ask(get("/api/auth/verify").header("x-api-key", guess)).await;
        said.ask(get("/api/auth/verify").header(COOKIE, format!("access_token={guess}"))).await;
        said.ask(get("/metrics").bearer_auth(guess)).await;
        said.ask(get("/metrics").header(AUTHORIZATION, format!("Basic {guess}"))).await;
        said.ask(post("/api/metrics/events").bearer_auth(guess)).await;
        secrets.push(guess.to_owned());
    }

    // Tokens, old and new; the routes that hand them out are the exception.
    let mut tokens = Vec::new();
    for which in ["metrics", "ingest"] {
        let path = format!("/api/settings/metrics?token={which}");
        let shown: Value = get(&path).header(COOKIE, &session).send().await.unwrap().json().await.unwrap();
        let path = format!("/api/settings/metrics/regenerate?token={which}");
        let new = post(&path).header(COOKIE, &session).header(ORIGIN, &url).send().await.unwrap();
        let new: Value = new.json().await.unwrap();
        tokens.extend([shown, new].map(|answer| answer["value"].as_str().unwrap().to_owned()));
    }
    let printed = run(&settings, &["token"]).await;
    said.add(String::from_utf8(printed.stderr).unwrap());
    assert_eq!(String::from_utf8(printed.stdout).unwrap().trim(), tokens[1]);
    for token in &tokens {
        said.ask(get("/metrics").bearer_auth(token)).await;
        let events = r#"{"events":[{"type":"cache_operation","operation":"hit"}]}"#;
        let events = post("/api/metrics/events").header("content-type", "application/json").body(events);
        said.ask(events.bearer_auth(token)).await;
        said.ask(get(&format!("/nowhere/{token}"))).await;
    }
    secrets.extend(tokens);

    // Everything else, by session and by key.
    for (name, value) in [("cookie", &*session), ("x-api-key", API_KEY)] {
        for (method, path) in [
            (Method::GET, "/api/auth/verify"),
            (Method::GET, "/api/metrics/status"),
            (Method::GET, "/api/metrics/overview"),
            (Method::GET, "/api/metrics/families"),
            (Method::GET, "/api/metrics/series?limit=10"),
            (Method::GET, "/api/metrics/cardinality"),
            (Method::GET, "/api/metrics/export?format=csv"),
            (Method::GET, "/api/metrics/changes"),
            (Method::GET, "/api/metrics/custom"),
            (Method::GET, "/assets/base.css"),
            (Method::POST, "/api/metrics/refresh"),
            (Method::GET, "/api/ws"),
            (Method::POST, "/api/auth/logout"),
            (Method::DELETE, "/api/settings/metrics"),
            (Method::GET, "/nowhere"),
        ] {
            let request = client.request(method, format!("{url}{path}"));
            said.ask(request.header(name, value).header(ORIGIN, &url)).await;
        }
    }
    let (host, handshake) = (&address, tokio::net::TcpStream::connect(&address).await.unwrap());
    let mut request =
        tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(format!("ws://{host}/api/ws"))
            .unwrap();
    request.headers_mut().insert("x-api-key", API_KEY.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::client_async(request, handshake).await.unwrap();
    let status = futures_util::StreamExt::next(&mut socket).await.unwrap().unwrap();
    said.add(status.to_text().unwrap().to_owned());

    signal(&child, "TERM").await;
    let ended = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));
    logged.await.unwrap();
    secrets
}
