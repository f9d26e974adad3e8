//! What this process was told. The only file that reads the environment.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Where each way looks. [`Settings::from_env`] is what everybody uses; the sandbox's own tests
/// change fields to force a way or to make it fail.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// A server that runs already (`PLAYARR_TEST_MONGODB_URI`).
    pub uri: Option<String>,
    /// Docker's command line client: `docker`.
    pub docker: PathBuf,
    /// The `mongod` to use (`MONGOD_BIN`).
    pub mongod: Option<PathBuf>,
    /// The directories to look for `mongod` in (`PATH`).
    pub path: OsString,
    /// The Python that fetches: `python3`.
    pub python: PathBuf,
    /// The user's cache directory (`XDG_CACHE_HOME`, or `~/.cache`).
    pub cache: Option<PathBuf>,
}

impl Settings {
    /// As the environment says. An empty variable counts as not set.
    #[must_use]
    pub fn from_env() -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        Self {
            // A URI that is no UTF-8 is still passed on: the driver then says what is wrong with it.
            uri: set("PLAYARR_TEST_MONGODB_URI").map(|uri| uri.to_string_lossy().into_owned()),
            docker: "docker".into(),
            mongod: set("MONGOD_BIN").map(PathBuf::from),
            path: set("PATH").unwrap_or_default(),
            python: "python3".into(),
            // The XDG specification has relative paths ignored.
            cache: set("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache"))),
        }
    }
}
