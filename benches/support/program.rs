//! The program as a process of its own, and its memory.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// An address that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address")
}

/// The program, ended when it is dropped.
pub(crate) struct Program(Child);

impl Program {
    /// With room for as many series as the benchmarks of speed have.
    pub(crate) fn start(uri: &str, database: &str, address: SocketAddr) -> Self {
        Self::start_with(uri, database, address, &[("SERIES_BUDGET", "1000000")])
    }

    pub(crate) fn start_with(uri: &str, database: &str, address: SocketAddr, settings: &[(&str, &str)]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_playarr-metrics"))
            .env_clear()
            .env("MONGODB_URI", uri)
            .env("MONGODB_DB_NAME", database)
            .env("LISTEN_ADDRESS", address.to_string())
            .envs(settings.iter().copied())
            .env("LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .spawn();
        Self(child.expect("the program starts"))
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident(&self) -> usize {
        self.status("VmRSS:")
    }

    /// The most that was ever resident, in bytes.
    pub(crate) fn peak(&self) -> usize {
        self.status("VmHWM:")
    }

    /// Forgets the peak so far.
    pub(crate) fn reset_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.0.id()), "5").expect("a running process of this user");
    }

    fn status(&self, field: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field is there");
        let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kilobytes * 1024
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
