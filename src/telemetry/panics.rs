//! Panics: each is counted and logged.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};

use playarr_jobs::metric::{Alert, Family, Kind, Monitoring, Panel, PanelKind, Section, Severity, Spec, Unit};

/// The panics of this process.
static COUNT: AtomicU64 = AtomicU64::new(0);

pub(super) static PANICS: Spec = Spec::new(
    Kind::Counter,
    "playarr_metrics_panics_total",
    "panics",
    "Panics of this process, each a bug. A request whose handler panicked was answered with 500; a task in the \
     background was restarted.",
)
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Service,
        PanelKind::Bars,
        Unit::Count,
        "Panics",
        "Panics in the time shown. Each is a bug: the log says where.",
        &[("sum by (instance) (increase(playarr_metrics_panics_total[$__range]))", "{{instance}}")],
    )],
    alerts: &[Alert {
        name: "PlayarrMetricsPanics",
        severity: Severity::Warning,
        hold: "1m",
        expr: "increase(playarr_metrics_panics_total[1h]) > 0",
        summary: "{{ $labels.instance }} panicked.",
        description: "Panics of {{ $labels.instance }} in the last hour: {{ $value | humanize }}. A request that met \
                      one was answered with 500, a task in the background was restarted; the log says where.",
    }],
    ..Monitoring::NONE
});

/// Writes each panic of the process to the log, in one line, instead of to stderr in several, and counts it.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let message = panic.payload_as_str().unwrap_or("no message").escape_debug();
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        tracing::error!(%message, location, thread, "a panic, which is a bug of this service; please report it");
    }));
    count_panics();
}

/// Counts each panic of the process from now on, in every thread and task. The panic hook that was set before still
/// runs.
pub fn count_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        COUNT.fetch_add(1, Ordering::Relaxed);
        before(panic);
    }));
}

#[expect(clippy::cast_precision_loss, reason = "there are never so many")]
pub(super) fn family() -> Family {
    let Spec { name, help, kind, .. } = PANICS;
    Family::numbers::<&str>(name, help, kind, &[], [(vec![], COUNT.load(Ordering::Relaxed) as f64)])
}
