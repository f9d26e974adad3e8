//! Prometheus' selectors, such as `playarr_stream_requests_total{user=~"al.*"}`: which series somebody means.

use promql_parser::label::{METRIC_NAME, Matcher, Matchers};
use promql_parser::parser::{self, Expr};

/// The longest selector, in bytes.
const MAX_BYTES: usize = 4_096;

/// Chooses series by their name and labels.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    name: Option<String>,
    matchers: Matchers,
}

/// A text that is no selector.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectorError {
    /// It cannot be read.
    #[error("the selector {selector:?} cannot be read: {reason}")]
    Syntax {
        /// The text.
        selector: String,
        /// What the parser says, with the place.
        reason: String,
    },
    /// It is a query and not a selector alone.
    #[error(
        "{0:?} is more than a selector; one looks like playarr_stream_requests_total{{user=\"alice\"}}, without \
         functions, ranges, offset or @"
    )]
    NotASelector(String),
    /// It is too long.
    #[error("a selector has at most {MAX_BYTES} bytes, and this one has {0}")]
    TooLong(usize),
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// When it is none, with the reason.
    pub(crate) fn parse(text: &str) -> Result<Self, SelectorError> {
        if text.len() > MAX_BYTES {
            return Err(SelectorError::TooLong(text.len()));
        }
        let expression =
            parser::parse(text).map_err(|reason| SelectorError::Syntax { selector: text.to_owned(), reason })?;
        match expression {
            Expr::VectorSelector(selector) if selector.offset.is_none() && selector.at.is_none() => {
                Ok(Self { name: selector.name, matchers: selector.matchers })
            }
            _ => Err(SelectorError::NotASelector(text.to_owned())),
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
        let all = |matchers: &[Matcher]| matchers.iter().all(|matcher| matcher.is_match(value_of(&matcher.name)));
        let alternatives = &self.matchers.or_matchers;
        self.name.as_ref().is_none_or(|wanted| wanted == name)
            && all(&self.matchers.matchers)
            && (alternatives.is_empty() || alternatives.iter().any(|matchers| all(matchers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, name: &str, labels: &[(&str, &str)]) -> bool {
        Selector::parse(selector).unwrap().matches(name, labels)
    }

    #[test]
    fn a_selector_chooses_by_name_and_labels_as_prometheus_does() {
        let alice = [("user", "alice"), ("media_type", "movies")];
        for (selector, expected) in [
            ("streams", true),
            ("stream", false),
            (r#"{user="alice"}"#, true),
            (r#"streams{user="alice",media_type!="live"}"#, true),
            (r#"{user=~"al.*"}"#, true),
            (r#"{user=~"al"}"#, false),
            (r#"{user!~"al.*",media_type="movies"}"#, false),
            (r#"{__name__=~"str.*"}"#, true),
            (r#"{user="alice",provider_id=""}"#, true),
            (r#"{user="alice",provider_id!=""}"#, false),
        ] {
            assert_eq!(matches(selector, "streams", &alice), expected, "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_with_the_reason() {
        for text in ["", "{", "{}", r#"{user="a""#, r#"{user=~"("}"#, r#"{user=""}"#] {
            assert!(matches!(Selector::parse(text), Err(SelectorError::Syntax { .. })), "{text}");
        }
        for text in ["rate(a[5m])", "a[5m]", "a offset 5m", "a + b", "1", "sum(a)"] {
            assert!(matches!(Selector::parse(text), Err(SelectorError::NotASelector(_))), "{text}");
        }
        let long = format!(r#"{{user="{}"}}"#, "x".repeat(5_000));
        assert!(matches!(Selector::parse(&long), Err(SelectorError::TooLong(_))));
    }
}
