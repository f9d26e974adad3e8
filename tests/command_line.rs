//! What the program says of itself: help, completions, man page, version; and what it makes of slips of the keyboard.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::program::{complaint, program, run};

async fn printed(arguments: &[&str]) -> String {
    let output = run(&[], arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", complaint(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_help_of_each_command_lists_what_it_uses_and_has_examples() {
    for (command, used, unused) in [
        (&["serve"][..], &["--mongodb-uri", "--port", "--tls-cert-file", "--log-level"][..], &["--rotate"][..]),
        (&["collect"], &["--mongodb-uri", "--episodes-detail"], &["--port", "--tls-cert-file", "--jwt-secret-key"]),
        (&["export"], &["--url", "--token-file"], &["--mongodb-uri", "--log-level"]),
        (&["token"], &["--mongodb-uri", "--summary"], &["--port", "--series-budget"]),
        (&["catalog"], &["--custom-metrics-file"], &["--mongodb-uri"]),
        (&["custom"], &["--mongodb-uri"], &["--port"]),
        (&["custom", "check"], &["--run", "--mongodb-uri"], &["--port"]),
        (&["doctor"], &["--mongodb-uri", "--port"], &["--rotate"]),
        (&["healthcheck"], &["--ready", "--listen-address"], &["--mongodb-uri"]),
        (&["completions"], &["<SHELL>"], &["--mongodb-uri"]),
        (&["man"], &["--help"], &["--mongodb-uri"]),
    ] {
        let help = printed(&[command, &["--help"]].concat()).await;
        let has = |flag: &str| help.split_whitespace().any(|word| word == flag);
        for flag in used {
            assert!(has(flag), "{command:?} does not list {flag}: {help}");
        }
        for flag in unused {
            assert!(!has(flag), "{command:?} lists {flag}: {help}");
        }
        if command.len() == 1 {
            assert!(
                help.contains("Example") && help.contains("\n  playarr-metrics") || help.contains("\n  MONGODB_URI=")
            );
        }
    }
}

#[tokio::test]
async fn a_flag_that_a_command_does_not_use_does_no_harm_to_it() {
    let catalog = printed(&["catalog", "--format", "rules", "--port", "3001"]).await;
    assert_eq!(catalog, printed(&["catalog", "--format", "rules"]).await);
}

#[tokio::test]
async fn a_slip_of_the_keyboard_is_told_with_what_was_meant() {
    for (arguments, meant) in [
        (&["colect"][..], "'collect'"),
        (&["serve", "--mongodb-url", "x"], "'--mongodb-uri'"),
        (&["token", "--rotat"], "'--rotate'"),
        (&["catalog", "--format", "rulez"], "'rules'"),
    ] {
        let output = run(&[], arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(complaint(&output).contains(meant), "{arguments:?}: {}", complaint(&output));
    }
    let settings = [("MONGODB_URL", "mongodb://user:hunter2@127.0.0.1:1"), ("MONGODB_URI", "mongodb://127.0.0.1:1")];
    let output = run(&settings, &["collect", "--mongodb-uri", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300"]);
    let complaint = complaint(&output.await);
    assert!(complaint.contains("MONGODB_URL is no setting; is MONGODB_URI meant?"), "{complaint}");
    assert!(!complaint.contains("hunter2"), "{complaint}");
}

#[tokio::test]
async fn completions_and_the_man_page_name_every_command_and_setting() {
    let help = printed(&["--help"]).await;
    let flags: Vec<_> = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2).collect();
    assert!(flags.len() > 30, "{flags:?}");
    let commands = ["serve", "collect", "export", "token", "catalog", "custom", "doctor", "healthcheck"];
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]).await;
        for name in commands.iter().chain(&flags) {
            let name = if shell == "fish" { name.trim_start_matches("--") } else { name };
            assert!(script.contains(name), "{shell} does not complete {name}");
        }
    }
    let page = printed(&["man"]).await.replace("\\-", "-");
    for name in commands.iter().chain(&flags) {
        assert!(page.contains(name), "the man page does not name {name}");
    }
    assert!(page.contains(".SS \"token\"") && page.contains("--follow"), "{page}");
}

#[tokio::test]
async fn bash_takes_the_completions() {
    let script = printed(&["completions", "bash"]).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("playarr-metrics");
    std::fs::write(&path, script).unwrap();
    let ask = "source \"$0\"; registered=$(complete -p playarr-metrics); registered=${registered##*-F }; \
               COMP_WORDS=(playarr-metrics tok); COMP_CWORD=1; \
               ${registered%% *} playarr-metrics tok playarr-metrics; echo \"${COMPREPLY[*]}\"";
    let output = Command::new("bash").args(["-c", ask]).arg(&path).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "token", "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn the_version_says_which_revision_it_was_built_from() {
    let version = printed(&["--version"]).await;
    let revision = version.trim().strip_prefix(concat!("playarr-metrics ", env!("CARGO_PKG_VERSION"), " ("));
    let revision = revision.and_then(|rest| rest.strip_suffix(')')).unwrap_or_else(|| panic!("{version}"));
    assert!(revision == "unknown" || revision.len() >= 7, "{version}");
}

/// What the program shows on a terminal when it cannot reach MongoDB.
async fn on_a_terminal(no_color: Option<&str>) -> String {
    let program = env!("CARGO_BIN_EXE_playarr-metrics");
    // `script` gives it a terminal of its own.
    let mut command = Command::new("script");
    command.args(["-qec", &format!("{program} collect"), "/dev/null"]).env_clear().stdin(Stdio::null());
    command.env("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300&w=0").env("TERM", "xterm");
    command.env("PATH", std::env::var_os("PATH").unwrap());
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    String::from_utf8(command.output().await.unwrap().stdout).unwrap()
}

#[tokio::test]
async fn a_terminal_gets_colors_unless_the_user_wants_none() {
    let colored = on_a_terminal(None).await;
    assert!(colored.contains("\u{1b}[") && colored.contains("has no use here"), "{colored:?}");
    assert!(on_a_terminal(Some("")).await.contains("\u{1b}["), "empty is as good as not set");
    let plain = on_a_terminal(Some("1")).await;
    assert!(!plain.contains('\u{1b}') && plain.contains("has no use here"), "{plain:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_in_a_json_log_are_numbers() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let settings = [
        ("MONGODB_URI", database.uri()),
        ("MONGODB_DB_NAME", database.name()),
        ("LISTEN_ADDRESS", "127.0.0.1:0"),
        ("LOG_FORMAT", "json"),
        ("LOG_LEVEL", "debug"),
    ];
    let mut child = program(&settings, &[]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let refreshed = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the program goes on");
            let line: serde_json::Value = serde_json::from_str(&line).expect("a JSON object on each line");
            let object = line.as_object().unwrap();
            for (name, value) in object.iter().filter(|(name, _)| *name != "message" && *name != "timestamp") {
                let is_number = value.as_str().is_some_and(|text| text.parse::<f64>().is_ok());
                assert!(!is_number, "{name} is a number in a text: {line}");
            }
            if line["message"] == "refreshed" {
                return line;
            }
        }
    };
    let line = tokio::time::timeout(Duration::from_secs(60), refreshed).await.unwrap();
    for name in ["generation", "duration_ms", "collectors", "failed", "series", "folded"] {
        assert!(line[name].is_u64(), "{name}: {line}");
    }
}
