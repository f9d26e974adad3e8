//! Streams: requests for them, the choice of their source, and the cache of best sources.

use playarr_jobs::metric::{
    Alert, Kind, Level, Monitoring, Panel, PanelKind, Recording, Section, Severity, Spec, Unit,
};

use super::amount::Seconds;
use super::buckets::PLAYBACK;
use super::closed::{CacheOutcome, ClosedLabel, MediaType};
use super::family::{ANY_TEXT, Sink, counter, histogram};
use super::label::Label;
use super::{Recorded, event};

event! {
    /// A stream was requested.
    pub struct StreamRequest<'a>("stream_request") {
        /// The name of the user.
        #[serde(borrow)]
        pub user: Label<'a>,
        /// What was to be played.
        pub media_type: MediaType,
        /// Time until the answer.
        pub duration_seconds: Seconds,
    }
}

impl Recorded for StreamRequest<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&STREAM_REQUESTS, &STREAM_REQUEST_DURATION];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        const { counter(&STREAM_REQUESTS) }.increment(sink, (&self.user,));
        const { histogram(&STREAM_REQUEST_DURATION) }.observe(sink, (&self.media_type,), self.duration_seconds);
    }
}

pub(super) static STREAM_REQUESTS: Spec =
    Spec::new(Kind::Counter, "playarr_stream_requests_total", "requests", "Stream requests, by user.")
        .labels(&["user"])
        .values(&[ANY_TEXT])
        .monitoring(Monitoring { panels: STREAM_REQUESTS_PANELS, ..Monitoring::NONE });

pub(super) static STREAM_REQUEST_DURATION: Spec = Spec::new(
    Kind::Histogram,
    "playarr_stream_request_duration_seconds",
    "seconds",
    "Time until stream requests were answered.",
)
.labels(&["media_type"])
.values(&[MediaType::TEXTS])
.bounds(PLAYBACK)
.monitoring(Monitoring { panels: &[TIME_TO_A_STREAM], recordings: &[SLOW_STREAMS], alerts: &[STREAMS_SLOW] });

event! {
    /// The best source of a title was selected.
    pub struct BestSourceSelected<'a>("best_source_selected") {
        /// The provider of the source.
        #[serde(borrow)]
        pub provider_id: Label<'a>,
        /// What is to be played.
        pub media_type: MediaType,
        /// Time that the selection took.
        pub duration_seconds: Seconds,
    }
}

impl Recorded for BestSourceSelected<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&BEST_SOURCE_SELECTIONS, &BEST_SOURCE_SELECTION_DURATION];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        let duration = const { histogram(&BEST_SOURCE_SELECTION_DURATION) };
        const { counter(&BEST_SOURCE_SELECTIONS) }.increment(sink, (&self.provider_id,));
        duration.observe(sink, (&self.media_type,), self.duration_seconds);
    }
}

static BEST_SOURCE_SELECTIONS: Spec = Spec::new(
    Kind::Counter,
    "playarr_best_source_selections_total",
    "selections",
    "Selections of a provider's source as the best one for a stream.",
)
.labels(&["provider_id"])
.values(&[ANY_TEXT])
.monitoring(Monitoring { panels: &[SELECTED_SOURCES], ..Monitoring::NONE });

static BEST_SOURCE_SELECTION_DURATION: Spec = Spec::new(
    Kind::Histogram,
    "playarr_best_source_selection_duration_seconds",
    "seconds",
    "Time that it took to find a valid source.",
)
.labels(&["media_type"])
.values(&[MediaType::TEXTS])
.bounds(PLAYBACK)
.monitoring(Monitoring { panels: &[TIME_TO_A_SOURCE], ..Monitoring::NONE });

event! {
    /// A source was looked up in the cache of best sources.
    pub struct CacheOperation("cache_operation") {
        /// Whether the cache had it.
        pub operation: CacheOutcome,
    }
}

impl Recorded for CacheOperation {
    const FAMILIES: &'static [&'static Spec] = &[&CACHE_OPERATIONS];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        const { counter(&CACHE_OPERATIONS) }.increment(sink, (&self.operation,));
    }
}

pub(super) static CACHE_OPERATIONS: Spec =
    Spec::new(Kind::Counter, "playarr_cache_operations_total", "look-ups", "Look-ups in the cache of best sources.")
        .labels(&["operation"])
        .values(&[CacheOutcome::TEXTS])
        .monitoring(Monitoring {
            panels: CACHE_PANELS,
            recordings: &[CACHE_HIT_RATIO],
            alerts: &[CACHE_HIT_RATIO_LOW],
        });

const STREAM_REQUESTS_PANELS: &[Panel] = &[
    Panel::new(
        Section::Overview,
        PanelKind::Stat,
        Unit::PerMinute,
        "Streams",
        "Stream requests per minute.",
        &[(
            "60 * sum(max by (job, user) (\
             rate(playarr_stream_requests_total{user=~\"$user\"}[$__rate_interval])))",
            "streams",
        )],
    ),
    Panel::new(
        Section::Streams,
        PanelKind::Stacked,
        Unit::PerMinute,
        "Stream requests",
        "Stream requests per minute, by user.",
        &[(
            "60 * sum by (user) (max by (job, user) (\
             rate(playarr_stream_requests_total{user=~\"$user\"}[$__rate_interval])))",
            "{{user}}",
        )],
    ),
    Panel::new(
        Section::Users,
        PanelKind::Bars,
        Unit::Count,
        "Most streams",
        "The 15 users with the most stream requests in the time shown.",
        &[(
            "topk(15, sum by (user) (max by (job, user) (\
             increase(playarr_stream_requests_total{user=~\"$user\"}[$__range]))))",
            "{{user}}",
        )],
    ),
];

