//! Tells the program which revision it was built from and by which compiler, for `playarr_metrics_build_info`.
//!
//! Where there is no repository to ask, as in the build of an image, `BUILD_REVISION` says which revision it is.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=BUILD_REVISION");
    let revision = std::env::var("BUILD_REVISION").unwrap_or_default();
    let revision = if revision.is_empty() { output("git", &["rev-parse", "--short=12", "HEAD"]) } else { revision };
    let rustc = output(&std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()), &["--version"]);
    // "rustc 1.91.0 (...)": the number is enough.
    let rustc = rustc.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
    println!("cargo::rustc-env=BUILD_REVISION={revision}");
    println!("cargo::rustc-env=BUILD_RUSTC={rustc}");
    // In a worktree they are not in `.git`.
    for path in ["HEAD", "refs/heads"].map(|name| output("git", &["rev-parse", "--git-path", name])) {
        if std::path::Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    text.and_then(|text| String::from_utf8(text).ok())
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}
