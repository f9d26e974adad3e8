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

    /// Whether `other` is known not to run any more, as seen from this process.
    ///
    /// On another host nothing is known. On a host of this name: it does not run if the host was started anew, if it
    /// was in another container (a container keeps its name when it is started again), or if there is no such process.
    pub(super) fn knows_ended(&self, other: &Self) -> bool {
        if self.host != other.host {
            return false;
        }
        let is_in_sight = self.boot == other.boot && self.namespace == other.namespace;
        !is_in_sight || start_of(other.pid).as_ref() != Some(&other.started)
    }
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
    fn a_process_that_runs_is_not_known_to_have_ended() {
        let this = Process::this();
        assert!(!this.started.is_empty() && !this.boot.is_empty());
        assert!(!this.knows_ended(&this));
        assert!(!this.knows_ended(&Process {
            host: "elsewhere".to_owned(),
            boot: "x".to_owned(),
            ..this.clone()
        }));
    }

    #[test]
    fn one_that_ended_is_known_to_have() {
        let this = Process::this();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let ended =
            Process { pid: child.id(), started: start_of(child.id()).unwrap_or_default(), ..this.clone() };
        // Not waited for yet: a zombie, once it is through.
        while start_of(ended.pid).is_some() {
            std::thread::yield_now();
        }
        assert!(this.knows_ended(&ended));
        child.wait().unwrap();
        assert!(this.knows_ended(&ended));
        for ended in [
            Process { boot: "before".to_owned(), ..this.clone() },
            Process { namespace: "container".to_owned(), ..this.clone() },
            Process { started: "1".to_owned(), ..this.clone() },
        ] {
            assert!(this.knows_ended(&ended), "{ended:?}");
        }
    }
}
