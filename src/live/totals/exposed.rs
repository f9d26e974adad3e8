//! Totals as families, for scrapes and pages.

use std::time::Duration;

use playarr_jobs::metric::{
    Alert, Column, Family, Histogram, Kind, Monitoring, Panel, PanelKind, Points, Section, Severity, Spec, Unit,
};

use super::{FamilyTotals, Row, Totals};
use crate::live::event::{FamilyId, label_values};

/// Tells how much of the live metrics is shown without its own labels.
pub static FOLDED_TOTAL: Spec = Spec::new(
    Kind::Counter,
    "playarr_metrics_live_folded_total",
    "events",
    "Events recorded under _other, because their family had spent its budget of series.",
)
.labels(&["family"])
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Service,
        PanelKind::Stat,
        Unit::Count,
        "Events under _other",
        "Events of the time shown that were recorded under _other, because their family had spent its budget of \
         series.",
        &[(
            "sum(max by (job, family) (\
         increase(playarr_metrics_live_folded_total[$__range])))",
            "events",
        )],
    )],
    alerts: &[Alert {
        name: "PlayarrMetricsLiveSeriesFolded",
        severity: Severity::Info,
        hold: "5m",
        expr: "max by (job, family) (increase(playarr_metrics_live_folded_total[1h])) > 0",
        summary: "{{ $labels.family }} has more series than its budget.",
        description: "{{ $value | humanize }} events of {{ $labels.family }} were recorded under _other in the last \
                      hour: its budget of series is spent.",
    }],
    ..Monitoring::NONE
});

impl Totals {
    /// Every family, closed label sets at 0 where nothing was recorded, then the one that tells what was folded. The
    /// time, in seconds since the Unix epoch, says which reports of connections still count; `own_connections` are
    /// added to them.
    #[must_use]
    pub fn families(&self, now: i64, own_connections: u64) -> Vec<Family> {
        let mut families: Vec<_> = self.families.iter().map(FamilyTotals::family).collect();
        let connections = self.reporters.connections(now).saturating_add(own_connections);
        families[FamilyId::WEBSOCKET_CONNECTIONS.index()].points = Points::Numbers(vec![double(connections)]);
        families.push(self.folded());
        families
    }

    fn folded(&self) -> Family {
        let open = self.families.iter().filter(|family| family.spec.is_open());
        Family::numbers(
            FOLDED_TOTAL.name,
            FOLDED_TOTAL.help,
            FOLDED_TOTAL.kind,
            FOLDED_TOTAL.labels,
            open.map(|family| (vec![family.spec.name], double(family.folded))),
        )
    }
}

impl FamilyTotals {
    /// The rows in the order of their labels, that of the folded last.
    fn family(&self) -> Family {
        let spec = self.spec;
        let mut columns: Vec<_> = spec.labels.iter().map(|&label| Column::new(label)).collect();
        let (mut numbers, mut histograms) = (Vec::new(), Vec::new());
        let named = self.rows.iter().filter(|(key, _)| **key != self.other);
        for (key, row) in named.chain(self.rows.get_key_value(&self.other)) {
            for (combination, counts) in row.counts.chunks(spec.stride()).enumerate() {
                for (column, value) in columns.iter_mut().zip(label_values(spec, key, combination)) {
                    column.push(value);
                }
                match spec.kind {
                    Kind::Histogram => histograms.push(row.histogram(spec, combination)),
                    Kind::Counter | Kind::Gauge => numbers.push(double(counts[0])),
                }
            }
        }
        Family {
            name: spec.name.into(),
            help: spec.help.into(),
            kind: spec.kind,
            columns,
            points: match spec.kind {
                Kind::Histogram => Points::Histograms(histograms),
                Kind::Counter | Kind::Gauge => Points::Numbers(numbers),
            },
        }
    }
}

impl Row {
    fn histogram(&self, spec: &Spec, combination: usize) -> Histogram {
        let counts = &self.counts[combination * spec.stride()..];
        let mut count = 0_u64;
        let mut buckets = Vec::with_capacity(spec.bounds.len());
        for (&bound, &more) in spec.bounds.iter().zip(counts) {
            count = count.saturating_add(more);
            buckets.push((bound, count));
        }
        let count = count.saturating_add(counts[spec.bounds.len()]);
        Histogram { buckets, sum: seconds(self.nanoseconds[combination]), count }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a sample is a double")]
fn double(count: u64) -> f64 {
    count as f64
}

/// The seconds nearest to so many nanoseconds.
fn seconds(nanoseconds: u128) -> f64 {
    const SECOND: u128 = 1_000_000_000;
    match u64::try_from(nanoseconds / SECOND) {
        Ok(whole) => Duration::new(whole, (nanoseconds % SECOND) as u32).as_secs_f64(),
        #[expect(clippy::cast_precision_loss, reason = "beyond half a trillion years")]
        Err(_) => nanoseconds as f64 / 1e9,
    }
}
