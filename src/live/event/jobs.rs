//! Jobs, and what they work through.

use playarr_jobs::metric::{Alert, Kind, Level, Monitoring, Panel, PanelKind, Section, Severity, Spec, Unit};

use super::amount::{Count, Seconds};
use super::buckets::JOB;
use super::closed::{ClosedLabel, MediaType, Status, TitlesKind};
use super::family::{ANY_TEXT, Sink, counter, histogram};
use super::label::Label;
use super::{Recorded, event};

event! {
    /// A job ran.
    pub struct JobExecution<'a>("job_execution") {
        /// The name of the job.
        #[serde(borrow)]
        pub job_type: Label<'a>,
        /// How it ended.
        pub status: Status,
        /// Time from start to end.
        pub duration_seconds: Seconds,
    }
}

impl Recorded for JobExecution<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&JOB_EXECUTIONS, &JOB_DURATION];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        const { counter(&JOB_EXECUTIONS) }.increment(sink, (&self.job_type, &self.status));
        const { histogram(&JOB_DURATION) }.observe(sink, (&self.job_type,), self.duration_seconds);
    }
}

static JOB_EXECUTIONS: Spec =
    Spec::new(Kind::Counter, "playarr_job_executions_total", "runs", "Runs of jobs, by outcome.")
        .labels(&["job_type", "status"])
        .values(&[ANY_TEXT, Status::TEXTS])
        .monitoring(Monitoring { panels: JOB_PANELS, alerts: &[JOB_FAILING], ..Monitoring::NONE });

static JOB_DURATION: Spec =
    Spec::new(Kind::Histogram, "playarr_job_duration_seconds", "seconds", "Duration of runs of jobs.")
        .labels(&["job_type"])
        .values(&[ANY_TEXT])
        .bounds(JOB)
        .monitoring(Monitoring { panels: &[TIME_OF_A_RUN], ..Monitoring::NONE });

event! {
    /// Titles were processed.
    pub struct TitlesProcessed<'a>("titles_processed") {
        /// Whose titles.
        pub kind: TitlesKind,
        /// The provider they come from.
        #[serde(borrow)]
        pub provider_id: Label<'a>,
        /// Movies or TV shows.
        pub media_type: MediaType,
        /// How many.
        pub count: Count,
    }
}

impl Recorded for TitlesProcessed<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&PROVIDER_TITLES_PROCESSED, &MAIN_TITLES_PROCESSED];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        let family = match self.kind {
            TitlesKind::Provider => const { counter(&PROVIDER_TITLES_PROCESSED) },
            TitlesKind::Main => const { counter(&MAIN_TITLES_PROCESSED) },
        };
        family.add(sink, (&self.provider_id, &self.media_type), self.count);
    }
}

static PROVIDER_TITLES_PROCESSED: Spec = Spec::new(
    Kind::Counter,
    "playarr_provider_titles_processed_total",
    "titles",
    "Titles of providers that were processed.",
)
.labels(&["provider_id", "media_type"])
.values(&[ANY_TEXT, MediaType::TEXTS])
.monitoring(Monitoring { panels: &[PROVIDER_TITLES], ..Monitoring::NONE });

static MAIN_TITLES_PROCESSED: Spec = Spec::new(
    Kind::Counter,
    "playarr_main_titles_processed_total",
    "titles",
    "Titles of the merged library that were processed, by the provider they come from.",
)
.labels(&["provider_id", "media_type"])
.values(&[ANY_TEXT, MediaType::TEXTS])
.monitoring(Monitoring { panels: &[MAIN_TITLES], ..Monitoring::NONE });

event! {
    /// Categories of a provider were synchronised.
    pub struct CategoriesSynced<'a>("categories_synced") {
        /// The provider.
        #[serde(borrow)]
        pub provider_id: Label<'a>,
        /// What the categories hold.
        pub media_type: MediaType,
        /// How many.
        pub count: Count,
    }
}

impl Recorded for CategoriesSynced<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&CATEGORIES_SYNCED];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        let family = const { counter(&CATEGORIES_SYNCED) };
        family.add(sink, (&self.provider_id, &self.media_type), self.count);
    }
}

static CATEGORIES_SYNCED: Spec = Spec::new(
    Kind::Counter,
    "playarr_provider_categories_synced_total",
    "categories",
    "Categories of providers that were synchronised.",
)
.labels(&["provider_id", "media_type"])
.values(&[ANY_TEXT, MediaType::TEXTS])
.monitoring(Monitoring { panels: &[CATEGORIES], ..Monitoring::NONE });

