//! What the `prometheus` crate tells of the process.

use playarr_jobs::metric::{Kind, Monitoring, Panel, PanelKind, Section, Spec, Unit};

/// What its collector exposes on Linux. The names and texts are the crate's.
pub(super) static SPECS: [Spec; 7] = [
    Spec::new(
        Kind::Counter,
        "process_cpu_seconds_total",
        "seconds",
        "Total user and system CPU time spent in seconds.",
    )
    .monitoring(Monitoring {
        panels: &[Panel::new(
            Section::Service,
            PanelKind::Lines,
            Unit::Ratio,
            "Processor",
            "The part of one core that each instance uses.",
            &[(
                "sum by (instance) (rate(process_cpu_seconds_total[$__rate_interval])\n\
                 and on (job, instance) playarr_metrics_build_info)",
                "{{instance}}",
            )],
        )],
        ..Monitoring::NONE
    }),
    Spec::new(Kind::Gauge, "process_max_fds", "file descriptors", "Maximum number of open file descriptors."),
    Spec::new(Kind::Gauge, "process_open_fds", "file descriptors", "Number of open file descriptors.").monitoring(
        Monitoring {
            panels: &[Panel::new(
                Section::Service,
                PanelKind::Lines,
                Unit::Ratio,
                "Open files",
                "The part of the file descriptors that each instance may have open.",
                &[(
                    "sum by (instance) (process_open_fds / process_max_fds\n\
                 and on (job, instance) playarr_metrics_build_info)",
                    "{{instance}}",
                )],
            )],
            ..Monitoring::NONE
        },
    ),
    Spec::new(Kind::Gauge, "process_resident_memory_bytes", "bytes", "Resident memory size in bytes.").monitoring(
        Monitoring {
            panels: &[Panel::new(
                Section::Service,
                PanelKind::Lines,
                Unit::Bytes,
                "Memory",
                "Resident memory of each instance.",
                &[(
                    "sum by (instance) (process_resident_memory_bytes\n\
                 and on (job, instance) playarr_metrics_build_info)",
                    "{{instance}}",
                )],
            )],
            ..Monitoring::NONE
        },
    ),
    Spec::new(
        Kind::Gauge,
        "process_start_time_seconds",
        "seconds since the Unix epoch",
        "Start time of the process since unix epoch in seconds.",
    )
    .monitoring(Monitoring {
        panels: &[Panel::new(
            Section::Service,
            PanelKind::Stat,
            Unit::Seconds,
            "Running for",
            "How long ago each instance started.",
            &[(
                "time() - sum by (instance) (process_start_time_seconds\n\
                 and on (job, instance) playarr_metrics_build_info)",
                "{{instance}}",
            )],
        )],
        ..Monitoring::NONE
    }),
    Spec::new(Kind::Gauge, "process_threads", "threads", "Number of OS threads in the process."),
    Spec::new(Kind::Gauge, "process_virtual_memory_bytes", "bytes", "Virtual memory size in bytes."),
];
