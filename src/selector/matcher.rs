//! One matcher of a selector: a label and what its value must or must not be.

use promql_parser::label::{MatchOp, Matcher as Parsed};
use regex::{Regex, RegexBuilder};

use super::stored::LE;

/// The most memory for a compiled regular expression, in bytes. It also bounds the time that a match takes.
const MAX_REGEX: usize = 256 << 10;

/// A matcher of a selector.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    label: String,
    is_negated: bool,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Equal(String),
    Regex(Regex),
}

impl Matcher {
    /// The matcher that the parser has read.
    ///
    /// # Errors
    /// When the value is no regular expression that can be used, with the reason.
    pub(super) fn of(parsed: Parsed) -> Result<Self, String> {
        let Parsed { op, name: label, value } = parsed;
        let (is_negated, test) = match op {
            MatchOp::Equal => (false, Test::Equal(value)),
            MatchOp::NotEqual => (true, Test::Equal(value)),
            MatchOp::Re(_) => (false, Test::Regex(regex(&value)?)),
            MatchOp::NotRe(_) => (true, Test::Regex(regex(&value)?)),
        };
        Ok(Self { label, is_negated, test })
    }

    /// The label that it is about.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Whether a value of the label matches.
    pub(super) fn matches(&self, value: &str) -> bool {
        let is_match = |value: &str| match &self.test {
            Test::Equal(expected) => expected == value,
            Test::Regex(regex) => regex.is_match(value),
        };
        // A whole bound has two spellings: "1" in the text format, "1.0" in OpenMetrics and in Prometheus 3.
        let short = value.strip_suffix(".0").filter(|_| self.label == LE);
        (is_match(value) || short.is_some_and(is_match)) != self.is_negated
    }
}

/// Compiles a regular expression as Prometheus does: it must match all of the value, and a dot matches line ends.
///
/// # Errors
/// When it is none or too large, with the reason in a line.
pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    let compile =
        |pattern: &str| RegexBuilder::new(pattern).size_limit(MAX_REGEX).dfa_size_limit(4 * MAX_REGEX).build();
    // By itself first, so that `a)(b` is an error and not two groups.
    compile(pattern).and_then(|_| compile(&format!("^(?s:{pattern})$"))).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "it takes too much memory; use smaller repetitions".to_owned(),
        error => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            reason.strip_prefix("error: ").unwrap_or(reason).to_owned()
        }
    })
}
