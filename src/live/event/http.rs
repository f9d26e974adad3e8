//! HTTP requests to Playarr and to this service.

use playarr_jobs::metric::{Alert, Kind, Monitoring, Panel, PanelKind, Section, Severity, Spec, Unit};

use super::amount::Seconds;
use super::buckets::HTTP;
use super::endpoint::Endpoint;
use super::family::{ANY_TEXT, Sink, counter, histogram};
use super::label::{Label, StatusCode};
use super::{Recorded, event};

event! {
    /// An HTTP request was answered.
    pub struct HttpRequest<'a>("http_request") {
        /// The template of the route.
        #[serde(borrow)]
        pub endpoint: Endpoint<'a>,
        /// The status code of the answer.
        pub status_code: StatusCode,
        /// Time until the answer.
        pub duration_seconds: Seconds,
    }
}

impl Recorded for HttpRequest<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&HTTP_REQUESTS, &HTTP_REQUEST_DURATION];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        const { counter(&HTTP_REQUESTS) }.increment(sink, (&self.endpoint, &self.status_code));
        const { histogram(&HTTP_REQUEST_DURATION) }.observe(sink, (&self.endpoint,), self.duration_seconds);
    }
}

pub(super) static HTTP_REQUESTS: Spec =
    Spec::new(Kind::Counter, "playarr_http_requests_total", "requests", "HTTP requests, by route and status code.")
        .labels(&["endpoint", "status_code"])
        .values(&[ANY_TEXT, ANY_TEXT])
        .monitoring(Monitoring { panels: &[REQUESTS], ..Monitoring::NONE });

pub(super) static HTTP_REQUEST_DURATION: Spec = Spec::new(
    Kind::Histogram,
    "playarr_http_request_duration_seconds",
    "seconds",
    "Time until HTTP requests were answered.",
)
.labels(&["endpoint"])
.values(&[ANY_TEXT])
.bounds(HTTP)
.monitoring(Monitoring { panels: &[TIME_OF_REQUESTS], ..Monitoring::NONE });

event! {
    /// The API handled an error that it expects.
    pub struct ManagedError<'a>("managed_error") {
        /// The template of the route.
        #[serde(borrow)]
        pub endpoint: Endpoint<'a>,
        /// The name of the error.
        #[serde(borrow)]
        pub error_type: Label<'a>,
    }
}

impl Recorded for ManagedError<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&MANAGED_ERRORS];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        const { counter(&MANAGED_ERRORS) }.increment(sink, (&self.endpoint, &self.error_type));
    }
}

static MANAGED_ERRORS: Spec = Spec::new(
    Kind::Counter,
    "playarr_managed_errors_total",
    "errors",
    "Errors that the API handled, by route and type.",
)
.labels(&["endpoint", "error_type"])
.values(&[ANY_TEXT, ANY_TEXT])
.monitoring(Monitoring { panels: &[HANDLED_ERRORS], ..Monitoring::NONE });

event! {
    /// Somebody could not prove who they are, or may not do what they asked for.
    pub struct AuthenticationFailure<'a>("authentication_failure") {
        /// The template of the route.
        #[serde(borrow)]
        pub endpoint: Endpoint<'a>,
        /// Why the authentication failed, in a word such as `wrong_token`.
        #[serde(borrow)]
        pub reason: Label<'a>,
    }
}

impl Recorded for AuthenticationFailure<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&AUTHENTICATION_FAILURES];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        const { counter(&AUTHENTICATION_FAILURES) }.increment(sink, (&self.endpoint, &self.reason));
    }
}

static AUTHENTICATION_FAILURES: Spec = Spec::new(
    Kind::Counter,
    "playarr_authentication_failures_total",
    "failures",
    "Failed authentications, by route and reason.",
)
.labels(&["endpoint", "reason"])
.values(&[ANY_TEXT, ANY_TEXT])
.monitoring(Monitoring {
    panels: &[FAILED_AUTHENTICATIONS],
    alerts: &[AUTHENTICATION_FAILURES_SPIKE],
    ..Monitoring::NONE
});

const REQUESTS: Panel = Panel::new(
    Section::Service,
    PanelKind::Stacked,
    Unit::PerMinute,
    "HTTP requests",
    "HTTP requests per minute, by route and status code: of this service and of all processes that report theirs.",
    &[(
        "60 * sum by (endpoint, status_code) (max by (job, endpoint, status_code) (\
         rate(playarr_http_requests_total[$__rate_interval])))",
        "{{endpoint}} {{status_code}}",
    )],
);

const TIME_OF_REQUESTS: Panel = Panel::new(
    Section::Service,
    PanelKind::Lines,
    Unit::Seconds,
    "Time of HTTP requests",
    "Time within which all but a twentieth of the requests to each route were answered.",
    &[(
        "histogram_quantile(0.95, sum by (endpoint, le) (max by (job, endpoint, le) (\
         rate(playarr_http_request_duration_seconds_bucket[$__rate_interval]))))",
        "{{endpoint}} p95",
    )],
);

const HANDLED_ERRORS: Panel = Panel::new(
    Section::Service,
    PanelKind::Lines,
    Unit::PerMinute,
    "Handled errors",
    "Errors that the API handled, per minute, by route and type.",
    &[(
        "60 * sum by (endpoint, error_type) (max by (job, endpoint, error_type) (\
         rate(playarr_managed_errors_total[$__rate_interval])))",
        "{{endpoint}} {{error_type}}",
    )],
);

const FAILED_AUTHENTICATIONS: Panel = Panel::new(
    Section::Users,
    PanelKind::Lines,
    Unit::PerMinute,
    "Failed authentications",
    "Failed authentications per minute, by route and reason.",
    &[(
        "60 * sum by (endpoint, reason) (max by (job, endpoint, reason) (\
         rate(playarr_authentication_failures_total[$__rate_interval])))",
        "{{endpoint}} {{reason}}",
    )],
);

const AUTHENTICATION_FAILURES_SPIKE: Alert = Alert {
    name: "PlayarrAuthenticationFailuresSpike",
    severity: Severity::Warning,
    hold: "1m",
    expr: "sum by (job, endpoint) (max by (job, endpoint, reason) (\
           increase(playarr_authentication_failures_total{endpoint!=\"/metrics\"}[10m]))) > 30",
    summary: "Many authentications at {{ $labels.endpoint }} fail.",
    description: "{{ $value | humanize }} authentications at {{ $labels.endpoint }} failed in the last 10 minutes; \
                  somebody may be guessing passwords or keys.",
};
