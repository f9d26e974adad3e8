//! Log lines of what is wrong with a token: one when it begins, and one when it ends.

use std::sync::Arc;

use super::status::{Problem, TokenStatus};

/// What the log knows of a token's problems.
#[derive(Default)]
pub(super) struct ProblemLog {
    before: Option<Arc<Problem>>,
    logged: Option<Arc<Problem>>,
}

/// A line to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Begin,
    End,
}

impl ProblemLog {
    /// Logs what a check has found, if it is new.
    pub(super) fn follow(&mut self, status: TokenStatus, is_outage: bool) {
        let TokenStatus { kind, problem, .. } = status;
        match (self.line(problem.clone(), is_outage), &problem) {
            (Some(Line::Begin), Some(problem)) => tracing::warn!("the {kind} token {problem}"),
            (Some(_), _) => tracing::info!("the {kind} token can be read and written again"),
            (None, Some(problem)) => tracing::debug!("the {kind} token {problem}"),
            (None, None) => {}
        }
    }

    /// The line for a problem comes when the second check in a row finds it. An outage of MongoDB, which has lines of
    /// its own, is known by then.
    fn line(&mut self, problem: Option<Arc<Problem>>, is_outage: bool) -> Option<Line> {
        let before = std::mem::replace(&mut self.before, problem.clone());
        let is_like = |other: &Option<Arc<Problem>>| match (other, &problem) {
            (Some(other), Some(problem)) => problem.is_like(other),
            _ => false,
        };
        let line = match problem {
            Some(_) if is_outage || is_like(&self.logged) || !is_like(&before) => return None,
            Some(_) => Some(Line::Begin),
            None => self.logged.is_some().then_some(Line::End),
        };
        self.logged = problem;
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(checks: &[(Option<Problem>, bool)]) -> Vec<Option<Line>> {
        let mut log = ProblemLog::default();
        checks.iter().map(|(problem, is_outage)| log.line(problem.clone().map(Arc::new), *is_outage)).collect()
    }

    fn refused(reason: &str) -> Option<Problem> {
        Some(Problem::Recording(reason.to_owned()))
    }

    #[test]
    fn what_cannot_be_written_is_one_line_and_its_end_another() {
        let checks = [refused("no right"), refused("no right"), refused("disk full"), None, None];
        let found = lines(&checks.map(|problem| (problem, false)));
        assert_eq!(found, [None, Some(Line::Begin), None, Some(Line::End), None]);
    }

    #[test]
    fn what_lasts_for_one_check_or_comes_of_an_outage_is_no_line() {
        assert_eq!(lines(&[(refused("no primary"), false), (None, false)]), [None, None]);
        let during = [(refused("away"), false), (refused("away"), true), (refused("away"), true), (None, false)];
        assert_eq!(lines(&during), [None; 4]);
    }
}
