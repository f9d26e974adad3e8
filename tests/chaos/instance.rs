//! A process of the service that ends and starts again.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr};
use tokio::task::JoinHandle;

use super::installation::{NAME, Shared};
use super::plan::{Fault, Step};
use crate::support::program::{faketime, program, signal};
use crate::support::proxy::Proxy;
use crate::support::until;

/// Far beyond what it takes, for a machine that is busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// How many of the last lines of the log are kept.
const LINES: usize = 60;

type Lines = Arc<Mutex<VecDeque<String>>>;

pub(super) struct Instance {
    number: usize,
    shared: Arc<Shared>,
    settings: Vec<(&'static str, String)>,
    /// Between it and a standalone MongoDB.
    proxy: Option<Proxy>,
    child: Child,
    /// What its wall clock is ahead.
    clock: NamedTempFile,
    lines: Lines,
    reader: JoinHandle<()>,
    is_stalled: Arc<AtomicBool>,
}

impl Instance {
    /// Starts it with these settings, and others that all instances have.
    pub(super) fn start(
        number: usize,
        shared: Arc<Shared>,
        mut settings: Vec<(&'static str, String)>,
        proxy: Option<Proxy>,
    ) -> Self {
        let clock = NamedTempFile::new().unwrap();
        std::fs::write(clock.path(), "+0").unwrap();
        settings.extend([
            ("MONGODB_DB_NAME", NAME.to_owned()),
            ("CUSTOM_METRICS_FILE", shared.files.path("custom.yaml")),
            // Every request is a line: a pipe that nobody reads fills soon.
            ("LOG_LEVEL", "info,playarr_metrics=trace,playarr_jobs=debug".to_owned()),
        ]);
        if let Some(library) = faketime() {
            settings.extend([
                ("LD_PRELOAD", library),
                ("FAKETIME_TIMESTAMP_FILE", clock.path().to_str().expect("a path in UTF-8").to_owned()),
                ("FAKETIME_CACHE_DURATION", "1".to_owned()),
                ("DONT_FAKE_MONOTONIC", "1".to_owned()),
            ]);
        }
        let mut child = spawn(&settings);
        let (lines, is_stalled) = (Lines::default(), Arc::<AtomicBool>::default());
        let reader = tokio::spawn(read(child.stderr.take().expect("it is piped"), lines.clone(), is_stalled.clone()));
        Self { number, shared, settings, proxy, child, clock, lines, reader, is_stalled }
    }

    /// Starts the process again, with a log that is read.
    fn start_again(&mut self) {
        self.reader.abort();
        self.is_stalled.store(false, Ordering::SeqCst);
        self.child = spawn(&self.settings);
        let stderr = self.child.stderr.take().expect("it is piped");
        self.reader = tokio::spawn(read(stderr, self.lines.clone(), self.is_stalled.clone()));
    }

    pub(super) async fn until_ready(&self) {
        let url = format!("http://{}/-/ready", self.shared.addresses[self.number]);
        until("an instance is ready", PATIENCE, || async {
            let answer = self.shared.client.get(&url).send().await;
            answer.is_ok_and(|answer| answer.status().is_success()) || self.shared.findings.is_wrong()
        })
        .await;
    }

    /// Lets a fault befall it, and ends the fault.
    pub(super) async fn suffer(&mut self, step: &Step) {
        let what = format!("of instance {} for {:.1} s", self.number, step.lasts.as_secs_f64());
        self.shared.findings.fault(step.fault, &what);
        let shared = self.shared.clone();
        let process = &shared.processes[self.number];
        match step.fault {
            Fault::Kill => {
                process.change();
                signal(&self.child, "KILL").await;
                self.child.wait().await.unwrap();
                tokio::time::sleep(step.lasts).await;
                self.start_again();
                process.change();
            }
            Fault::Terminate => {
                process.change();
                self.terminate().await;
                tokio::time::sleep(step.lasts).await;
                self.start_again();
                process.change();
            }
            Fault::Stop => {
                process.change();
                signal(&self.child, "STOP").await;
                tokio::time::sleep(step.lasts).await;
                signal(&self.child, "CONT").await;
                process.change();
            }
            Fault::Cut => {
                let proxy = self.proxy.as_ref().expect("a proxy before a standalone MongoDB");
                proxy.cut();
                tokio::time::sleep(step.lasts).await;
                proxy.mend();
            }
            Fault::Clock => {
                let hours = (step.choice % 49).cast_signed() - 24;
                std::fs::write(self.clock.path(), format!("{hours:+}h")).unwrap();
                tokio::time::sleep(step.lasts).await;
            }
            Fault::ClosePipe => {
                self.reader.abort();
                tokio::time::sleep(step.lasts).await;
            }
            Fault::StallPipe => {
                self.is_stalled.store(true, Ordering::SeqCst);
                tokio::time::sleep(step.lasts).await;
                self.is_stalled.store(false, Ordering::SeqCst);
            }
            Fault::RenewCertificate => {
                self.shared.files.renew();
                tokio::time::sleep(step.lasts).await;
            }
            other => unreachable!("{other:?} befalls no instance"),
        }
    }

    /// Asks the process to end, and waits until it has.
    pub(super) async fn terminate(&mut self) {
        signal(&self.child, "TERM").await;
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(ended) => {
                let ended = ended.unwrap();
                if !ended.success() {
                    self.shared.findings.wrong(format!("instance {} was to end, and ended with {ended}", self.number));
                }
            }
            Err(_) => {
                self.shared.findings.wrong(format!("instance {} did not end after SIGTERM", self.number));
                self.child.kill().await.unwrap();
            }
        }
    }

    /// The end of its log, and of those of the processes before it.
    pub(super) fn log(&self) -> String {
        let lines = self.lines.lock().unwrap();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        format!("log of instance {}:\n{}\n", self.number, lines.join("\n"))
    }
}

fn spawn(settings: &[(&str, String)]) -> Child {
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, &**value)).collect();
    program(&settings, &[]).stderr(Stdio::piped()).spawn().unwrap()
}

/// Reads a log, unless it stalls. Lines about single requests are not kept.
async fn read(stderr: ChildStderr, lines: Lines, is_stalled: Arc<AtomicBool>) {
    let mut from = BufReader::new(stderr).lines();
    loop {
        while is_stalled.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let Ok(Some(line)) = from.next_line().await else { return };
        if line.contains("TRACE") {
            continue;
        }
        let mut lines = lines.lock().unwrap();
        lines.push_back(line);
        if lines.len() > LINES {
            lines.pop_front();
        }
    }
}
