//! Providers: their synchronisations and their APIs.

use playarr_jobs::metric::{
    Alert, Kind, Level, Monitoring, Panel, PanelKind, Recording, Section, Severity, Spec, Unit,
};

use super::amount::Seconds;
use super::api_call::ApiCall;
use super::buckets::{PROVIDER_API, SYNC};
use super::closed::{ClosedLabel, ProviderErrorType, Status};
use super::family::{ANY_TEXT, Sink, counter, histogram};
use super::label::{Label, StatusCode};
use super::{Recorded, event};

event! {
    /// A provider was synchronised.
    pub struct ProviderSync<'a>("provider_sync") {
        /// The provider.
        #[serde(borrow)]
        pub provider_id: Label<'a>,
        /// How it ended.
        pub status: Status,
        /// Time from start to end.
        pub duration_seconds: Seconds,
    }
}

impl Recorded for ProviderSync<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&PROVIDER_SYNCS, &PROVIDER_SYNC_DURATION];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        const { counter(&PROVIDER_SYNCS) }.increment(sink, (&self.provider_id, &self.status));
        const { histogram(&PROVIDER_SYNC_DURATION) }.observe(sink, (&self.provider_id,), self.duration_seconds);
    }
}

static PROVIDER_SYNCS: Spec = Spec::new(
    Kind::Counter,
    "playarr_provider_sync_total",
    "synchronisations",
    "Synchronisations of providers, by outcome.",
)
.labels(&["provider_id", "status"])
.values(&[ANY_TEXT, Status::TEXTS])
.monitoring(Monitoring {
    panels: &[FAILED_SYNCS],
    recordings: &[sync_failures!("3h"), sync_failures!("12h"), sync_failures!("3d")],
    alerts: SYNC_ALERTS,
});

static PROVIDER_SYNC_DURATION: Spec = Spec::new(
    Kind::Histogram,
    "playarr_provider_sync_duration_seconds",
    "seconds",
    "Duration of synchronisations of providers.",
)
.labels(&["provider_id"])
.values(&[ANY_TEXT])
.bounds(SYNC)
.monitoring(Monitoring { panels: &[TIME_OF_A_SYNC], ..Monitoring::NONE });

event! {
    /// A request to a provider's API failed.
    pub struct ProviderApiError<'a>("provider_api_error") {
        /// The provider.
        #[serde(borrow)]
        pub provider_id: Label<'a>,
        /// How it failed.
        pub error_type: ProviderErrorType,
    }
}

impl Recorded for ProviderApiError<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&PROVIDER_API_ERRORS];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        const { counter(&PROVIDER_API_ERRORS) }.increment(sink, (&self.provider_id, &self.error_type));
    }
}

static PROVIDER_API_ERRORS: Spec =
    Spec::new(Kind::Counter, "playarr_provider_api_errors_total", "errors", "Errors of providers' APIs.")
        .labels(&["provider_id", "error_type"])
        .values(&[ANY_TEXT, ProviderErrorType::TEXTS])
        .monitoring(Monitoring {
            panels: &[API_ERRORS],
            recordings: &[api_errors!("5m"), api_errors!("30m"), api_errors!("1h"), api_errors!("6h")],
            alerts: API_ALERTS,
        });

event! {
    /// A provider's API answered a request.
    pub struct ProviderApiRequest<'a>("provider_api_request") {
        /// The provider.
        #[serde(borrow)]
        pub provider_id: Label<'a>,
        /// What was asked for: the name of a call, never an address.
        #[serde(borrow)]
        pub endpoint: ApiCall<'a>,
        /// The status code of the answer. A request that was not answered is a `provider_api_error`.
        pub status_code: StatusCode,
        /// Time until the answer.
        pub duration_seconds: Seconds,
    }
}

impl Recorded for ProviderApiRequest<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&PROVIDER_API_REQUESTS, &PROVIDER_API_REQUEST_DURATION];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        let requests = const { counter(&PROVIDER_API_REQUESTS) };
        let duration = const { histogram(&PROVIDER_API_REQUEST_DURATION) };
        requests.increment(sink, (&self.provider_id, &self.endpoint, &self.status_code));
        duration.observe(sink, (&self.provider_id, &self.endpoint), self.duration_seconds);
    }
}

