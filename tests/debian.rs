//! The package for Debian, by a real dpkg in a root file system of Debian 12 that debootstrap makes: installed, run,
//! upgraded, removed, purged. It needs root, and a mirror of Debian.
//!
//! No systemd runs in it: the program is started as the unit says, and systemd checks the unit.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use playarr_sandbox::TestDatabase;

use crate::support::library::{fixtures, load};
use crate::support::program::free_address;
use crate::support::until;

fn top(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned()).concat()
}

/// Runs a command that has to succeed, and returns what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} is needed for the system tests: {error}"));
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// A package of the program of these tests, or of `PLAYARR_TEST_PROGRAM`, with this version.
fn package(version: &str, directory: &Path) -> PathBuf {
    let built = std::env::var("PLAYARR_TEST_PROGRAM");
    let program = built.unwrap_or_else(|_| env!("CARGO_BIN_EXE_playarr-metrics").to_owned());
    let architecture = run(Command::new("dpkg").arg("--print-architecture"));
    let mut script = Command::new(top("packaging/release/deb.sh"));
    script.args([&program, version, architecture.trim()]).arg(directory).env("DEB_COMPRESSION", "none");
    PathBuf::from(run(&mut script).trim())
}

/// A root file system of Debian 12.
struct Root(tempfile::TempDir);

impl Root {
    fn make() -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut debootstrap = Command::new("debootstrap");
        run(debootstrap.args(["--variant=minbase", "--include=systemd", "bookworm"]).arg(root.path()));
        std::fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).unwrap();
        Self(root)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn mode(&self, path: &str) -> u32 {
        std::fs::metadata(self.path(path)).unwrap().permissions().mode() & 0o777
    }

    /// Whether something is there, a link included.
    fn has(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// A command in it.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        command.arg(self.0.path()).args(arguments).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        run(&mut self.command(arguments))
    }

    fn install(&self, package: &Path) -> String {
        std::fs::copy(package, self.path("/package.deb")).unwrap();
        self.run(&["dpkg", "--install", "/package.deb"])
    }

    fn status(&self) -> String {
        self.run(&["dpkg-query", "--show", "--showformat", "${Version} ${db:Status-Status}", "playarr-metrics"])
    }

    /// Starts the service as its unit says: as its user, with the file of settings, with a copy of the secret.
    fn start(&self) -> Running {
        let unit = self.read("/usr/lib/systemd/system/playarr-metrics.service");
        let of = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim_start_matches('-');
        let (_, secret) = of("LoadCredential=").split_once(':').unwrap();
        let mut start: Vec<_> = of("ExecStart=").split(' ').collect();
        let user = ["--reuid=playarr-metrics", "--regid=playarr-metrics", "--clear-groups"];
        let mut arguments = [&["setpriv"], &user[..]].concat();
        arguments.append(&mut start);
        let copy = "/run/mongodb_uri";
        self.run(&["install", "-o", "playarr-metrics", "-m", "400", secret, copy]);
        let settings = self.read(of("EnvironmentFile="));
        let settings = settings.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        let settings: BTreeMap<_, _> = settings.collect();
        let mut command = self.command(&arguments);
        Running(command.envs(settings).env("MONGODB_URI_FILE", copy).spawn().unwrap())
    }
}

/// The service, which is stopped when it is no longer looked at.
struct Running(std::process::Child);

