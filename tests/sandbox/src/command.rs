//! Running a program with a time limit.

use std::{ffi::OsStr, path::Path, process::Stdio, sync::Arc, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::SandboxError;

/// Runs a program to its end and returns what it wrote to stdout.
pub(crate) async fn run<A: AsRef<OsStr>>(
    program: &Path,
    arguments: &[A],
    limit: Duration,
    remedy: &'static str,
) -> Result<String, SandboxError> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let failed = |found| {
        let words = arguments.iter().map(|argument| argument.as_ref().to_string_lossy());
        let shown = words.fold(program.display().to_string(), |line, word| line + " " + one_line(&word, 60).as_str());
        SandboxError::CommandFailed { command: shown, found, remedy }
    };
    let output = match timeout(limit, command.output()).await {
        Err(_) => return Err(failed(format!("no end after {} s", limit.as_secs()))),
        Ok(Err(source)) => {
            let program = program.display().to_string();
            return Err(SandboxError::NotRunnable { program, source: Arc::new(source), remedy });
        }
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        let said = tail(&String::from_utf8_lossy(&output.stderr), 4);
        let comma = if said.is_empty() { "" } else { ", " };
        return Err(failed(format!("{}{comma}{said}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The last lines of a text, empty ones left out.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let kept: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    kept[kept.len().saturating_sub(lines)..].join("\n")
}

/// A text on one line, cut after so many characters.
pub(crate) fn one_line(text: &str, length: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(length) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
