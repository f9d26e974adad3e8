//! What `--help` of each command lists, completions for shells, and the man page: all from one definition.

use std::io::{self, Write};

use clap::builder::StyledStr;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Cli;
use super::error::CommandError;
use super::stdout::print;
use crate::config::Flags;

/// The name of the program.
const NAME: &str = "playarr-metrics";

/// The version, and the revision that it was built from.
pub(super) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILD_REVISION"), ")");

/// The commands that use only some settings, with the beginnings of their names. The other commands use all.
///
/// Flags of other settings are taken all the same, so that one set of flags does for every command.
const USED: [(&str, &[&str]); 8] = [
    (
        "collect",
        &["MONGODB_", "MAX_STALENESS", "REFRESH_CONCURRENCY", "COLLECTOR_", "SERIES_", "EPISODES_", "CUSTOM_", "LOG_"],
    ),
    ("export", &[]),
    ("token", &["MONGODB_", "LOG_"]),
    ("catalog", &["CUSTOM_"]),
    ("custom", &["MONGODB_", "MAX_STALENESS", "COLLECTOR_", "SERIES_", "LOG_"]),
    ("healthcheck", &["PORT", "LISTEN_", "BASE_", "TLS_"]),
    ("completions", &[]),
    ("man", &[]),
];

const SERVE: &str = "\
Examples:
  MONGODB_URI=mongodb://localhost:27017 playarr-metrics
  playarr-metrics serve --port 3001 --base-path /playarr-metrics";

const COLLECT: &str = "\
Examples:
  playarr-metrics collect > metrics.txt
  playarr-metrics collect --match '{provider_id=\"p1\"}' | head";

const EXPORT: &str = "\
Example:
  playarr-metrics export --url http://localhost:3000 --token-file playarr-token --format csv > series.csv";

const TOKEN: &str = "\
Examples:
  playarr-metrics token
  playarr-metrics token --file /etc/prometheus/playarr-token --follow
  playarr-metrics token --rotate --ingest";

const CATALOG: &str = "\
Examples:
  playarr-metrics catalog --format rules > playarr.rules.yml
  playarr-metrics catalog --format dashboard > playarr.json";

const CUSTOM: &str = "\
Examples:
  playarr-metrics custom check metrics.yaml --run
  playarr-metrics custom import mongodb-query-exporter.yaml > metrics.yaml";

const DOCTOR: &str = "\
Examples:
  playarr-metrics doctor
  playarr-metrics doctor --format json > report.json || echo 'something is wrong'";

const HEALTHCHECK: &str = "\
Example:
  playarr-metrics healthcheck --ready";

const COMPLETIONS: &str = "\
Examples:
  playarr-metrics completions bash > /usr/share/bash-completion/completions/playarr-metrics
  playarr-metrics completions zsh > /usr/local/share/zsh/site-functions/_playarr-metrics
  playarr-metrics completions fish > ~/.config/fish/completions/playarr-metrics.fish";

const MAN: &str = "\
Example:
  playarr-metrics man > /usr/local/share/man/man1/playarr-metrics.1";

const EXAMPLES: [(&str, &str); 10] = [
    ("serve", SERVE),
    ("collect", COLLECT),
    ("export", EXPORT),
    ("token", TOKEN),
    ("catalog", CATALOG),
    ("custom", CUSTOM),
    ("doctor", DOCTOR),
    ("healthcheck", HEALTHCHECK),
    ("completions", COMPLETIONS),
    ("man", MAN),
];

impl Cli {
    /// Reads the command line. Ends the program where it is wrong, and where it asks for help or the version.
    #[must_use]
    pub fn read() -> Self {
        let matches = command().get_matches();
        <Self as clap::FromArgMatches>::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// The command line. The help of each command lists what the command uses.
fn command() -> Command {
    let command = EXAMPLES.iter().fold(Cli::command(), |command, &(name, examples)| {
        command.mut_subcommand(name, |command| command.after_help(examples))
    });
    USED.iter().fold(command, |command, &(name, used)| {
        let is_used = |setting: &str| used.iter().any(|beginning| setting.starts_with(beginning));
        let hidden = Flags::arguments().filter(|argument| !is_used(argument.get_id().as_str()));
        let hidden: Vec<_> = hidden.map(|argument| argument.hide(true)).collect();
        command.mut_subcommand(name, |command| command.args(hidden))
    })
}

/// Prints the completions for a shell.
pub(super) fn completions(shell: Shell) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), NAME, &mut script);
    print(&script)
}

/// Prints the man page: the program, its settings, and each command.
pub(super) fn man() -> Result<(), CommandError> {
    let mut page = Vec::new();
    render(&command(), &mut page).map_err(CommandError::Output)?;
    print(&page)
}

fn render(whole: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(whole.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    writeln!(page, ".SH COMMANDS")?;
    whole.get_subcommands().try_for_each(|command| render_command(command, page))?;
    man.render_version_section(page)
}

/// A part of the man page about a command: what it does, its own arguments, and its examples.
fn render_command(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let settings: Vec<_> = Flags::arguments().map(|argument| argument.get_id().clone()).collect();
    let own = command.get_arguments().filter(|argument| !settings.contains(argument.get_id()));
    let alone = Command::new(format!("{NAME} {}", command.get_name())).args(own.cloned()).disable_help_flag(true);
    let man = Man::new(alone);
    let mut arguments = Vec::new();
    man.render_synopsis_section(&mut arguments)?;
    man.render_options_section(&mut arguments)?;
    let text = |text: Option<&StyledStr>| escaped(&text.map(ToString::to_string).unwrap_or_default());
    writeln!(page, ".SS \"{}\"\n{}", command.get_name(), text(command.get_about()))?;
    // They are made as sections of a page of their own.
    let lines = String::from_utf8_lossy(&arguments);
    lines.lines().try_for_each(|line| writeln!(page, "{}", if line.starts_with(".SH") { ".PP" } else { line }))?;
    writeln!(page, ".PP\n.nf\n{}\n.fi", text(command.get_after_help()))
}

/// Text in which nothing is taken for a command of roff.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    text.lines()
        .map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() })
        .collect::<Vec<_>>()
        .join("\n")
}