impl Running {
    fn stop(mut self) {
        run(Command::new("kill").args(["-TERM", &self.0.id().to_string()]));
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the service shows to whoever has its token.
async fn scrape(root: &Root, address: &str, database: &TestDatabase) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ready = || async {
        let answer = client.get(format!("http://{address}/-/ready")).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    };
    until("ready", Duration::from_secs(120), ready).await;
    let mut token = root.command(&["/usr/bin/playarr-metrics", "token"]);
    let token = run(token.env("MONGODB_URI", database.uri()).env("MONGODB_DB_NAME", database.name()));
    let answer = client.get(format!("http://{address}/metrics")).bearer_auth(token.trim()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_package_is_installed_runs_is_upgraded_removed_and_purged() {
    let packages = tempfile::tempdir().unwrap();
    let [old, new] = ["0.0.1", "0.0.2"].map(|version| package(version, packages.path()));
    let root = Root::make();

    root.install(&old);
    assert_eq!(root.status(), "0.0.1 installed");
    assert!(root.read("/etc/passwd").lines().any(|line| line.starts_with("playarr-metrics:")), "a user of its own");
    let enabled = "/etc/systemd/system/multi-user.target.wants/playarr-metrics.service";
    assert!(root.has(enabled), "starts with the machine");
    assert!(!root.has("/etc/systemd/system/multi-user.target.wants/playarr-metrics-token.service"));
    assert_eq!(root.mode("/etc/playarr-metrics/mongodb_uri"), 0o600);
    assert!(root.has("/usr/share/man/man1/playarr-metrics.1.gz"));
    for completions in ["bash-completion/completions/playarr-metrics", "fish/vendor_completions.d/playarr-metrics.fish"]
    {
        assert!(root.has(&format!("/usr/share/{completions}")), "{completions}");
    }
    assert!(root.has("/usr/share/zsh/vendor-completions/_playarr-metrics"));
    for unit in ["playarr-metrics.service", "playarr-metrics-token.service"] {
        root.run(&["systemd-analyze", "verify", "--man=no", &format!("/usr/lib/systemd/system/{unit}")]);
        let text = root.read(&format!("/usr/lib/systemd/system/{unit}"));
        assert!(!text.contains("/usr/local/") && text.contains("ExecStart=/usr/bin/playarr-metrics "), "{text}");
    }

    // An administrator fills in what is needed.
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    load(&database.connect().await.unwrap(), &fixtures()).await.unwrap();
    std::fs::write(root.path("/etc/playarr-metrics/mongodb_uri"), database.uri()).unwrap();
    let address = free_address().await;
    let settings = root.read("/etc/playarr-metrics/environment");
    assert!(settings.contains("\nLISTEN_ADDRESS=127.0.0.1:3000\n"), "{settings}");
    let settings = settings.replace("127.0.0.1:3000", &address);
    let settings = format!("{settings}MONGODB_DB_NAME={}\n", database.name());
    std::fs::write(root.path("/etc/playarr-metrics/environment"), &settings).unwrap();
    let running = root.start();
    let before = scrape(&root, &address, &database).await;
    assert!(before.contains("\nplayarr_main_titles_count{media_type=\"movies\"} "), "{before}");
    running.stop();

    root.install(&new);
    assert_eq!(root.status(), "0.0.2 installed");
    assert_eq!(root.read("/etc/playarr-metrics/environment"), settings, "what was changed stays");
    assert_eq!(root.read("/etc/playarr-metrics/mongodb_uri"), database.uri());
    assert_eq!(root.mode("/etc/playarr-metrics/mongodb_uri"), 0o600);
    let running = root.start();
    scrape(&root, &address, &database).await;
    running.stop();

    root.run(&["dpkg", "--remove", "playarr-metrics"]);
    assert_eq!(root.status(), "0.0.2 config-files");
    assert!(!root.has("/usr/bin/playarr-metrics") && !root.has("/usr/share/playarr-metrics"));
    assert_eq!(root.read("/etc/playarr-metrics/environment"), settings, "a later installation finds it");

    // Back again, with what was there.
    root.install(&new);
    assert_eq!(root.read("/etc/playarr-metrics/environment"), settings);
    assert!(root.has(enabled));

    root.run(&["dpkg", "--purge", "playarr-metrics"]);
    let left = root.run(&["find", "/etc", "/usr", "/var/lib/systemd", "-xdev", "-name", "*playarr*"]);
    assert_eq!(left, "", "nothing stays but the user");
}
