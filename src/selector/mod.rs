//! Prometheus' selectors, such as `playarr_stream_requests_total{user=~"al.*"}`: which series somebody means.

mod chosen;
#[cfg(test)]
mod fuzz;
mod matcher;
mod rows;
mod stored;
mod syntax;

pub(crate) use chosen::{Chosen, choose};
pub(crate) use rows::RowSet;
pub(crate) use stored::{LE, StoredFamily};

use promql_parser::label::{METRIC_NAME, MatchOp, Matcher as Parsed};
use promql_parser::parser::{self, Expr};

use matcher::Matcher;

/// The longest selector, in bytes.
const MAX_BYTES: usize = 4_096;

/// The most regular expressions in a selector.
const MAX_REGEXES: usize = 20;

/// Chooses series by their name and labels.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    /// A series is chosen if all matchers of any of these lists match.
    alternatives: Vec<Vec<Matcher>>,
}

/// A text that is no selector, or one that is too expensive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectorError {
    /// It is not written as a selector.
    #[error("the selector {selector:?} cannot be read: at character {position}, {expected} is expected, not {found}")]
    Syntax {
        /// The text.
        selector: String,
        /// The character that cannot be read, counted from 1.
        position: usize,
        /// What may be there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A value is no regular expression.
    #[error(
        "the selector {selector:?} cannot be read: at character {position}, {pattern:?} is no regular expression that \
         can be used: {reason}"
    )]
    Regex {
        /// The text.
        selector: String,
        /// Where the value begins, in characters from 1.
        position: usize,
        /// The value.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The parser refuses it for another reason.
    #[error("the selector {selector:?} cannot be read: {reason}")]
    Refused {
        /// The text.
        selector: String,
        /// What the parser says.
        reason: String,
    },
    /// It is too long.
    #[error("a selector has at most {MAX_BYTES} bytes, and this one has {0}")]
    TooLong(usize),
    /// It has too many regular expressions.
    #[error("a selector has at most {MAX_REGEXES} regular expressions, and this one has {0}")]
    TooManyRegexes(usize),
    /// Its regular expressions took too long.
    #[error("the regular expressions of the selectors took more than {0} s; use simpler ones")]
    TooSlow(u64),
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// When it is none, with the place and the reason.
    pub(crate) fn parse(text: &str) -> Result<Self, SelectorError> {
        if text.len() > MAX_BYTES {
            return Err(SelectorError::TooLong(text.len()));
        }
        // The parser does not say where an error is, and takes whole queries.
        let values = syntax::check(text).map_err(|error| SelectorError::Syntax {
            selector: text.to_owned(),
            position: error.position,
            expected: error.expected,
            found: error.found,
        })?;
        let regexes = values.iter().filter(|value| value.is_regex).count();
        if regexes > MAX_REGEXES {
            return Err(SelectorError::TooManyRegexes(regexes));
        }
        for value in values.iter().filter(|value| value.is_regex) {
            matcher::regex(&value.text).map_err(|reason| SelectorError::Regex {
                selector: text.to_owned(),
                position: value.position,
                pattern: value.text.clone(),
                reason,
            })?;
        }
        let refused = |reason| SelectorError::Refused { selector: text.to_owned(), reason };
        match parser::parse(text).map_err(refused)? {
            Expr::VectorSelector(selector) => {
                let name = selector.name.map(|name| Parsed::new(MatchOp::Equal, METRIC_NAME, &name));
                let common: Vec<_> = name.into_iter().chain(selector.matchers.matchers).collect();
                let mut alternatives = selector.matchers.or_matchers;
                if alternatives.is_empty() {
                    alternatives.push(Vec::new());
                }
                let compiled = |rest: Vec<Parsed>| common.iter().cloned().chain(rest).map(Matcher::of).collect();
                let alternatives = alternatives.into_iter().map(compiled).collect::<Result<_, _>>();
                Ok(Self { alternatives: alternatives.map_err(refused)? })
            }
            _ => Err(refused("it is a query; a selector has no functions, ranges, offset or @".to_owned())),
        }
    }

    /// Whether it chooses a series. A label that the series does not have counts as empty, as in Prometheus.
    #[must_use]
    pub(crate) fn matches(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        let value_of = |wanted: &str| {
            if wanted == METRIC_NAME {
                return name;
            }
            labels.iter().find(|(label, _)| *label == wanted).map_or("", |(_, value)| *value)
        };
        let matches = |matcher: &Matcher| matcher.matches(value_of(matcher.label()));
        self.alternatives.iter().any(|matchers| matchers.iter().all(matches))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, name: &str, labels: &[(&str, &str)]) -> bool {
        Selector::parse(selector).unwrap().matches(name, labels)
    }

    fn refusal(selector: &str) -> String {
        Selector::parse(selector).unwrap_err().to_string()
    }

    #[test]
    fn a_selector_chooses_by_name_and_labels_as_prometheus_does() {
        let alice = [("user", "alice"), ("media_type", "movies")];
        for (selector, expected) in [
            ("streams", true),
            ("stream", false),
            (r#"{user="alice"}"#, true),
            (r#" streams { user = "alice" , media_type != 'live' , } "#, true),
            (r#"{"streams",user="alice"}"#, true),
            (r#"{"user"="alice"}"#, true),
            (r#"{user=~"al.*"}"#, true),
            (r#"{user=~"al"}"#, false),
            (r#"{user!~"al.*",media_type="movies"}"#, false),
            (r#"{__name__=~"str.*"}"#, true),
            (r#"{user="alice",provider_id=""}"#, true),
            (r#"{user="alice",provider_id!=""}"#, false),
        ] {
            assert_eq!(matches(selector, "streams", &alice), expected, "{selector}");
        }
        assert!(matches(r#"{title=~"a.b"}"#, "x", &[("title", "a\nb")]), "a dot matches a line end");
        assert!(matches(r#"{title="a\"b\\c\nd"}"#, "x", &[("title", "a\"b\\c\nd")]));
        assert!(matches("{title=`a\\b`}", "x", &[("title", "a\\b")]));
    }

    #[test]
    fn what_is_no_selector_is_refused_with_its_place() {
        for (selector, place) in [
            ("", "at character 1, a metric name or \"{\" is expected, not the end"),
            ("{", "at character 2, a label name or \"}\" is expected, not the end"),
            (r#"{user="a""#, "at character 10, \",\" or \"}\" is expected, not the end"),
            (r#"{user="a}"#, "at character 7, a closed text is expected, not \"\\\"a}\""),
            (r"{user=a}", "at character 7, a text in quotes is expected, not \"a}\""),
            (r#"{ü="a"}"#, "at character 2, a label name or \"}\" is expected, not \"ü=\\\"a\\\"}\""),
            ("rate(a[5m])", "at character 5, \"{\" or the end is expected, not \"(a[5m])\""),
            ("a[5m]", "at character 2,"),
            ("a offset 5m", "at character 3,"),
            ("a + b", "at character 3,"),
            ("1", "at character 1,"),
            (r#"{user>"a"}"#, "at character 6, \"=\", \"!=\", \"=~\" or \"!~\" is expected"),
            (r#"{user=~"("}"#, "at character 8, \"(\" is no regular expression that can be used: unclosed group"),
            (r#"{user=~"(a{1000}){1000}"}"#, "at character 8,"),
        ] {
            assert!(refusal(selector).contains(place), "{selector}: {}", refusal(selector));
        }
        for empty in ["{}", r#"{user=""}"#, r#"{user=~".*"}"#] {
            assert!(matches!(Selector::parse(empty), Err(SelectorError::Refused { .. })), "{empty}");
        }
        let long = format!(r#"{{user="{}"}}"#, "x".repeat(5_000));
        assert!(matches!(Selector::parse(&long), Err(SelectorError::TooLong(_))));
        let many = format!("{{{}}}", r#"a=~"b","#.repeat(21));
        assert!(matches!(Selector::parse(&many), Err(SelectorError::TooManyRegexes(21))));
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        use rand::RngExt;
        const PARTS: &[&str] = &[
            "{", "}", "\"", "'", "`", "=", "!", "~", ",", "a", "_b", ":", " ", "\n", "\\", "\\x", "é", "(", ")", "[",
            "1", "offset", "sum", "or", "=~", "!~", "\"a\"", "by", "#", "@", "\\u", "💥",
        ];
        let mut random = rand::rng();
        for _ in 0..20_000 {
            let text: String =
                (0..random.random_range(0..12)).map(|_| PARTS[random.random_range(0..PARTS.len())]).collect();
            let _ = Selector::parse(&text);
        }
    }
}
