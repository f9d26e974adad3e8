//! Which process this is, and whether another one still runs.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A process, told apart from every other one, those with the same number included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// The name of the host; of a container, that of the container.
    host: String,
    /// The boot of the host's kernel.
    boot: String,
    /// The namespace in which the number counts.
    namespace: String,
    pid: u32,
    /// When it started, in ticks since the boot.
    started: String,
}

impl Process {
    /// This process.
    pub(super) fn this() -> Self {
        let pid = std::process::id();
        Self {
            host: line("/proc/sys/kernel/hostname"),
            boot: line("/proc/sys/kernel/random/boot_id"),
            namespace: fs::read_link("/proc/self/ns/pid")
                .map(|namespace| namespace.to_string_lossy().into_owned())
                .unwrap_or_default(),
            pid,
            started: start_of(pid).unwrap_or_default(),
        }
    }

    /// Whether both are on hosts of one name.
    pub(super) fn is_on_host_of(&self, other: &Self) -> bool {
        self.host == other.host
    }

    /// What can be seen of another process from this one.
    pub(super) fn sees(&self, other: &Self) -> Sight {
        if self.host != other.host {
            Sight::Nothing
        } else if self.boot != other.boot || self.namespace != other.namespace {
            // A container that was started again, a host that was, or another of the same name.
            if self.boot == other.boot { Sight::SameHost } else { Sight::Nothing }
        } else if start_of(other.pid).as_ref() == Some(&other.started) {
            Sight::Runs
        } else {
            Sight::Ended
        }
    }
}

/// What can be seen of another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It runs.
    Runs,
    /// It does not run any more.
    Ended,
    /// It was or is in another container of this name on this host.
    SameHost,
    /// Nothing: it was or is elsewhere, or before this host was started.
    Nothing,
}

fn line(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).map(|line| line.trim().to_owned()).unwrap_or_default()
}

/// When a process started, if it runs: field 22 of proc(5)'s stat. One that has ended and was not asked for its status
/// yet ("Z") does not run.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the state is the first field after it.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    let started = fields.nth(18)?;
    (!matches!(state, "Z" | "X")).then(|| started.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_runs_is_seen_to() {
        let this = Process::this();
        assert!(!this.started.is_empty() && !this.boot.is_empty());
        assert_eq!(this.sees(&this), Sight::Runs);
    }

    #[test]
    fn one_that_ended_is_seen_to_have() {
        let this = Process::this();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let started = start_of(child.id()).unwrap_or_default();
        let ended = Process { pid: child.id(), started, ..this.clone() };
        // Not waited for yet: a zombie, once it is through.
        while start_of(ended.pid).is_some() {
            std::thread::yield_now();
        }
        assert_eq!(this.sees(&ended), Sight::Ended);
        child.wait().unwrap();
        assert_eq!(this.sees(&ended), Sight::Ended);
        assert_eq!(this.sees(&Process { started: "1".to_owned(), ..this.clone() }), Sight::Ended);
    }

    #[test]
    fn of_one_elsewhere_nothing_is_seen() {
        let this = Process::this();
        assert_eq!(this.sees(&Process { host: "elsewhere".to_owned(), ..this.clone() }), Sight::Nothing);
        assert_eq!(this.sees(&Process { boot: "before".to_owned(), ..this.clone() }), Sight::Nothing);
        assert_eq!(
            this.sees(&Process { namespace: "container".to_owned(), ..this.clone() }),
            Sight::SameHost
        );
    }
}
