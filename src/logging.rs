//! The log: lines go to stderr through a bounded queue and a thread of their own, so that a log that cannot be written
//! (a closed pipe, a full disk, a reader that stalls) never changes what the service does.
//!
//! `tracing-appender` has such a queue as well, and cannot be used: if its thread is stuck at the end of the program,
//! it reports that with `eprintln!`, which then panics or blocks for the same reason.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::reload::Handle;

use crate::config::{Config, LogFilter, LogFormat};

/// How many lines may wait. More are dropped.
const QUEUE_LINES: usize = 1024;

/// How long the end of the program waits for lines to be written.
const FLUSH_TIME: Duration = Duration::from_millis(500);

/// Lines that were dropped or could not be written.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// How many lines were lost so far, because the log could not be written or not fast enough.
#[must_use]
pub fn dropped_lines() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// The queue before stderr. Clones share it.
#[derive(Clone, Debug)]
pub struct Log {
    queue: SyncSender<Entry>,
}

/// Which lines are logged, to be changed while the program runs.
pub struct LogLevel(Box<dyn Fn(&LogFilter) + Send + Sync>);

impl LogLevel {
    fn of<S: 'static>(handle: Handle<EnvFilter, S>) -> Self {
        // It fails if the subscriber is gone, and with it the log.
        Self(Box::new(move |filter| _ = handle.reload(filter.directives())))
    }

    /// From now on, lines that pass this filter are logged.
    pub fn set(&self, filter: &LogFilter) {
        (self.0)(filter);
    }
}

#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    /// Everything before it was written. The receiver may be gone.
    Flush(SyncSender<()>),
}

impl Log {
    /// Starts the thread that writes to stderr. It lasts as long as the process.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn to_stderr() -> io::Result<Self> {
        Self::start(io::stderr())
    }

    fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, entries) = sync_channel(QUEUE_LINES);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&entries, output))?;
        Ok(Self { queue })
    }

    /// Sends what is traced to this log, as far as the filter lets it through. A subscriber that was set before, by a
    /// program that embeds the service, stays.
    pub fn subscribe(&self, filter: &LogFilter, format: LogFormat) -> LogLevel {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter.directives())
            .with_ansi(io::stderr().is_terminal() && !Config::wants_no_color())
            // The subscriber would write them to stderr itself, and panic when that fails.
            .log_internal_errors(false)
            .with_writer(self.clone());
        match format {
            LogFormat::Text => {
                let builder = builder.with_target(false).with_filter_reloading();
                let level = LogLevel::of(builder.reload_handle());
                let _ = builder.try_init();
                level
            }
            LogFormat::Json => {
                let builder = builder.json().flatten_event(true).with_filter_reloading();
                let level = LogLevel::of(builder.reload_handle());
                let _ = builder.try_init();
                level
            }
        }
    }

    /// Adds a line, or drops it when too many wait.
    pub fn line(&self, text: &str) {
        self.add(format!("{text}\n").into_bytes());
    }

    /// Waits until the lines so far are written, for a moment at most.
    pub fn flush(&self) {
        let (written, done) = sync_channel(1);
        if self.queue.try_send(Entry::Flush(written)).is_ok() {
            let _ = done.recv_timeout(FLUSH_TIME);
        }
    }

    fn add(&self, line: Vec<u8>) {
        if self.queue.try_send(Entry::Line(line)).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_all(entries: &Receiver<Entry>, mut output: impl Write) {
    for entry in entries {
        match entry {
            Entry::Line(line) => {
                if output.write_all(&line).is_err() {
                    DROPPED.fetch_add(1, Ordering::Relaxed);
                }
            }
            Entry::Flush(written) => {
                let _ = written.send(());
            }
        }
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = &'a Log;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Each write is a whole line: `tracing-subscriber` formats it first.
impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    use parking_lot::Mutex;

    use super::*;

    /// Passes each line on, and takes none until it is allowed to.
    struct SlowOutput {
        lines: Arc<Mutex<Vec<u8>>>,
        allowed: Receiver<()>,
    }

    impl Write for SlowOutput {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.allowed.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            self.lines.lock().extend(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stalls_or_goes_away_costs_lines_and_nothing_else() {
        let (allow, allowed) = channel();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Log::start(SlowOutput { lines: lines.clone(), allowed }).unwrap();
        let before = dropped_lines();
        for _ in 0..QUEUE_LINES + 10 {
            log.line("x");
        }
        // The thread may have taken one out of the queue.
        assert!((9..=10).contains(&(dropped_lines() - before)), "{}", dropped_lines() - before);
        log.flush();
        assert!(lines.lock().is_empty(), "the output takes nothing, and nothing waits for it");
        allow.send(()).unwrap();
        drop(allow);
        while dropped_lines() - before < 9 + QUEUE_LINES as u64 {
            std::thread::yield_now();
        }
        log.flush();
        assert_eq!(*lines.lock(), b"x\n", "what could not be written is counted as well");
    }
}
