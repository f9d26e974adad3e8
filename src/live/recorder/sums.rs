//! The shards of the recorder added up: families for scrapes, totals for checkpoints.

use std::collections::BTreeMap;
use std::time::Duration;

use playarr_jobs::metric::{
    Alert, Column, Family, Histogram, Kind, LabelSpec, Monitoring, OTHER, Panel, PanelKind, Points, Section,
    Severity, Spec, Unit,
};

use super::cells::Cells;
use super::registry::{FOLDED, Registry};
use super::totals::{ReporterTotal, Total, Totals};
use crate::live::event::{FAMILIES, FamilyId, SEPARATOR, label_values};

/// Tells of the live metrics themselves.
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
        &[("sum(increase(playarr_metrics_live_folded_total[$__range]))", "events")],
    )],
    alerts: &[Alert {
        name: "PlayarrMetricsLiveSeriesFolded",
        severity: Severity::Info,
        hold: "5m",
        expr: "sum by (job, family) (increase(playarr_metrics_live_folded_total[1h])) > 0",
        summary: "{{ $labels.family }} has more series than its budget.",
        description: "{{ $value | humanize }} events of {{ $labels.family }} were recorded under _other in the last \
                      hour: its budget of series is spent.",
    }],
    ..Monitoring::NONE
});

/// Sums by family and cell, in the shape of a shard.
pub(in crate::live) struct Sums {
    families: Vec<Sum>,
}

#[derive(Default)]
struct Sum {
    counts: Vec<u64>,
    nanoseconds: Vec<u128>,
    folded: u64,
}

impl Sums {
    pub(in crate::live) fn new() -> Self {
        Self { families: FAMILIES.iter().map(|_| Sum::default()).collect() }
    }

    /// Adds a shard.
    pub(in crate::live) fn add(&mut self, families: &[Cells]) {
        for (sum, cells) in self.families.iter_mut().zip(families) {
            add(&mut sum.counts, &cells.counts, u64::saturating_add);
            add(&mut sum.nanoseconds, &cells.nanoseconds, u128::saturating_add);
            sum.folded = sum.folded.saturating_add(cells.folded);
        }
    }

    /// Every family, closed label sets at 0 where nothing was recorded, then the one that tells what was folded.
    pub(in crate::live) fn families(&self, registry: &Registry, connections: u64) -> Vec<Family> {
        let mut families: Vec<_> =
            self.by_family().map(|(id, spec, sum)| sum.family(id, spec, registry)).collect();
        families[FamilyId::WEBSOCKET_CONNECTIONS.index()].points = Points::Numbers(vec![double(connections)]);
        families.push(self.folded());
        families
    }

    /// Everything that is not 0.
    pub(in crate::live) fn totals(&self, registry: &Registry, reporters: Vec<ReporterTotal>) -> Totals {
        let mut series = Vec::new();
        let mut folded = BTreeMap::new();
        for (id, spec, sum) in self.by_family() {
            let stride = spec.stride();
            for_each_row(id, spec, registry, |row, key| {
                for combination in 0..spec.combinations() {
                    let cell = row as usize * spec.combinations() + combination;
                    let counts = sum.counts.get(cell * stride..(cell + 1) * stride).unwrap_or_default();
                    if counts.iter().any(|&count| count > 0) {
                        series.push(Total {
                            family: spec.name.to_owned(),
                            labels: label_values(spec, key, combination).map(str::to_owned).collect(),
                            bounds: spec.bounds.to_vec(),
                            counts: counts.to_vec(),
                            nanoseconds: sum.nanoseconds.get(cell).copied().unwrap_or_default(),
                        });
                    }
                }
            });
            if sum.folded > 0 {
                folded.insert(spec.name.to_owned(), sum.folded);
            }
        }
        Totals { series, folded, reporters }
    }

    fn by_family(&self) -> impl Iterator<Item = (FamilyId, &'static Spec, &Sum)> {
        FamilyId::all().zip(&self.families).map(|(id, sum)| (id, id.spec(), sum))
    }

    fn folded(&self) -> Family {
        let open = self.by_family().filter(|(_, spec, _)| spec.is_open());
        Family::numbers(
            FOLDED_TOTAL.name,
            FOLDED_TOTAL.help,
            FOLDED_TOTAL.kind,
            FOLDED_TOTAL.labels,
            open.map(|(_, spec, sum)| (vec![spec.name], double(sum.folded))),
        )
    }
}

/// Visits the rows of a family in the order in which they are shown, with their open labels: that of the folded last.
fn for_each_row(id: FamilyId, spec: &Spec, registry: &Registry, mut visit: impl FnMut(u32, &str)) {
    for (row, key) in registry.rows(id).iter() {
        visit(row, key);
    }
    let open = spec.label_specs().filter(LabelSpec::is_open).map(|_| OTHER);
    visit(FOLDED, &open.collect::<Vec<_>>().join(SEPARATOR.encode_utf8(&mut [0; 4])));
}

impl Sum {
    fn family(&self, id: FamilyId, spec: &'static Spec, registry: &Registry) -> Family {
        let mut columns: Vec<_> = spec.labels.iter().map(|&label| Column::new(label)).collect();
        let (mut numbers, mut histograms) = (Vec::new(), Vec::new());
        let combinations = spec.combinations();
        for_each_row(id, spec, registry, |row, key| {
            let cells = row as usize * combinations..(row as usize + 1) * combinations;
            // Without open labels there is one row, shown from the start. Else it shows when something was folded.
            if row == FOLDED && spec.is_open() && cells.clone().all(|cell| self.is_zero(spec, cell)) {
                return;
            }
            for (combination, cell) in cells.enumerate() {
                for (column, value) in columns.iter_mut().zip(label_values(spec, key, combination)) {
                    column.push(value);
                }
                match spec.kind {
                    Kind::Histogram => histograms.push(self.histogram(spec, cell)),
                    Kind::Counter | Kind::Gauge => numbers.push(double(self.count(cell))),
                }
            }
        });
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

    fn count(&self, at: usize) -> u64 {
        self.counts.get(at).copied().unwrap_or_default()
    }

    fn is_zero(&self, spec: &Spec, cell: usize) -> bool {
        (0..spec.stride()).all(|bucket| self.count(cell * spec.stride() + bucket) == 0)
    }

    fn histogram(&self, spec: &Spec, cell: usize) -> Histogram {
        let mut count = 0_u64;
        let mut buckets = Vec::with_capacity(spec.bounds.len());
        for (bucket, &bound) in spec.bounds.iter().enumerate() {
            count = self.count(cell * spec.stride() + bucket).saturating_add(count);
            buckets.push((bound, count));
        }
        count = self.count(cell * spec.stride() + spec.bounds.len()).saturating_add(count);
        let nanoseconds = self.nanoseconds.get(cell).copied().unwrap_or_default();
        Histogram { buckets, sum: seconds(nanoseconds), count }
    }
}

fn add<T: Copy + Default>(sums: &mut Vec<T>, more: &[T], plus: impl Fn(T, T) -> T) {
    if sums.len() < more.len() {
        sums.resize(more.len(), T::default());
    }
    for (sum, &more) in sums.iter_mut().zip(more) {
        *sum = plus(*sum, more);
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
