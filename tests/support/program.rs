//! The program itself, as an operator starts it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The program with these settings and arguments, and nothing else from the environment.
pub(crate) fn program(settings: &[(&str, &str)], arguments: &[&str]) -> Command {
    let settings: BTreeMap<_, _> = settings.iter().copied().collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_playarr-metrics"));
    command.env_clear().envs(settings).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs the program to its end.
pub(crate) async fn run(settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let output = program(settings, arguments).output();
    tokio::time::timeout(Duration::from_secs(60), output).await.expect("the program ends").unwrap()
}

/// The library that shows a program another time, out of the package `faketime`, if it is installed.
pub(crate) fn faketime() -> Option<String> {
    let folders = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
    let mut paths = folders.map(|folder| format!("/usr/lib/{folder}/faketime/libfaketimeMT.so.1")).into_iter();
    paths.find(|path| Path::new(path).exists())
}

/// An address that nobody listens on.
pub(crate) async fn free_address() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Sends a signal to a running program.
pub(crate) async fn signal(child: &Child, name: &str) {
    signal_process(child.id().expect("the program runs"), name).await;
}

/// Sends a signal to a process.
pub(crate) async fn signal_process(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().await.unwrap();
    assert!(sent.success());
}

/// What the program said on stderr.
pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What a program with `LOG_FORMAT=json` has logged so far.
pub(crate) struct Log(Arc<Mutex<Vec<Value>>>);

impl Log {
    /// Reads the log of a program whose stderr is piped.
    pub(crate) fn follow(child: &mut Child) -> Self {
        let lines = Arc::<Mutex<Vec<Value>>>::default();
        let mut output = BufReader::new(child.stderr.take().unwrap()).lines();
        let read = lines.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                read.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self(lines)
    }

    /// The message of each line of this level.
    pub(crate) fn messages(&self, level: &str) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        let of_level = lines.iter().filter(|line| line["level"] == level);
        of_level.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }
}
