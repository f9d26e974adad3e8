//! Queries that make sense of a family, ready to be copied.

use playarr_jobs::metric::{Family, Kind};
use serde::Serialize;

use crate::catalog::Origin;

/// A query and what it shows.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct ReadyQuery {
    pub(super) title: String,
    pub(super) expr: String,
}

/// Queries for a family.
///
/// All instances of the service show the same gauges of the database and the same live totals, so the largest of them
/// counts once. What a process says of itself is its own, so it is told apart or added up.
pub(super) fn queries(family: &Family, origin: Origin) -> Vec<ReadyQuery> {
    let name = &family.name;
    let labels: Vec<_> = family.columns.iter().map(|column| &*column.name).collect();
    let by = |more: &[&str]| {
        let all: Vec<_> = labels.iter().copied().chain(more.iter().copied()).collect();
        format!("by ({}) ", all.join(", "))
    };
    let query = |title: &str, expr: String| ReadyQuery { title: title.to_owned(), expr };
    let is_own = origin == Origin::Service;
    let largest = |more: &[&str], inner: String| match (is_own, labels.is_empty() && more.is_empty()) {
        (true, true) => format!("sum({inner})"),
        (true, false) => format!("sum {}({inner})", by(more)),
        (false, true) => format!("max({inner})"),
        (false, false) => format!("max {}({inner})", by(more)),
    };
    match family.kind {
        Kind::Gauge if is_own => vec![query("Now, of each instance", name.to_string())],
        Kind::Gauge => {
            let mut queries = vec![query("Now", largest(&[], name.to_string()))];
            if !labels.is_empty() {
                queries.push(query("In total", format!("sum({})", largest(&[], name.to_string()))));
                queries.push(query("The ten largest", format!("topk(10, {})", largest(&[], name.to_string()))));
            }
            queries
        }
        Kind::Counter => vec![
            query("Per second", largest(&[], format!("rate({name}[5m])"))),
            query("In the last 24 hours", largest(&[], format!("increase({name}[24h])"))),
        ],
        Kind::Histogram => {
            let quantile = |quantile: &str| {
                format!("histogram_quantile({quantile}, {})", largest(&["le"], format!("rate({name}_bucket[5m])")))
            };
            let mean = |suffix: &str| largest(&[], format!("rate({name}_{suffix}[5m])"));
            vec![
                query("Median", quantile("0.5")),
                query("95 % are below", quantile("0.95")),
                query("99 % are below", quantile("0.99")),
                query("Mean", format!("{} / {}", mean("sum"), mean("count"))),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use playarr_jobs::metric::{Column, Points};

    use super::*;

    fn first(kind: Kind, labels: &[&'static str], origin: Origin) -> String {
        let columns = labels.iter().map(|&name| Column::new(name)).collect();
        let family = Family { name: "x".into(), help: "".into(), kind, columns, points: Points::Numbers(Vec::new()) };
        queries(&family, origin).remove(0).expr
    }

    #[test]
    fn the_aggregation_follows_from_type_and_origin() {
        assert_eq!(first(Kind::Gauge, &["a", "b"], Origin::Database), "max by (a, b) (x)");
        assert_eq!(first(Kind::Gauge, &[], Origin::Database), "max(x)");
        assert_eq!(first(Kind::Gauge, &["a"], Origin::Service), "x");
        assert_eq!(first(Kind::Counter, &["a"], Origin::Live), "max by (a) (rate(x[5m]))");
        assert_eq!(first(Kind::Counter, &[], Origin::Service), "sum(rate(x[5m]))");
        let median = "histogram_quantile(0.5, max by (a, le) (rate(x_bucket[5m])))";
        assert_eq!(first(Kind::Histogram, &["a"], Origin::Live), median);
    }
}
