//! The image, as far as it can be made without an image registry: the same root file system as the Dockerfile's, by the
//! same script, with the same settings, read from the Dockerfile. Needs a Docker daemon.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use playarr_sandbox::TestDatabase;
use tokio::process::Command;

use crate::support::library::{fixtures, load};
use crate::support::until;

/// What the service may take when it has little to show and nothing to do.
const IDLE_MEMORY: u64 = 30_000_000;
/// The user of the image.
const USER: &str = "65532";

/// The program to put into the image: `PLAYARR_TEST_PROGRAM`, say a release, or the one of these tests.
fn program() -> String {
    std::env::var("PLAYARR_TEST_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_playarr-metrics").to_owned())
}

fn top(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs Docker's client and returns what it printed.
async fn try_docker(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).output();
    let output = tokio::time::timeout(Duration::from_secs(120), output).await.map_err(|_| "no end".to_owned())?;
    let output = output.map_err(|error| error.to_string())?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

async fn docker(arguments: &[&str]) -> String {
    try_docker(arguments).await.unwrap_or_else(|error| panic!("docker {}: {error}", arguments.join(" ")))
}

/// The instructions of the Dockerfile's last stage that a container is started by. `docker import` takes the same.
fn settings() -> Vec<String> {
    let dockerfile = std::fs::read_to_string(top("packaging/docker/Dockerfile")).unwrap();
    let (_, last_stage) = dockerfile.rsplit_once("\nFROM ").unwrap();
    let names = ["USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"];
    let settings: Vec<_> = last_stage
        .lines()
        .filter(|line| line.split(' ').next().is_some_and(|name| names.contains(&name)))
        .map(str::to_owned)
        .collect();
    assert_eq!(settings.len(), names.len(), "{settings:?}");
    settings
}

/// An image and what was started from it. All of it is removed, also when the test fails.
struct Image {
    name: String,
}

impl Image {
    async fn build() -> Self {
        docker(&["version", "--format", "{{.Server.Version}}"]).await;
        let root = tempfile::tempdir().unwrap();
        let laid_out = Command::new(top("packaging/docker/root.sh")).arg(program()).arg(root.path()).output();
        let laid_out = laid_out.await.unwrap();
        assert!(laid_out.status.success(), "{}", String::from_utf8_lossy(&laid_out.stderr));

        let name = format!("playarr-metrics-test-{:016x}", rand::random::<u64>());
        let mut tar = std::process::Command::new("tar")
            .args(["--owner=0", "--group=0", "--numeric-owner", "-c", "."])
            .current_dir(root.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut import = Command::new("docker");
        import.arg("import").stdin(tar.stdout.take().unwrap());
        for setting in settings() {
            import.args(["--change", &setting]);
        }
        let imported = import.args(["-", &name]).output().await.unwrap();
        assert!(tar.wait().unwrap().success());
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        Self { name }
    }

    /// Starts a container as hardened as the compose file's, in the network of the host: that is where the MongoDB of
    /// the tests is, on loopback.
    async fn run(&self, role: &str, options: &[&str], command: &[&str]) -> String {
        let name = format!("{}-{role}", self.name);
        let hardened = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=host"];
        let arguments = [&["run", "--detach", "--name", &name], &hardened[..], options, &[&self.name], command];
        docker(&arguments.concat()).await;
        name
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let script = format!(
            "docker ps --all --quiet --filter name={0} | xargs --no-run-if-empty docker rm --force --volumes; \
             docker image rm --force {0}; docker volume rm --force {0}",
            self.name
        );
        let _ = std::process::Command::new("sh").args(["-c", &script]).stdout(Stdio::null()).status();
    }
}

async fn seeded() -> TestDatabase {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    load(&database.connect().await.unwrap(), &fixtures()).await.unwrap();
    database
}

fn database_options(database: &TestDatabase) -> [String; 2] {
    [format!("--env=MONGODB_URI={}", database.uri()), format!("--env=MONGODB_DB_NAME={}", database.name())]
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// One line of `/proc/<pid>/status` on this machine.
fn status_line(pid: &str, name: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
}

/// What a container holds of the machine's memory: what its control group is charged, less the cache of files that the
/// kernel takes back when it needs it. That is what `docker stats` shows, to within the cache that was used of late.
fn memory(pid: &str) -> u64 {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let read = |path: String| std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let field = |stat: &str, name: &str| -> u64 {
        stat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap()
    };
    // Version 1 has a hierarchy of its own for memory, version 2 one for everything.
    let (usage, stat, file) = match groups.lines().find_map(|line| line.split_once(":memory:")) {
        Some((_, group)) => {
            let directory = format!("/sys/fs/cgroup/memory{group}");
            (format!("{directory}/memory.usage_in_bytes"), format!("{directory}/memory.stat"), "total_cache ")
        }
        None => {
            let group = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap();
            let directory = format!("/sys/fs/cgroup{group}");
            (format!("{directory}/memory.current"), format!("{directory}/memory.stat"), "file ")
        }
    };
    read(usage).trim().parse::<u64>().unwrap() - field(&read(stat), file)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_container_turns_healthy_serves_and_stops_with_no_rights_and_little_memory() {
    let (image, database) = (Image::build().await, seeded().await);
    let address = format!("127.0.0.1:{}", free_port());
    let [uri, name] = database_options(&database);
    // The image's own health check, only sooner.
    let listen = format!("--env=LISTEN_ADDRESS={address}");
    let container = image.run("serve", &[&uri, &name, &listen, "--health-interval=1s"], &[]).await;
    let health = || async { docker(&["inspect", "--format", "{{.State.Health.Status}}", &container]).await };
    until("healthy", Duration::from_secs(60), || async { health().await == "healthy" }).await;

    // The scrape, by the token that the container itself prints.
    let exec = ["exec", &container, "/usr/local/bin/playarr-metrics"];
    let token = docker(&[&exec[..], &["token"]].concat()).await;
    let ready = || async { try_docker(&[&exec[..], &["healthcheck", "--ready"]].concat()).await.is_ok() };
    until("ready", Duration::from_secs(30), ready).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let scrape = client.get(format!("http://{address}/metrics")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(scrape.status(), 200);
    let text = scrape.text().await.unwrap();
    assert!(text.contains("playarr_main_titles_count{media_type=\"movies\"}"), "{text}");

    // As it really runs, not as it was asked for.
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", &container]).await;
    assert_eq!(status_line(&pid, "Uid:"), [USER; 4].join("\t"), "not root");
    assert_eq!(status_line(&pid, "CapEff:"), "0000000000000000", "no capabilities");
    assert_eq!(status_line(&pid, "NoNewPrivs:"), "1");
    let refused = try_docker(&[&exec[..], &["token", "--file", "/token"]].concat()).await.unwrap_err();
    assert!(refused.contains("Read-only file system"), "{refused}");

    let memory = memory(&pid);
    let resident = status_line(&pid, "VmRSS:");
    let shown = docker(&["stats", "--no-stream", "--format", "{{.MemUsage}}", &container]).await;
    // What is resident includes the program's own code, of which a build for tests has much.
    eprintln!("memory idle: {memory} bytes; docker stats shows {shown}; {resident} are resident");
    assert!(memory < IDLE_MEMORY, "{memory} bytes");

    let asked = Instant::now();
    docker(&["stop", "--time", "15", &container]).await;
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    assert_eq!(docker(&["inspect", "--format", "{{.State.ExitCode}}", &container]).await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tokens_file_in_a_shared_volume_follows_a_rotation_and_only_its_group_reads_it() {
    let (image, database) = (Image::build().await, seeded().await);
    let [uri, name] = database_options(&database);
    // As the compose file has it.
    let compose = std::fs::read_to_string(top("packaging/compose/compose.yaml")).unwrap();
    let options = compose.lines().find_map(|line| line.trim().strip_prefix("o: ")).unwrap();
    let device = ["--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", &format!("o={options}")];
    docker(&[&["volume", "create"], &device[..], &[&image.name]].concat()).await;

    let mount = format!("--volume={}:/run/playarr-metrics", image.name);
    let command = ["token", "--file", "/run/playarr-metrics/token", "--follow"];
    let container = image.run("token", &[&uri, &name, &mount], &command).await;
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", &container]).await;
    // Inside of the container's own mounts.
    let file = format!("/proc/{pid}/root/run/playarr-metrics/token");
    let held = || std::fs::read_to_string(&file).unwrap_or_default().trim().to_owned();
    let exec = ["exec", &container, "/usr/local/bin/playarr-metrics", "token"];
    let first = docker(&exec).await;
    until("the token is there", Duration::from_secs(20), || async { held() == first }).await;
    let rotated = docker(&[&exec[..], &["--rotate"]].concat()).await;
    assert_ne!(rotated, first);
    until("the new token is there", Duration::from_secs(20), || async { held() == rotated }).await;

    let metadata = std::fs::metadata(&file).unwrap();
    use std::os::unix::fs::MetadataExt;
    let (mode, group) = (metadata.mode() & 0o777, metadata.gid().to_string());
    assert_eq!((mode, &*group), (0o640, USER));
    let stopped = Instant::now();
    docker(&["stop", "--time", "15", &container]).await;
    assert!(stopped.elapsed() < Duration::from_secs(8), "{:?}", stopped.elapsed());
    assert_eq!(docker(&["inspect", "--format", "{{.State.ExitCode}}", &container]).await, "0");
}