static PROVIDER_API_REQUESTS: Spec = Spec::new(
    Kind::Counter,
    "playarr_provider_api_requests_total",
    "requests",
    "Requests to providers' APIs, by status code of the answer.",
)
.labels(&["provider_id", "endpoint", "status_code"])
.values(&[ANY_TEXT, ANY_TEXT, ANY_TEXT])
.monitoring(Monitoring { panels: &[API_REQUESTS], ..Monitoring::NONE });

static PROVIDER_API_REQUEST_DURATION: Spec = Spec::new(
    Kind::Histogram,
    "playarr_provider_api_request_duration_seconds",
    "seconds",
    "Time until providers' APIs answered.",
)
.labels(&["provider_id", "endpoint"])
.values(&[ANY_TEXT, ANY_TEXT])
.bounds(PROVIDER_API)
.monitoring(Monitoring { panels: &[TIME_OF_API_REQUESTS], ..Monitoring::NONE });

const FAILED_SYNCS: Panel = Panel::new(
    Section::Providers,
    PanelKind::Bars,
    Unit::Ratio,
    "Failed synchronisations",
    "The part of each provider's synchronisations that failed in the time shown.",
    &[(
        "sum by (provider_id) (max by (job, provider_id, status) (\
         increase(playarr_provider_sync_total{provider_id=~\"$provider\", status=\"failure\"}[$__range])))\n\
         / sum by (provider_id) (max by (job, provider_id, status) (\
         increase(playarr_provider_sync_total{provider_id=~\"$provider\"}[$__range])))",
        "{{provider_id}}",
    )],
)
.levels(&[(0.0, Level::Good), (0.1, Level::Warn), (0.3, Level::Bad)]);

/// The part of a provider's synchronisations that failed within a time.
macro_rules! sync_failures {
    ($window:literal) => {
        Recording {
            name: concat!("provider:playarr_provider_sync_total:failure_ratio", $window),
            expr: concat!(
                "sum by (job, provider_id) (max by (job, provider_id, status) (\
                 rate(playarr_provider_sync_total{status=\"failure\"}[",
                $window,
                "])))\n",
                "/ (sum by (job, provider_id) (",
                "max by (job, provider_id, status) (\
                 rate(playarr_provider_sync_total[",
                $window,
                "]))) > 0)"
            ),
        }
    };
}
use sync_failures;

const SYNC_ALERTS: &[Alert] = &[
    Alert {
        name: "PlayarrProviderSyncFailureFastBurn",
        severity: Severity::Critical,
        hold: "5m",
        expr: "provider:playarr_provider_sync_total:failure_ratio12h > 6 * 0.05\n\
               and provider:playarr_provider_sync_total:failure_ratio3h > 6 * 0.05",
        summary: "Synchronisations of provider {{ $labels.provider_id }} fail.",
        description: "{{ $value | humanizePercentage }} of the synchronisations of provider \
                      {{ $labels.provider_id }} in the last 12 hours failed, and it goes on: \
                      six times as many as the 5% that are to be expected.",
    },
    Alert {
        name: "PlayarrProviderSyncFailureSlowBurn",
        severity: Severity::Warning,
        hold: "30m",
        expr: "provider:playarr_provider_sync_total:failure_ratio3d > 2 * 0.05\n\
               and provider:playarr_provider_sync_total:failure_ratio12h > 2 * 0.05",
        summary: "Synchronisations of provider {{ $labels.provider_id }} fail too often.",
        description: "{{ $value | humanizePercentage }} of the synchronisations of provider \
                      {{ $labels.provider_id }} in the last 3 days failed, and it goes on: \
                      twice as many as the 5% that are to be expected.",
    },
];

const TIME_OF_A_SYNC: Panel = Panel::new(
    Section::Providers,
    PanelKind::Lines,
    Unit::Seconds,
    "Time of a synchronisation",
    "The mean of the synchronisations that ended within each step.",
    &[(
        "sum by (provider_id) (max by (job, provider_id) (\
         rate(playarr_provider_sync_duration_seconds_sum{provider_id=~\"$provider\"}[$__rate_interval])))\n\
         / sum by (provider_id) (max by (job, provider_id) (\
         rate(playarr_provider_sync_duration_seconds_count{provider_id=~\"$provider\"}[$__rate_interval])))",
        "{{provider_id}}",
    )],
);

