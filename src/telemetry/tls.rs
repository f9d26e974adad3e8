//! What the service says of its TLS files.

use playarr_jobs::metric::{Alert, Family, Kind, Monitoring, Severity, Spec};

use crate::tls::Tls;

pub(super) static CURRENT: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_tls_files_in_use",
    "1 or 0",
    "Whether the files of TLS are what is in use (1), or have changed and cannot be used, so that those before stay \
     (0). Absent without TLS.",
)
.monitoring(Monitoring {
    alerts: &[Alert {
        name: "PlayarrMetricsTlsFilesUnusable",
        severity: Severity::Warning,
        hold: "5m",
        expr: "playarr_metrics_tls_files_in_use == 0",
        summary: "{{ $labels.instance }} cannot use its new TLS files.",
        description: "The files of TLS of {{ $labels.instance }} have changed and cannot be used, so it goes on with \
                      the certificate before, until that expires. The log says what is wrong.",
    }],
    ..Monitoring::NONE
});

/// The family as of now.
pub(super) fn family(tls: Option<&Tls>) -> Family {
    let in_use = tls.map(|tls| (vec![], f64::from(u8::from(tls.is_current()))));
    Family::numbers::<&str>(CURRENT.name, CURRENT.help, CURRENT.kind, &[], in_use)
}
