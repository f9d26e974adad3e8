//! The program itself, as an operator starts it.

use std::collections::BTreeMap;
use std::process::{Output, Stdio};
use std::time::Duration;

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

/// Sends a signal to a running program.
pub(crate) async fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("the program runs").to_string();
    let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().await.unwrap();
    assert!(sent.success());
}

/// What the program said on stderr.
pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