const API_ERRORS: Panel = Panel::new(
    Section::Providers,
    PanelKind::Stacked,
    Unit::PerMinute,
    "API errors",
    "Errors of providers' APIs per minute, by type.",
    &[(
        "60 * sum by (provider_id, error_type) (max by (job, provider_id, error_type) (\
         rate(playarr_provider_api_errors_total{provider_id=~\"$provider\"}[$__rate_interval])))",
        "{{provider_id}} {{error_type}}",
    )],
);

/// The errors of a provider's API within a time, as a rate.
macro_rules! api_error_rate {
    ($window:literal) => {
        concat!(
            "sum by (job, provider_id) (max by (job, provider_id, error_type) (",
            "rate(playarr_provider_api_errors_total[",
            $window,
            "])))"
        )
    };
}
use api_error_rate;

/// The part of the requests to a provider's API that failed within a time. An answer of 5xx may have been reported as
/// an error as well, so only the other answers count as successes.
macro_rules! api_errors {
    ($window:literal) => {
        Recording {
            name: concat!("provider:playarr_provider_api_errors_total:ratio", $window),
            expr: concat!(
                api_error_rate!($window),
                "\n/ (",
                api_error_rate!($window),
                "\n   + (sum by (job, provider_id) (max by (job, provider_id, endpoint, status_code) (\
                 rate(playarr_provider_api_requests_total{status_code!~\"5..\"}[",
                $window,
                "])))\n      or 0 * ",
                api_error_rate!($window),
                ") > 0)"
            ),
        }
    };
}
use api_errors;

const API_ALERTS: &[Alert] = &[
    Alert {
        name: "PlayarrProviderApiErrorFastBurn",
        severity: Severity::Critical,
        hold: "2m",
        expr: "provider:playarr_provider_api_errors_total:ratio1h > 14.4 * 0.05\n\
               and provider:playarr_provider_api_errors_total:ratio5m > 14.4 * 0.05\n\
               and on (job, provider_id) sum by (job, provider_id) (max by (job, provider_id, error_type) (\
               increase(playarr_provider_api_errors_total[1h]))) >= 5",
        summary: "The API of provider {{ $labels.provider_id }} fails.",
        description: "{{ $value | humanizePercentage }} of the requests to the API of \
                      provider {{ $labels.provider_id }} in the last hour failed, and it goes \
                      on: more than fourteen times as many as the 5% that are to be expected.",
    },
    Alert {
        name: "PlayarrProviderApiErrorSlowBurn",
        severity: Severity::Warning,
        hold: "15m",
        expr: "provider:playarr_provider_api_errors_total:ratio6h > 6 * 0.05\n\
               and provider:playarr_provider_api_errors_total:ratio30m > 6 * 0.05\n\
               and on (job, provider_id) sum by (job, provider_id) (max by (job, provider_id, error_type) (\
               increase(playarr_provider_api_errors_total[6h]))) >= 5",
        summary: "The API of provider {{ $labels.provider_id }} fails too often.",
        description: "{{ $value | humanizePercentage }} of the requests to the API of \
                      provider {{ $labels.provider_id }} in the last 6 hours failed, and it \
                      goes on: six times as many as the 5% that are to be expected.",
    },
];

const API_REQUESTS: Panel = Panel::new(
    Section::Providers,
    PanelKind::Stacked,
    Unit::PerMinute,
    "API requests",
    "Requests to providers' APIs per minute, by status code of the answer.",
    &[(
        "60 * sum by (provider_id, status_code) (max by (job, provider_id, endpoint, status_code) (\
         rate(playarr_provider_api_requests_total{provider_id=~\"$provider\"}[$__rate_interval])))",
        "{{provider_id}} {{status_code}}",
    )],
);

const TIME_OF_API_REQUESTS: Panel = Panel::new(
    Section::Providers,
    PanelKind::Lines,
    Unit::Seconds,
    "Time of API requests",
    "Time within which all but a twentieth of the requests to each provider's API were answered.",
    &[(
        "histogram_quantile(0.95, sum by (provider_id, le) (max by (job, provider_id, endpoint, le) (\
         rate(playarr_provider_api_request_duration_seconds_bucket{provider_id=~\"$provider\"}[$__rate_interval]))))",
        "{{provider_id}} p95",
    )],
);