const JOB_PANELS: &[Panel] = &[
    Panel::new(
        Section::Overview,
        PanelKind::Stat,
        Unit::Count,
        "Failed jobs",
        "Runs of jobs that failed in the time shown.",
        &[(
            "sum(max by (job, job_type, status) (\
             increase(playarr_job_executions_total{status=\"failure\"}[$__range])))",
            "failed",
        )],
    )
    .levels(&[(0.0, Level::Good), (0.5, Level::Warn)]),
    Panel::new(
        Section::Jobs,
        PanelKind::Table(&[Unit::Count, Unit::Count, Unit::Seconds]),
        Unit::Count,
        "Jobs",
        "Runs of each job in the time shown, and how long they took on average.",
        &[
            (
                "sum by (job_type) (max by (job, job_type, status) (\
                 increase(playarr_job_executions_total[$__range])))",
                "Runs",
            ),
            (
                "sum by (job_type) (max by (job, job_type, status) (\
                 increase(playarr_job_executions_total{status=\"failure\"}[$__range])))",
                "Failed",
            ),
            (
                "sum by (job_type) (max by (job, job_type) (\
                 increase(playarr_job_duration_seconds_sum[$__range])))\n\
                 / sum by (job_type) (max by (job, job_type) (\
                 increase(playarr_job_duration_seconds_count[$__range])))",
                "Mean time",
            ),
        ],
    ),
    Panel::new(
        Section::Jobs,
        PanelKind::Stacked,
        Unit::PerMinute,
        "Runs of jobs",
        "Runs per minute, by job and outcome.",
        &[(
            "60 * sum by (job_type, status) (max by (job, job_type, status) (\
             rate(playarr_job_executions_total[$__rate_interval])))",
            "{{job_type}} {{status}}",
        )],
    ),
];

const JOB_FAILING: Alert = Alert {
    name: "PlayarrJobFailing",
    severity: Severity::Warning,
    hold: "5m",
    expr: "sum by (job, job_type) (max by (job, job_type, status) (\
           increase(playarr_job_executions_total{status=\"failure\"}[3h])))\n\
           / (sum by (job, job_type) (max by (job, job_type, status) (\
           increase(playarr_job_executions_total[3h]))) > 0)\n\
           > 0.5",
    summary: "Job {{ $labels.job_type }} fails.",
    description: "{{ $value | humanizePercentage }} of the runs of {{ $labels.job_type }} in the last 3 hours failed.",
};

const TIME_OF_A_RUN: Panel = Panel::new(
    Section::Jobs,
    PanelKind::Lines,
    Unit::Seconds,
    "Time of a run",
    "Time within which all but a twentieth of the runs of each job ended.",
    &[(
        "histogram_quantile(0.95, sum by (job_type, le) (max by (job, job_type, le) (\
         rate(playarr_job_duration_seconds_bucket[$__rate_interval]))))",
        "{{job_type}} p95",
    )],
);

const PROVIDER_TITLES: Panel = Panel::new(
    Section::Jobs,
    PanelKind::Stacked,
    Unit::PerMinute,
    "Provider titles processed",
    "Titles of providers that jobs worked on, per minute.",
    &[(
        "60 * sum by (provider_id, media_type) (max by (job, provider_id, media_type) (\
         rate(playarr_provider_titles_processed_total{provider_id=~\"$provider\", media_type=~\"$media_type\"}\
         [$__rate_interval])))",
        "{{provider_id}} {{media_type}}",
    )],
);

const MAIN_TITLES: Panel = Panel::new(
    Section::Jobs,
    PanelKind::Stacked,
    Unit::PerMinute,
    "Main titles processed",
    "Titles of the merged library that jobs worked on, per minute, by the provider they come from.",
    &[(
        "60 * sum by (provider_id, media_type) (max by (job, provider_id, media_type) (\
         rate(playarr_main_titles_processed_total{provider_id=~\"$provider\", media_type=~\"$media_type\"}\
         [$__rate_interval])))",
        "{{provider_id}} {{media_type}}",
    )],
);

const CATEGORIES: Panel = Panel::new(
    Section::Jobs,
    PanelKind::Stacked,
    Unit::PerMinute,
    "Categories synchronised",
    "Categories of providers that were synchronised, per minute.",
    &[(
        "60 * sum by (provider_id, media_type) (max by (job, provider_id, media_type) (\
         rate(playarr_provider_categories_synced_total{provider_id=~\"$provider\", media_type=~\"$media_type\"}\
         [$__rate_interval])))",
        "{{provider_id}} {{media_type}}",
    )],
);
