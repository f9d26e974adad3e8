//! SIGHUP: what can change without a restart is read again.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::library::{fixtures, load};
use crate::support::program::signal;
use crate::support::running::Running;
use crate::support::until;

/// The files that settings of the service are read from.
struct Files(TempDir);

impl Files {
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// The service with its secrets and its log level in files.
async fn running() -> (Running, Files) {
    running_with(Files(tempfile::tempdir().unwrap()), &[]).await
}

async fn running_with(files: Files, more: &[(&str, &str)]) -> (Running, Files) {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    load(&database.connect().await.unwrap(), &fixtures()).await.unwrap();
    let key = files.write("key", "the first of two keys, 0123456789abcdef");
    let (level, uri) = (files.write("level", "info"), files.write("uri", database.uri()));
    let settings =
        [("MONGODB_URI", ""), ("MONGODB_URI_FILE", &*uri), ("JWT_SECRET_KEY_FILE", &*key), ("LOG_LEVEL_FILE", &*level)];
    let settings = [&settings, more].concat();
    (Running::start_on(&database, &settings).await, files)
}

/// Sends SIGHUP and returns what the log says of it: one line.
async fn hang_up(running: &Running) -> String {
    let said = || -> Vec<String> {
        let lines = running.log_lines();
        let messages = lines.iter().map(|line| line["message"].as_str().unwrap_or_default());
        messages.filter(|message| message.starts_with("SIGHUP: ")).map(str::to_owned).collect()
    };
    let before = said().len();
    signal(&running.child, "HUP").await;
    until("it is said", Duration::from_secs(20), || async { said().len() > before }).await;
    said().split_off(before).join("\n")
}

async fn session(running: &Running) -> String {
    let login = json!({ "username": "admin", "password": "admin-password" });
    let answer = running.request(Method::POST, "/api/auth/login").json(&login).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

async fn verify(running: &Running, session: &str) -> StatusCode {
    let request = running.request(Method::GET, "/api/auth/verify").header(COOKIE, session);
    request.send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_log_level_and_another_key_count_at_once() {
    let (running, files) = running().await;
    assert_eq!(hang_up(&running).await, "SIGHUP: nothing has changed");

    let old = session(&running).await;
    files.write("key", "the second of two keys, 0123456789abcde\n");
    assert_eq!(
        hang_up(&running).await,
        "SIGHUP: JWT_SECRET_KEY is another now, and sessions signed with the one before have ended"
    );
    until("the session ends", Duration::from_secs(10), || async {
        verify(&running, &old).await == StatusCode::UNAUTHORIZED
    })
    .await;
    let new = session(&running).await;
    assert_eq!(verify(&running, &new).await, StatusCode::OK);

    files.write("level", "trace");
    assert_eq!(hang_up(&running).await, "SIGHUP: LOG_LEVEL is trace now");
    let is_detail = |line: &Value| line["level"] == "TRACE";
    until("lines of that level", Duration::from_secs(20), || async {
        running.series().await;
        running.log_lines().iter().any(is_detail)
    })
    .await;
    files.write("level", "error");
    assert_eq!(hang_up(&running).await, "SIGHUP: LOG_LEVEL is error now");
    files.write("level", "info");
    assert_eq!(hang_up(&running).await, "SIGHUP: LOG_LEVEL is info now");
    assert!(running.end("TERM").await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_changes_nothing_and_what_needs_a_restart_says_so() {
    let (running, files) = running().await;
    let session = session(&running).await;
    files.write("key", "a third key, 0123456789abcdef0123456789");
    files.write("level", "loud");
    let refused = hang_up(&running).await;
    let expected = "SIGHUP: everything stays as it is: LOG_LEVEL=loud: error, warn, info,";
    assert!(refused.starts_with(expected), "{refused}");
    assert_eq!(verify(&running, &session).await, StatusCode::OK);

    files.write("level", "info");
    files.write("key", "the first of two keys, 0123456789abcdef");
    files.write("uri", "mongodb://user:hunter2@elsewhere.invalid");
    assert_eq!(hang_up(&running).await, "SIGHUP: MONGODB_URI is another, which needs a restart");

    std::fs::remove_file(files.path().join("key")).unwrap();
    let refused = hang_up(&running).await;
    assert!(refused.starts_with("SIGHUP: everything stays as it is: JWT_SECRET_KEY_FILE="), "{refused}");
    running.series().await;
    assert!(!running.log.lock().unwrap().contains("hunter2"));
    assert!(running.end("TERM").await.success());
}

/// A file of custom metrics: one that counts users, for each help text.
fn custom(helps: &[&str]) -> String {
    let metric = |(number, help): (usize, &&str)| {
        format!(
            "  - name: playarr_custom_users_{number}\n    help: {help}\n    collection: users\n    pipeline:\n      - \
             $count: value\n"
        )
    };
    format!("metrics:\n{}", helps.iter().enumerate().map(metric).collect::<String>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_of_custom_metrics_is_read_again_and_a_mistake_leaves_everything() {
    let files = Files(tempfile::tempdir().unwrap());
    let path = files.write("custom.yaml", &custom(&["Users."]));
    let (running, files) = running_with(files, &[("CUSTOM_METRICS_FILE", &*path)]).await;
    let help = |name: &'static str, text: &'static str| {
        let running = &running;
        async move {
            until(&format!("{name}: {text}"), Duration::from_secs(20), || async {
                let scrape = running.request(Method::GET, "/metrics").bearer_auth(running.metrics_token());
                let exposed = scrape.send().await.unwrap().text().await.unwrap();
                exposed.contains(&format!("# HELP {name} {text}\n"))
            })
            .await;
        }
    };
    help("playarr_custom_users_0", "Users.").await;
    assert_eq!(hang_up(&running).await, "SIGHUP: CUSTOM_METRICS_FILE was read again and has 1 metric");

    files.write("custom.yaml", &custom(&["All users.", "Users once more."]));
    assert_eq!(hang_up(&running).await, "SIGHUP: CUSTOM_METRICS_FILE was read again and has 2 metrics");
    help("playarr_custom_users_0", "All users.").await;
    help("playarr_custom_users_1", "Users once more.").await;

    files.write("custom.yaml", &custom(&["A user."]).replace("$count", "$out"));
    let refused = hang_up(&running).await;
    let expected = "SIGHUP: the custom metrics of the file stay as they are: ";
    assert!(refused.starts_with(expected) && refused.contains("stage 1 ($out)"), "{refused}");
    std::fs::remove_file(files.path().join("custom.yaml")).unwrap();
    let refused = hang_up(&running).await;
    assert!(refused.contains("the file cannot be read"), "{refused}");
    help("playarr_custom_users_0", "All users.").await;
    help("playarr_custom_users_1", "Users once more.").await;
    assert!(running.end("TERM").await.success());
}
