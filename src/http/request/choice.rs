//! Which series a request is about: `match[]` and the parameters beside it.

use std::future::ready;

use warp::{Filter, Rejection};

use crate::http::reply::error::ApiError;
use crate::selector::Selector;

/// The parameter of selectors, as in Prometheus.
const MATCH: &str = "match[]";

/// The most selectors of a request.
const MAX_SELECTORS: usize = 100;

/// The parameters of a query string.
#[derive(Debug, Default)]
pub(in crate::http) struct Choice(Vec<(String, String)>);

/// The parameters of the query string.
pub(in crate::http) fn choice() -> impl Filter<Extract = (Choice,), Error = Rejection> + Copy {
    warp::query::raw().or_else(|_| ready(Ok::<_, Rejection>((String::new(),)))).map(|query: String| Choice::of(&query))
}

impl Choice {
    /// The parameters of this query string. What is not UTF-8 in it becomes replacement characters.
    pub(in crate::http) fn of(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The selectors; none chooses all series.
    ///
    /// # Errors
    /// When one cannot be read, or there are too many.
    pub(in crate::http) fn selectors(&self) -> Result<Vec<Selector>, ApiError> {
        let texts = || self.0.iter().filter(|(name, _)| name == MATCH).map(|(_, value)| value);
        let count = texts().count();
        if count > MAX_SELECTORS {
            return Err(ApiError::Parameter(format!(
                "{count} times {MATCH}, and at most {MAX_SELECTORS} are accepted"
            )));
        }
        Ok(texts().map(|text| Selector::parse(text)).collect::<Result<_, _>>()?)
    }

    /// The value of a parameter; `None` if it is absent or empty.
    pub(in crate::http) fn get(&self, wanted: &str) -> Option<&str> {
        let value = self.0.iter().find(|(name, _)| name == wanted).map(|(_, value)| &**value);
        value.filter(|value| !value.is_empty())
    }

    /// Succeeds if there are no parameters but these and the selectors: what is misspelt must not choose all series.
    ///
    /// # Errors
    /// When there is another one.
    pub(in crate::http) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self.0.iter().find(|(name, _)| name != MATCH && !known.contains(&&**name)) {
            None => Ok(()),
            Some((name, _)) => {
                let known = known.iter().fold(MATCH.to_owned(), |list, name| format!("{list}, {name}"));
                Err(ApiError::Parameter(format!("{name:?} is unknown; accepted: {known}")))
            }
        }
    }
}

/// Whether a request accepts gzip.
pub(in crate::http) fn accepts_gzip() -> impl Filter<Extract = (bool,), Error = Rejection> + Copy {
    warp::header::optional::<String>("accept-encoding")
        .or_else(|_| ready(Ok::<_, Rejection>((None,))))
        .map(|accepted: Option<String>| accepted.is_some_and(|accepted| super::negotiate::accepts_gzip(&accepted)))
}
