//! A `mongod` process of one's own, to use, kill and start again.

use std::{
    ffi::OsString,
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{sync::oneshot, task::spawn_blocking};

use crate::{SandboxError, Settings, command, probe, watcher, watcher::Watcher};

const START_LIMIT: Duration = Duration::from_secs(60);

/// A running `mongod` on this machine. Dropping it kills the server and removes its data; so does
/// the end of this process, however it comes.
#[derive(Debug)]
pub struct Mongod {
    binary: PathBuf,
    cache_gb: f64,
    arguments: Vec<String>,
    port: u16,
    uri: String,
    directory: PathBuf,
    pid: Option<u32>,
    /// Absent only while another takes over, or after that failed.
    watcher: Option<Watcher>,
}

/// How to start a [`Mongod`].
#[derive(Debug, Clone)]
#[must_use]
pub struct MongodBuilder {
    binary: Option<PathBuf>,
    cache_gb: f64,
    arguments: Vec<String>,
}

impl Mongod {
    /// Starts a server that suits tests, with the local or else a fetched `mongod`.
    ///
    /// # Errors
    /// If there is no `mongod` or it does not come up; the message has the end of its log.
    pub async fn start() -> Result<Self, SandboxError> {
        Self::builder().start().await
    }

    /// For a server that differs from the default.
    pub fn builder() -> MongodBuilder {
        // The least it takes: tests hold little, and several may run at once.
        MongodBuilder { binary: None, cache_gb: 0.25, arguments: Vec::new() }
    }

    /// The URI to connect to.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The port on 127.0.0.1, the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Where data and log lie until the end.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// Ends the server with SIGKILL and returns when it is gone. Its data stays for [`Self::restart`].
    ///
    /// # Errors
    /// If the shell that watches the server is gone.
    pub async fn kill(&mut self) -> Result<(), SandboxError> {
        if self.pid.take().is_none() {
            return Ok(());
        }
        let Some(mut watcher) = self.watcher.take() else { return Ok(()) };
        let kill = move || watcher.order("kill").and_then(|()| watcher.reply()).map(|_| watcher);
        self.watcher = Some(blocking(kill).await?);
        Ok(())
    }

    /// Starts the server again on the same port with the same data, after killing it if it runs.
    ///
    /// # Errors
    /// If it does not come up; the message has the end of its log, and the data is gone.
    pub async fn restart(&mut self) -> Result<(), SandboxError> {
        self.kill().await?;
        let previous = self.watcher.take();
        let launched = Launched::new(self.command()).await?;
        if let Some(mut previous) = previous {
            // The directory has a new watcher: the old one must go without removing it.
            previous.order("leave")?;
        }
        let (watcher, pid) = self.ready(launched).await?;
        self.watcher = Some(watcher);
        self.pid = Some(pid);
        Ok(())
    }

    /// `mongod` and its arguments, after the directory its watcher is to remove.
    fn command(&self) -> Vec<OsString> {
        let mut command: Vec<OsString> = vec![self.directory.clone().into(), self.binary.clone().into()];
        let mut option = |name: &str, value: OsString| command.extend([name.into(), value]);
        option("--dbpath", self.directory.clone().into());
        option("--logpath", self.log().into());
        option("--bind_ip", "127.0.0.1".into());
        option("--port", self.port.to_string().into());
        option("--wiredTigerCacheSizeGB", self.cache_gb.to_string().into());
        // Samples of its own state every second, which nobody here reads.
        option("--setParameter", "diagnosticDataCollectionEnabled=false".into());
        command.extend(["--logappend".into(), "--nounixsocket".into(), "--quiet".into()]);
        command.extend(self.arguments.iter().map(OsString::from));
        command
    }

    fn log(&self) -> PathBuf {
        self.directory.join("mongod.log")
    }

    /// Waits until the launched server answers, or ends.
    async fn ready(&self, launched: Launched) -> Result<(Watcher, u32), SandboxError> {
        let Launched { watcher, pid, ended } = launched;
        tokio::select! {
            ready = probe::started(self.port, Some(pid), START_LIMIT) => ready?,
            output = ended => {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                let output = output.unwrap_or_default();
                return Err(SandboxError::Ended {
                    program: self.binary.display().to_string(),
                    port: self.port,
                    log: command::tail(&format!("{output}\n{log}"), 12),
                });
            }
        }
        Ok((watcher, pid))
    }
}

impl MongodBuilder {
    /// How many gigabytes the server may cache; 0.25 unless told otherwise, which is the least it takes.
    pub fn cache_gb(mut self, cache_gb: f64) -> Self {
        self.cache_gb = cache_gb;
        self
    }

    /// Further arguments of `mongod`, also after a restart.
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// The `mongod` to run, instead of the local or else a fetched one.
    pub fn binary(mut self, binary: impl Into<PathBuf>) -> Self {
        self.binary = Some(binary.into());
        self
    }

    /// Starts the server.
    ///
    /// # Errors
    /// If there is no `mongod` or it does not come up; the message has the end of its log.
    pub async fn start(self) -> Result<Mongod, SandboxError> {
        let binary = match self.binary {
            Some(binary) => binary,
            None => Settings::from_env().any_mongod().await?,
        };
        let mut attempts = 0;
        loop {
            attempts += 1;
            match attempt(&binary, self.cache_gb, &self.arguments).await {
                // Between our finding the port free and mongod taking it, another did.
                Err(SandboxError::Ended { log, .. }) if attempts < 5 && log.contains("Address already in use") => {}
                result => return result,
            }
        }
    }
}

async fn attempt(binary: &Path, cache_gb: f64, arguments: &[String]) -> Result<Mongod, SandboxError> {
    let port = free_port()?;
    let directory = tempfile::Builder::new()
        .prefix("playarr-sandbox-")
        .tempdir()
        .map_err(SandboxError::io("make a temporary directory"))?;
    let mut mongod = Mongod {
        binary: binary.to_owned(),
        cache_gb,
        arguments: arguments.to_owned(),
        port,
        uri: probe::local_uri(port),
        directory: directory.path().to_owned(),
        pid: None,
        watcher: None,
    };
    let launched = Launched::new(mongod.command()).await?;
    // From here on the watcher removes it.
    let _ = directory.keep();
    let (watcher, pid) = mongod.ready(launched).await?;
    mongod.watcher = Some(watcher);
    mongod.pid = Some(pid);
    Ok(mongod)
}

/// A server that has a process but may not answer yet.
struct Launched {
    watcher: Watcher,
    pid: u32,
    ended: oneshot::Receiver<String>,
}

impl Launched {
    async fn new(command: Vec<OsString>) -> Result<Self, SandboxError> {
        let (watcher, reply, ended) = blocking(move || Watcher::start(watcher::SERVER, &command)).await?;
        let pid = reply.parse().map_err(io::Error::other);
        let pid = pid.map_err(SandboxError::io(format!("read mongod's process id from {reply:?}")))?;
        Ok(Self { watcher, pid, ended })
    }
}

/// A port nobody listens on at this moment.
fn free_port() -> Result<u16, SandboxError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(SandboxError::io("find a free port on 127.0.0.1"))
}

/// Talks to a watcher on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SandboxError> + Send + 'static,
) -> Result<T, SandboxError> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(failure) => Err(SandboxError::io("talk to the watching shell")(failure.into())),
    }
}
