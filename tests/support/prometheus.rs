//! A real Prometheus that scrapes services, with an empty database of its own on a free port.

use std::fmt::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::until;

/// A running Prometheus.
pub(crate) struct Prometheus {
    /// What it says, as far as it has said it.
    pub(crate) log: Arc<Mutex<String>>,
    url: String,
    client: reqwest::Client,
    directory: TempDir,
    _child: Child,
}

impl Prometheus {
    /// Starts one that scrapes these jobs (a name and an address) every second, with this token and these rules.
    pub(crate) async fn scraping(jobs: &[(&str, &str)], token: &str, rules: &str) -> Self {
        let jobs: Vec<_> = jobs.iter().map(|&(name, address)| (name, address, "")).collect();
        Self::scraping_parts(&jobs, token, rules).await
    }

    /// Starts one whose jobs scrape only what a selector chooses, or everything without one.
    pub(crate) async fn scraping_parts(jobs: &[(&str, &str, &str)], token: &str, rules: &str) -> Self {
        let params = |selector| match selector {
            "" => String::new(),
            selector => format!("params: {{ 'match[]': ['{selector}'] }}"),
        };
        let jobs: Vec<_> = jobs.iter().map(|&(name, address, selector)| (name, address, params(selector))).collect();
        let jobs: Vec<_> = jobs.iter().map(|(name, address, params)| (*name, *address, &**params)).collect();
        Self::scraping_as(&jobs, token, rules).await
    }

    /// Starts one whose jobs have more lines of configuration, or none.
    pub(crate) async fn scraping_as(jobs: &[(&str, &str, &str)], token: &str, rules: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let mut config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
             rule_files: [{}]\nscrape_configs:\n",
            path("rules.yml")
        );
        for (name, address, more) in jobs {
            let token = path("token");
            let more = if more.is_empty() { String::new() } else { format!("{more}\n    ") };
            writeln!(
                config,
                "  - job_name: {name}\n    {more}\
                 authorization: {{ type: Bearer, credentials_file: {token} }}\n    \
                 static_configs: [{{ targets: [\"{address}\"] }}]"
            )
            .unwrap();
        }
        std::fs::write(path("prometheus.yml"), config).unwrap();
        std::fs::write(path("rules.yml"), rules).unwrap();
        std::fs::write(path("token"), token).unwrap();
        Self::configured_in(directory).await
    }

    /// Starts one with the `prometheus.yml` of a directory.
    pub(crate) async fn configured_in(directory: TempDir) -> Self {
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let mut child = Command::new("prometheus")
            .arg(format!("--config.file={}", path("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", path("data")))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus is needed for the system tests: {error}"));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let kept = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let prometheus = Self { log, url: format!("http://{address}"), client, directory, _child: child };
        prometheus
            .until_it("is ready", || async {
                let answer = prometheus.client.get(format!("{}/-/ready", prometheus.url)).send().await;
                answer.is_ok_and(|answer| answer.status().is_success())
            })
            .await;
        prometheus
    }

    /// Awaits a condition; says what Prometheus said if it does not come true.
    pub(crate) async fn until_it<F: Future<Output = bool>>(&self, what: &str, holds: impl FnMut() -> F) {
        let waiting = until(what, Duration::from_secs(60), holds);
        tokio::select! {
            () = waiting => {}
            () = tokio::time::sleep(Duration::from_secs(55)) => panic!("not {what}: {}", self.log.lock().unwrap()),
        }
    }

    /// The file it reads the token from.
    pub(crate) fn credentials_file(&self) -> PathBuf {
        self.directory.path().join("token")
    }

    /// What a query gives now: each series with its labels and its value.
    pub(crate) async fn query(&self, expr: &str) -> Vec<(Value, f64)> {
        let data = self.post("/api/v1/query", &[("query", expr)]).await;
        if data["resultType"] == "scalar" {
            return vec![(Value::Null, number(&data["result"][1]))];
        }
        let series = data["result"].as_array().unwrap();
        series.iter().map(|series| (series["metric"].clone(), number(&series["value"][1]))).collect()
    }

    /// The one value that a query gives now, if it gives one.
    pub(crate) async fn value(&self, expr: &str) -> Option<f64> {
        match &*self.query(expr).await {
            [(_, value)] => Some(*value),
            _ => None,
        }
    }

    /// The values that a query gave within the last ten seconds.
    pub(crate) async fn query_range(&self, expr: &str) -> Vec<f64> {
        let now = self.query("time()").await[0].1;
        let (start, end) = ((now - 10.0).to_string(), now.to_string());
        let fields = [("query", expr), ("start", &*start), ("end", &*end), ("step", "1")];
        let data = self.post("/api/v1/query_range", &fields).await;
        let series = data["result"].as_array().unwrap();
        series.iter().flat_map(|series| series["values"].as_array().unwrap()).map(|pair| number(&pair[1])).collect()
    }

    /// How much each series that a selector chooses has increased since its first sample, and how often it was reset.
    /// The window of `increase` is the one from the first sample to the last, so it has nothing to extrapolate.
    pub(crate) async fn whole_increase(&self, selector: &str) -> Vec<(Value, f64, f64)> {
        let data = self.post("/api/v1/query", &[("query", &format!("{selector}[1h]"))]).await;
        let mut increases = Vec::new();
        for series in data["result"].as_array().unwrap() {
            let at = |pair: &Value| pair[0].as_f64().unwrap();
            let samples = series["values"].as_array().unwrap();
            let (first, last) = (at(&samples[0]), at(samples.last().unwrap()));
            let milliseconds = ((last - first) * 1e3).round();
            let labels = series["metric"].as_object().unwrap();
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let window = format!("{{{}}}[{milliseconds}ms]", labels.join(","));
            let mut values = [0.0; 2];
            for (value, function) in values.iter_mut().zip(["increase", "resets"]) {
                let expr = format!("{function}({window})");
                let data = self.post("/api/v1/query", &[("query", &expr), ("time", &last.to_string())]).await;
                *value = number(&data["result"][0]["value"][1]);
            }
            increases.push((series["metric"].clone(), values[0], values[1]));
        }
        increases
    }

    /// A page of its API.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["data"].take()
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = self.client.post(format!("{}{path}", self.url));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body.join("&"));
        let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "success", "{fields:?}: {answer}");
        assert!(answer.get("warnings").is_none(), "{fields:?}: {answer}");
        answer["data"].take()
    }
}

/// A text of a form: everything but letters and digits in hexadecimal.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn number(text: &Value) -> f64 {
    text.as_str().unwrap().parse().unwrap()
}