const TIME_TO_A_STREAM: Panel = Panel::new(
    Section::Streams,
    PanelKind::Lines,
    Unit::Seconds,
    "Time to a stream",
    "Time until stream requests were answered: half of them took less than p50, all but a twentieth less than p95.",
    &[
        (
            "histogram_quantile(0.5, sum by (media_type, le) (max by (job, media_type, le) (\
             rate(playarr_stream_request_duration_seconds_bucket{media_type=~\"$media_type\"}[$__rate_interval]))))",
            "{{media_type}} p50",
        ),
        (
            "histogram_quantile(0.95, sum by (media_type, le) (max by (job, media_type, le) (\
             rate(playarr_stream_request_duration_seconds_bucket{media_type=~\"$media_type\"}[$__rate_interval]))))",
            "{{media_type}} p95",
        ),
    ],
)
.levels(&[(0.0, Level::Good), (5.0, Level::Bad)]);

const SLOW_STREAMS: Recording = Recording {
    name: "media_type:playarr_stream_request_duration_seconds:p95_30m",
    expr: "histogram_quantile(0.95, max by (job, media_type, le) (\
           rate(playarr_stream_request_duration_seconds_bucket[30m])))\n\
           and on (job, media_type) max by (job, media_type) (\
           increase(playarr_stream_request_duration_seconds_count[30m])) >= 5",
};

const STREAMS_SLOW: Alert = Alert {
    name: "PlayarrStreamsSlow",
    severity: Severity::Warning,
    hold: "10m",
    expr: "media_type:playarr_stream_request_duration_seconds:p95_30m > 5",
    summary: "Streams of {{ $labels.media_type }} start slowly.",
    description: "Of the stream requests for {{ $labels.media_type }} in the last 30 minutes, one in twenty took \
                  longer than {{ $value | humanizeDuration }}.",
};

const SELECTED_SOURCES: Panel = Panel::new(
    Section::Streams,
    PanelKind::Stacked,
    Unit::PerMinute,
    "Selected sources",
    "Selections of each provider's sources as the best ones, per minute.",
    &[(
        "60 * sum by (provider_id) (max by (job, provider_id) (\
         rate(playarr_best_source_selections_total{provider_id=~\"$provider\"}[$__rate_interval])))",
        "{{provider_id}}",
    )],
);

const TIME_TO_A_SOURCE: Panel = Panel::new(
    Section::Streams,
    PanelKind::Lines,
    Unit::Seconds,
    "Time to a source",
    "Time that it took to find a valid source.",
    &[
        (
            "histogram_quantile(0.5, sum by (media_type, le) (max by (job, media_type, le) (\
             rate(playarr_best_source_selection_duration_seconds_bucket{media_type=~\"$media_type\"}\
             [$__rate_interval]))))",
            "{{media_type}} p50",
        ),
        (
            "histogram_quantile(0.95, sum by (media_type, le) (max by (job, media_type, le) (\
             rate(playarr_best_source_selection_duration_seconds_bucket{media_type=~\"$media_type\"}\
             [$__rate_interval]))))",
            "{{media_type}} p95",
        ),
    ],
);

const CACHE_PANELS: &[Panel] = &[
    Panel::new(
        Section::Overview,
        PanelKind::Stat,
        Unit::Ratio,
        "Cache hits",
        "The part of look-ups in the cache of best sources that had an answer, over the time shown.",
        &[(
            "sum(max by (job, operation) (\
             increase(playarr_cache_operations_total{operation=\"hit\"}[$__range])))\n\
             / sum(max by (job, operation) (\
             increase(playarr_cache_operations_total[$__range])))",
            "hits",
        )],
    )
    .levels(&[(0.0, Level::Bad), (0.5, Level::Warn), (0.7, Level::Good)]),
    Panel::new(
        Section::Streams,
        PanelKind::Stacked,
        Unit::PerMinute,
        "Cache of best sources",
        "Look-ups per minute that had an answer (hit) and that had none (miss).",
        &[(
            "60 * sum by (operation) (max by (job, operation) (\
             rate(playarr_cache_operations_total[$__rate_interval])))",
            "{{operation}}",
        )],
    ),
];

const CACHE_HIT_RATIO: Recording = Recording {
    name: "job:playarr_cache_operations_total:hit_ratio30m",
    expr: "sum by (job) (max by (job, operation) (\
           rate(playarr_cache_operations_total{operation=\"hit\"}[30m])))\n\
           / (sum by (job) (max by (job, operation) (\
           rate(playarr_cache_operations_total[30m]))) > 0)\n\
           and on (job) sum by (job) (max by (job, operation) (\
           increase(playarr_cache_operations_total[30m]))) >= 20",
};

const CACHE_HIT_RATIO_LOW: Alert = Alert {
    name: "PlayarrCacheHitRatioLow",
    severity: Severity::Warning,
    hold: "30m",
    expr: "job:playarr_cache_operations_total:hit_ratio30m < 0.5",
    summary: "The cache of best sources rarely has an answer.",
    description: "Only {{ $value | humanizePercentage }} of the look-ups in the cache of best sources were hits; \
                  streams start more slowly and providers are asked more often.",
};
