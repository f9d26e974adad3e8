//! The program on one core, and clients that send it batches of events as fast as it takes them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Events per second.
pub(crate) struct Rates {
    /// By the wall clock.
    pub(crate) wall: f64,
    /// Per second of processor time that the server spent.
    pub(crate) processor: f64,
    /// The median of the times until a batch was acknowledged.
    pub(crate) acknowledged: Duration,
}

/// The program, bound to the first core.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
}

impl Server {
    /// Starts it on a database.
    pub(crate) fn start(uri: &str, database: &str) -> Self {
        let mut child = Command::new("taskset")
            .args(["-c", "0", env!("CARGO_BIN_EXE_playarr-metrics")])
            .env_clear()
            .envs([("MONGODB_URI", uri), ("MONGODB_DB_NAME", database)])
            .envs([("LISTEN_ADDRESS", "127.0.0.1:0"), ("LOG_FORMAT", "json")])
            .stderr(Stdio::piped())
            .spawn()
            .expect("taskset, of util-linux");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line).ok()?;
            (line["message"] == "listening").then(|| line["address"].as_str().map(str::to_owned))?
        });
        // Keep reading, or a full pipe would stop the program.
        std::thread::spawn(move || for _ in lines {});
        Self { child, address: address.expect("it listens") }
    }

    /// Sends batches of `events` events over some connections for a while.
    pub(crate) fn load(&self, token: &str, body: &[u8], events: u32, connections: u32, time: Duration) -> Rates {
        let (over, times) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        let (started, before) = (Instant::now(), self.processor_time());
        std::thread::scope(|scope| {
            for connection in 0..connections {
                let (over, times) = (&over, &times);
                scope.spawn(move || {
                    let mut stream = TcpStream::connect(&self.address).expect("it listens");
                    stream.set_nodelay(true).expect("a TCP stream");
                    let mut answer = [0; 1024];
                    for batch in 0_u64.. {
                        if over.load(Ordering::Relaxed) {
                            break;
                        }
                        let nonce = started.elapsed().as_nanos();
                        let head = format!(
                            "POST /api/metrics/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
                             Content-Type: application/json\r\nX-Batch-Id: {connection}/{batch}/{nonce}\r\n\
                             Content-Length: {}\r\n\r\n",
                            self.address,
                            body.len()
                        );
                        let sent = Instant::now();
                        stream.write_all(head.as_bytes()).expect("it reads");
                        stream.write_all(body).expect("it reads");
                        let length = stream.read(&mut answer).expect("it answers");
                        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
                        times.lock().expect("no client panicked").push(sent.elapsed());
                    }
                });
            }
            std::thread::sleep(time);
            over.store(true, Ordering::Relaxed);
        });
        let elapsed = started.elapsed();
        let mut times = times.into_inner().expect("no client panicked");
        #[expect(clippy::cast_precision_loss, reason = "some millions")]
        let events = times.len() as f64 * f64::from(events);
        let processor = self.processor_time() - before;
        times.sort_unstable();
        let acknowledged = times.get(times.len() / 2).copied().unwrap_or_default();
        Rates { wall: events / elapsed.as_secs_f64(), processor: events / processor, acknowledged }
    }

    /// User and system time so far, in seconds: fields 14 and 15 of proc(5)'s stat, in hundredths.
    fn processor_time(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        let fields = stat.rsplit_once(") ").expect("a name in parentheses").1.split(' ');
        let ticks: u32 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u32>().expect("a number")).sum();
        f64::from(ticks) / 100.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
