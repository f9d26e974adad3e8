//! The small shells that clean up after us, whatever becomes of us.
//!
//! A watcher reads orders from a pipe whose other end only this process holds. When the process
//! ends, killed or not, the pipe closes and the watcher removes what it watches.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::SandboxError;

/// Watches a server: `$1` is its directory, the rest the command. Says its process id first.
///
/// Only the server keeps stderr open, so the end of that stream is the end of the server. It stays
/// a zombie until waited for, so its process id cannot become another's while we might kill it.
pub(crate) const SERVER: &str = r#"
directory=$1; shift
"$@" </dev/null >&2 &
server=$!
echo "$server"
exec 2>/dev/null
end() { [ -z "$server" ] || { kill -KILL "$server"; wait "$server"; server=; }; }
while read -r order; do
  case $order in
    kill) end; echo killed ;;
    leave) exit 0 ;;
  esac
done
end
rm -rf "$directory"
"#;

/// Watches a container: `$1` is Docker's client, `$2` the container's name.
///
/// A container still being made when we end may appear after the first attempt to remove it.
pub(crate) const CONTAINER: &str = r#"
echo ready
exec >/dev/null 2>&1
started=
while read -r order; do started=yes; done
"$1" rm --force --volumes "$2"
[ -n "$started" ] || { sleep 2; "$1" rm --force --volumes "$2"; }
"#;

/// Our end of the pipe to a watcher. Dropping it has the watcher clean up, and waits for that.
#[derive(Debug)]
pub(crate) struct Watcher {
    child: Child,
    orders: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
}

impl Watcher {
    /// Starts a watcher; returns it with its first reply and the future end of its stderr.
    pub(crate) fn start<A: AsRef<OsStr>>(
        script: &str,
        arguments: &[A],
    ) -> Result<(Self, String, oneshot::Receiver<String>), SandboxError> {
        let mut child = Command::new("sh")
            .args(["-c", script, "playarr-sandbox"])
            .args(arguments)
            // A group of its own: an interrupt at the terminal ends the tests and must not end this.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(SandboxError::io("start sh to watch over a server"))?;
        let (Some(orders), Some(replies), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            unreachable!("all three streams were just asked for")
        };
        let mut watcher = Self { child, orders: Some(orders), replies: BufReader::new(replies) };
        let (sender, ended) = oneshot::channel();
        // Nobody may listen any more: then the text has no reader either.
        thread::spawn(move || sender.send(read_to_end(errors)));
        let first = watcher.reply()?;
        Ok((watcher, first, ended))
    }

    /// Gives an order. Blocks for a moment at most.
    pub(crate) fn order(&mut self, order: &str) -> Result<(), SandboxError> {
        let Some(orders) = &mut self.orders else { return Ok(()) };
        writeln!(orders, "{order}").map_err(SandboxError::io(format!("tell the watching shell to {order}")))
    }

    /// The next reply. Blocks until it comes.
    pub(crate) fn reply(&mut self) -> Result<String, SandboxError> {
        let mut line = String::new();
        self.replies.read_line(&mut line).map_err(SandboxError::io("hear from the watching shell"))?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.orders.take());
        // Cleaning up takes a fraction of a second; a Docker that hangs must not hang the tests too.
        let deadline = Instant::now() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Reads until the last writer is gone. Keeps the beginning: a program that cannot start says so there.
fn read_to_end(mut errors: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = errors.read(&mut chunk) {
        if kept.len() < 16 * 1024 {
            kept.extend_from_slice(&chunk[..read]);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}
