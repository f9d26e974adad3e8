//! Which log lines are written.

use std::fmt;

use tracing_subscriber::EnvFilter;

use super::parser::Parser;

/// The levels, with the names that other programs use for them.
const LEVELS: [(&str, &str); 7] = [
    ("off", "off"),
    ("error", "error"),
    ("warn", "warn"),
    ("warning", "warn"),
    ("info", "info"),
    ("debug", "debug"),
    ("trace", "trace"),
];

/// A level, levels by module, or both: `info,mongodb=warn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The filter as `tracing-subscriber` takes it.
    #[must_use]
    pub fn directives(&self) -> EnvFilter {
        // The scheduler logs what happens within it, as errors too. What comes of it is noticed and logged by the jobs
        // crate. LOG_LEVEL can name it.
        EnvFilter::new(format!("tokio_cron_scheduler=off,{}", self.0))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn log_filter() -> Parser<LogFilter> {
    Parser::new("error, warn, info, debug, trace, off, or a filter by module such as info,mongodb=warn", |text| {
        let directives: Option<Vec<_>> = text.split(',').map(directive).collect();
        let filter = directives?.join(",");
        EnvFilter::try_new(&filter).is_ok().then_some(LogFilter(filter))
    })
}

/// A level by itself, or one for a module. `EnvFilter` would take any other word for the name of a module, and silence
/// everything else.
fn directive(text: &str) -> Option<String> {
    match text.trim().rsplit_once('=') {
        Some((module, level)) if !module.is_empty() => Some(format!("{module}={}", self::level(level)?)),
        Some(_) => None,
        None => level(text.trim()).map(str::to_owned),
    }
}

fn level(word: &str) -> Option<&'static str> {
    LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_aliases_and_modules_their_own_level() {
        for (text, expected) in [
            ("warning", "warn"),
            ("WARN", "warn"),
            ("off", "off"),
            ("info,mongodb=warning", "info,mongodb=warn"),
            ("debug, playarr_jobs::refresh=trace", "debug,playarr_jobs::refresh=trace"),
        ] {
            assert_eq!(log_filter().parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for text in
            ["verbose", "fatal", "none", "loud", "error,", "lo=ud=er", "info,mongodb", "mongodb=", "=info", "", "3"]
        {
            let complaint = log_filter().parse(text).unwrap_err();
            assert!(complaint.starts_with("error, warn, info") && complaint.ends_with("is accepted"), "{text}");
        }
    }
}
