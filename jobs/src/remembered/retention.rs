//! Which snapshots of the history go.

use std::collections::HashSet;
use std::time::SystemTime;

use super::head::Head;

/// The bytes of the bodies of these heads. Heads may share one.
pub(super) fn size<'h>(heads: impl IntoIterator<Item = &'h Head>) -> u64 {
    let mut seen = HashSet::new();
    heads.into_iter().filter(|head| seen.insert(head.body)).map(|head| head.bytes).sum()
}

/// The `_id`s of those that are too old at `now`, and, the oldest first, of those beyond the limit of bytes.
pub(super) fn outdated(heads: &[Head], now: SystemTime, max_bytes: u64) -> Vec<String> {
    let is_old = |head: &&Head| {
        let age = now.duration_since(head.written_at).unwrap_or_default();
        head.period.is_some_and(|period| age > period.kept())
    };
    let (old, mut left): (Vec<&Head>, Vec<&Head>) = heads.iter().filter(|head| head.period.is_some()).partition(is_old);
    left.sort_by_key(|head| std::cmp::Reverse(head.written_at));
    let mut outdated: Vec<_> = old.into_iter().map(|head| head.id.clone()).collect();
    while size(left.iter().copied()) > max_bytes {
        outdated.extend(left.pop().map(|oldest| oldest.id.clone()));
    }
    outdated
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mongodb::bson::oid::ObjectId;

    use super::*;
    use crate::remembered::head::{Period, RunFacts};

    const HOUR: u64 = 60 * 60;

    fn head(period: Option<Period>, hours_ago: u64, bytes: u64) -> Head {
        let written_at = now() - Duration::from_secs(hours_ago * HOUR);
        let id = period.map_or("last".to_owned(), |period| period.id(written_at));
        let (body, totals, lag) = (ObjectId::new(), Vec::new(), Duration::ZERO);
        let (generation, chunks, series, taken_at) = (1, 1, 1, written_at);
        Head {
            id,
            period,
            generation,
            taken_at,
            written_at,
            lag,
            body,
            chunks,
            bytes,
            series,
            totals,
            run: RunFacts::default(),
        }
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_093_397)
    }

    #[test]
    fn hours_go_after_two_days_and_days_after_a_year() {
        let heads = [
            head(None, 9_000, 1),
            head(Some(Period::Hour), 48, 1),
            head(Some(Period::Hour), 49, 1),
            head(Some(Period::Day), 49, 1),
            head(Some(Period::Day), 365 * 24 + 1, 1),
        ];
        assert_eq!(outdated(&heads, now(), 100), [heads[2].id.clone(), heads[4].id.clone()]);
    }

    #[test]
    fn beyond_the_limit_the_oldest_go_first_and_a_shared_body_counts_once() {
        let mut heads = [
            head(Some(Period::Hour), 1, 40),
            head(Some(Period::Day), 30, 40),
            head(Some(Period::Hour), 30, 40),
            head(Some(Period::Hour), 2, 40),
        ];
        heads[2].body = heads[1].body;
        assert_eq!(size(&heads), 120);
        assert!(outdated(&heads, now(), 120).is_empty());
        let gone = outdated(&heads, now(), 100);
        assert_eq!(gone.len(), 2, "the body stays as long as one head has it: {gone:?}");
        assert_eq!(outdated(&heads, now(), 0).len(), 4, "0 keeps none");
    }
}
