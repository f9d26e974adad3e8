//! A real browser: headless Chromium behind its driver, both ended with the test.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use futures_util::FutureExt;
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Url;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use warp::http::Method;

use super::stage::Stage;
use super::until;

/// How long a page may take to show something.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a story in a browser of its own. The browser is closed however the story ends.
pub(crate) async fn in_browser<F: Future<Output = ()>>(story: impl FnOnce(Browser) -> F) {
    let profile = TempDir::new().unwrap();
    let (mut driver, port) = start_driver(&profile).await;
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities(&profile))
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .expect("chromium is needed for the system tests, in the version of its driver");
    let browser = Browser { client: client.clone() };
    let outcome = AssertUnwindSafe(story(browser)).catch_unwind().await;
    let closed = client.close().await;
    driver.kill().await.unwrap();
    match outcome {
        Ok(()) => closed.unwrap(),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Starts the driver on a free port, which it tells. What it and the browser leave behind goes with the profile.
async fn start_driver(profile: &TempDir) -> (Child, u16) {
    // It needs the same port for IPv4 and IPv6, and ends where somebody has one of the two.
    for _ in 0..5 {
        if let Some(driver) = try_driver(profile).await {
            return driver;
        }
    }
    panic!("chromedriver did not start");
}

async fn try_driver(profile: &TempDir) -> Option<(Child, u16)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .env("TMPDIR", profile.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("chromedriver is needed for the system tests: {error}"));
    let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
    while let Some(line) = said.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("successfully on port ") {
            let port = port.trim_end_matches('.').parse().unwrap();
            // What else it says must be read, or it would wait for that at some time.
            tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
            return Some((driver, port));
        }
    }
    None
}

fn capabilities(profile: &TempDir) -> Capabilities {
    let profile = format!("--user-data-dir={}/profile", profile.path().display());
    let arguments = json!([
        "--headless",
        // Tests run as root in containers, where Chromium cannot build its sandbox.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--hide-scrollbars",
        "--window-size=1440,900",
        // A name that is not this machine's own: there a page on plain http has no clipboard interface.
        "--host-resolver-rules=MAP playarr.test 127.0.0.1",
        profile,
    ]);
    let capabilities = json!({
        "browserName": "chrome",
        // That of a proxy of a test, which nobody vouches for.
        "acceptInsecureCerts": true,
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    let Value::Object(capabilities) = capabilities else { unreachable!("written as an object") };
    capabilities
}

/// A browser with one page.
pub(crate) struct Browser {
    pub(crate) client: Client,
}

impl Browser {
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Signs in with a session that a login gave: `access_token=` and its value. A cookie can be set for the page's own
    /// host only.
    pub(crate) async fn take_session(&self, url: &str, session: &str) {
        let value = session.strip_prefix("access_token=").unwrap();
        let cookie = json!({ "name": "access_token", "value": value, "url": url });
        self.devtools("Network.setCookie", cookie).await;
    }

    /// The path of the page, below the base path if there is one.
    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.path().strip_prefix(Stage::BehindNginx.base()).unwrap_or(url.path()).to_owned()
    }

    pub(crate) async fn until_path(&self, path: &str) {
        until(&format!("the page {path}"), PATIENCE, || async { self.path().await == path }).await;
    }

    /// Clicks as a user would: waits until it can be clicked, and scrolls to it.
    pub(crate) async fn click(&self, css: &str) {
        until(&format!("{css} can be clicked"), PATIENCE, || async {
            let Ok(element) = self.client.find(Locator::Css(css)).await else { return false };
            element.is_enabled().await.unwrap_or(false) && element.click().await.is_ok()
        })
        .await;
    }

    /// Writes into a field, in place of what was there.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// The text that a user sees of an element; empty if there is none.
    pub(crate) async fn text(&self, css: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        let text = self.client.execute(script, vec![css.into()]).await.unwrap();
        text.as_str().unwrap().trim().to_owned()
    }

    /// Waits until an element's text is as wanted, and returns it.
    pub(crate) async fn until_text(&self, css: &str, wanted: impl Fn(&str) -> bool) -> String {
        let started = std::time::Instant::now();
        loop {
            let text = self.text(css).await;
            if wanted(&text) {
                return text;
            }
            assert!(started.elapsed() < PATIENCE, "{css} still says: {text:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a script in the page returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// Waits until a script in the page returns true.
    pub(crate) async fn until_true(&self, script: &str) {
        until(script, PATIENCE, || async { self.run(script).await == true }).await;
    }

    /// Sends keys to the element that has the focus.
    pub(crate) async fn press(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// A command of the DevTools protocol.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Own { path: "goog/cdp/execute", body }).await.unwrap()
    }

    /// What the page has complained about since the last call: errors of scripts, of loading, of its security policy.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let logged = Own { path: "se/log", body: json!({ "type": "browser" }) };
        let logged = self.client.issue_cmd(logged).await.unwrap();
        let entries = logged.as_array().unwrap().iter();
        entries.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// What is in the clipboard, pasted into a field that is there only for this.
    pub(crate) async fn clipboard(&self) -> String {
        self.run(
            "const area = document.createElement('textarea'); area.id = 'paste'; \
             document.body.append(area); area.focus()",
        )
        .await;
        self.press("\u{e009}v\u{e000}").await;
        let pasted = self
            .run("const area = document.getElementById('paste'), text = area.value; area.remove(); return text")
            .await;
        pasted.as_str().unwrap().to_owned()
    }

    /// Saves a picture of the whole page if `PLAYARR_TEST_SCREENSHOTS` names a folder for it.
    pub(crate) async fn picture(&self, name: &str, width: u32, scheme: &str) {
        self.look(width, 900, scheme).await;
        let height = self.run("return document.documentElement.scrollHeight").await.as_u64().unwrap();
        self.look(width, u32::try_from(height).unwrap(), scheme).await;
        self.save(name).await;
    }

    /// Saves a picture of what is seen.
    pub(crate) async fn save(&self, name: &str) {
        let picture = self.client.screenshot().await.unwrap();
        if let Some(directory) = std::env::var_os("PLAYARR_TEST_SCREENSHOTS") {
            std::fs::write(Path::new(&directory).join(name).with_extension("png"), picture).unwrap();
        }
    }

    /// Another size of the window and another colour scheme of the system.
    pub(crate) async fn look(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            // Nothing is seen on its way.
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }
}

/// A command of the driver that the client does not know.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
