//! Every route, described. Pages of the side bar describe themselves.

mod series;
mod settings;

use super::operation::ParameterKind::{Number, OneOf, Text, Texts};
use super::operation::{DescribedAnswer, Operation, Parameter, Who};

const JSON: &str = "application/json";

const TEXT_FORMAT: (&str, &str) = ("text/plain; version=0.0.4; charset=utf-8", "");
const OPENMETRICS: (&str, &str) = ("application/openmetrics-text; version=1.0.0; charset=utf-8", "");

const MATCH: Parameter = Parameter {
    name: "match[]",
    about: "A selector as in Prometheus; several add up. Without one, all series are meant.",
    kind: Texts,
};
const FROM: Parameter = Parameter {
    name: "from",
    about: "The time of the earlier snapshot, for which the closest is taken; a day before the later one if absent.",
    kind: Text,
};
const TO: Parameter =
    Parameter { name: "to", about: "The time of the later snapshot, or `now`; `now` if absent.", kind: Text };
const LIMIT: Parameter = Parameter { name: "limit", about: "The most of them; 50 if absent.", kind: Number(0, 1_000) };
const REVISION: Parameter = Parameter {
    name: "revision",
    about: "The revision that the admin has seen; another one is a 409.",
    kind: Number(1, u32::MAX),
};
/// The name of a custom metric, for those who try the routes.
const METRIC: Option<&str> = Some("playarr_custom_titles_count");

/// An operation without parameters and body, whose answer has this shape.
const fn operation(
    method: &'static str,
    path: &'static str,
    who: Who,
    about: &'static str,
    answers: &'static [DescribedAnswer],
) -> Operation {
    Operation { method, path, who, about, example: None, parameters: &[], body: None, answers }
}

/// Every route but those of pages.
pub(super) const OPERATIONS: [&[Operation]; 3] = [GENERAL, series::OPERATIONS, settings::OPERATIONS];

const GENERAL: &[Operation] = &[
    Operation {
        parameters: &[MATCH],
        ..operation(
            "get",
            "/metrics",
            Who::Scraper,
            "the exposition, see below",
            &[DescribedAnswer { status: 200, about: "The exposition.", content: &[TEXT_FORMAT, OPENMETRICS] }],
        )
    },
    operation(
        "get",
        "/-/healthy",
        Who::Anyone,
        "200 while the process runs",
        &[DescribedAnswer { status: 200, about: "It runs.", content: &[(JSON, "Health")] }],
    ),
    operation(
        "get",
        "/-/ready",
        Who::Anyone,
        "200 once the token is known and a first snapshot was taken, 503 and the reason before. `live_metrics` is \
         `kept`, `starting` (the journal is not read), `waiting` (MongoDB does not keep them now) or `in_memory` \
         (the user may only read)",
        &[DescribedAnswer { status: 200, about: "It answers scrapes.", content: &[(JSON, "Ready")] }],
    ),
    Operation {
        body: Some((&[JSON, "application/x-ndjson"], "Events")),
        ..operation(
            "post",
            "/api/metrics/events",
            Who::Reporter,
            "records [live events](events.md)",
            &[DescribedAnswer { status: 200, about: "They are kept.", content: &[(JSON, "EventsAccepted")] }],
        )
    },
    Operation {
        body: Some((&[JSON], "Forget")),
        ..operation(
            "post",
            "/api/metrics/live/forget",
            Who::Admin,
            "removes live series, in every instance: `{\"match\": \
             [\"playarr_stream_requests_total{user=\\\"bob\\\"}\"], \"dry_run\": false}`, selectors as in Prometheus. \
             Answers how many series went, or with `dry_run` would go",
            &[DescribedAnswer { status: 200, about: "They are gone.", content: &[(JSON, "Forgotten")] }],
        )
    },
    Operation {
        parameters: &[
            Parameter { name: "wait", about: "`false` to be answered at once.", kind: OneOf(&["true", "false"]) },
            Parameter {
                name: "full",
                about: "`true` to run collectors whose data did not change as well.",
                kind: OneOf(&["true", "false"]),
            },
        ],
        ..operation(
            "post",
            "/api/metrics/refresh",
            Who::Admin,
            "refreshes now, or joins the refresh under way, and answers what each collector did; `?wait=false` answers \
             202 at once. Collectors whose data \
             [did not change](freshness.md#scheduled-refreshes-and-refresh-now) are `kept`; `?full=true` runs them too",
            &[
                DescribedAnswer { status: 200, about: "It is done.", content: &[(JSON, "RefreshReport")] },
                DescribedAnswer { status: 202, about: "It goes on.", content: &[(JSON, "Health")] },
            ],
        )
    },
    operation(
        "get",
        "/api/metrics/status",
        Who::Admin,
        "the [database](#the-database), age of the snapshot, next and last run, whether \
         [changes are noticed](freshness.md), each collector, recent scrapes and how to fix those that fail; for each \
         token whether it is known, and what of it cannot be read or written",
        &[DescribedAnswer { status: 200, about: "The status.", content: &[(JSON, "Status")] }],
    ),
    Operation {
        parameters: &[FROM, TO, LIMIT],
        ..operation(
            "get",
            "/api/metrics/changes",
            Who::Admin,
            "what is [different between two snapshots](history.md#the-api), in sentences",
            &[DescribedAnswer { status: 200, about: "The differences.", content: &[(JSON, "Changes")] }],
        )
    },
    Operation {
        parameters: &[
            FROM,
            TO,
            LIMIT,
            Parameter { name: "metric", about: "The name of the metric.", kind: Text },
            Parameter { name: "group", about: "The value of its first label; all if absent.", kind: Text },
            Parameter { name: "offset", about: "How many are skipped.", kind: Number(0, u32::MAX) },
        ],
        ..operation(
            "get",
            "/api/metrics/changes/series",
            Who::Admin,
            "the series of a metric that differ, the largest change first",
            &[DescribedAnswer { status: 200, about: "The series.", content: &[(JSON, "ChangedSeries")] }],
        )
    },
    Operation {
        parameters: &[FROM, TO, Parameter { name: "format", about: "`csv` if absent.", kind: OneOf(&["csv", "json"]) }],
        ..operation(
            "get",
            "/api/metrics/changes/export",
            Who::Admin,
            "every series that differs, as a file",
            &[DescribedAnswer {
                status: 200,
                about: "The file.",
                content: &[("text/csv; charset=utf-8; header=present", ""), (JSON, "ChangesExport")],
            }],
        )
    },
    Operation {
        parameters: &[
            Parameter { name: "window", about: "The part of the past.", kind: OneOf(&["hour", "life"]) },
            Parameter { name: "accounts", about: "`all` for every account.", kind: OneOf(&["all"]) },
        ],
        ..operation(
            "get",
            "/api/metrics/overview",
            Who::Admin,
            "the data of the overview page; `?window=life` for the history since the start instead of the last hour, \
             `?accounts=all` for every account instead of the ten most urgent. `changes` is what the tiles changed by \
             since yesterday, or null",
            &[DescribedAnswer { status: 200, about: "The data of the page.", content: &[(JSON, "Overview")] }],
        )
    },
    operation(
        "get",
        "/api/metrics/summary",
        Who::AdminOrSummary,
        "a few sums for start pages such as Homepage and Homarr: titles, channels, providers, connections, users. 503 \
         before the first refresh",
        &[DescribedAnswer { status: 200, about: "The sums.", content: &[(JSON, "Summary")] }],
    ),
    Operation {
        parameters: &[Parameter {
            name: "format",
            about: "`yaml` for a file as `CUSTOM_METRICS_FILE` takes it; `json` if absent.",
            kind: OneOf(&["json", "yaml"]),
        }],
        ..operation(
            "get",
            "/api/metrics/custom",
            Who::Admin,
            "the [custom metrics](custom-metrics.md) and how each is",
            &[DescribedAnswer {
                status: 200,
                about: "All of them.",
                content: &[(JSON, "CustomMetrics"), ("application/yaml", "CustomMetricsFile")],
            }],
        )
    },
    Operation {
        body: Some((&[JSON], "CustomMetric")),
        ..operation(
            "post",
            "/api/metrics/custom/preview",
            Who::Admin,
            "what a custom metric would show and cost",
            &[DescribedAnswer { status: 200, about: "It can be used.", content: &[(JSON, "CustomPreview")] }],
        )
    },
    Operation {
        example: METRIC,
        ..operation(
            "get",
            "/api/metrics/custom/:name",
            Who::Admin,
            "one custom metric with its history",
            &[DescribedAnswer { status: 200, about: "It.", content: &[(JSON, "CustomMetric")] }],
        )
    },
    Operation {
        example: METRIC,
        parameters: &[REVISION],
        body: Some((&[JSON], "CustomMetric")),
        ..operation(
            "put",
            "/api/metrics/custom/:name",
            Who::Admin,
            "saves a custom metric, 201 if it is new",
            &[
                DescribedAnswer { status: 200, about: "It is saved.", content: &[(JSON, "CustomMetric")] },
                DescribedAnswer { status: 201, about: "It is saved, and new.", content: &[(JSON, "CustomMetric")] },
            ],
        )
    },
    Operation {
        example: METRIC,
        parameters: &[REVISION],
        ..operation(
            "delete",
            "/api/metrics/custom/:name",
            Who::Admin,
            "deletes a custom metric; this can be undone",
            &[DescribedAnswer { status: 204, about: "It is gone.", content: &[] }],
        )
    },
    Operation {
        example: METRIC,
        ..operation(
            "post",
            "/api/metrics/custom/:name/undo",
            Who::Admin,
            "brings the revision before the present one back",
            &[DescribedAnswer { status: 200, about: "It is back.", content: &[(JSON, "CustomMetric")] }],
        )
    },
    Operation {
        example: METRIC,
        ..operation(
            "post",
            "/api/metrics/custom/:name/retry",
            Who::Admin,
            "runs a custom metric now, paused or not",
            &[DescribedAnswer { status: 200, about: "It ran.", content: &[(JSON, "CustomMetric")] }],
        )
    },
    Operation {
        body: Some((&[JSON], "Login")),
        ..operation(
            "post",
            "/api/auth/login",
            Who::Anyone,
            "`{\"username\": ..., \"password\": ...}` for the cookie `access_token`",
            &[DescribedAnswer { status: 200, about: "Signed in.", content: &[(JSON, "SignedIn")] }],
        )
    },
    operation(
        "post",
        "/api/auth/logout",
        Who::Anyone,
        "clears the cookie",
        &[DescribedAnswer { status: 200, about: "Signed out.", content: &[(JSON, "SignedOut")] }],
    ),
    operation(
        "get",
        "/api/auth/verify",
        Who::User,
        "the user of the session",
        &[DescribedAnswer { status: 200, about: "The user.", content: &[(JSON, "Verified")] }],
    ),
    operation(
        "get",
        "/api/ws",
        Who::Admin,
        "a [WebSocket](#the-websocket) with the progress of refreshes, new statuses, scrapes and the state of the \
         database",
        &[DescribedAnswer { status: 101, about: "A WebSocket.", content: &[] }],
    ),
    operation(
        "get",
        "/api/openapi.json",
        Who::Anyone,
        "every route for programs, by OpenAPI 3.1",
        &[DescribedAnswer { status: 200, about: "The description.", content: &[(JSON, "OpenApi")] }],
    ),
    Operation {
        example: Some("base.css"),
        ..operation(
            "get",
            "/assets/:name",
            Who::Anyone,
            "scripts, styles and the icon of the pages",
            &[
                DescribedAnswer { status: 200, about: "The file.", content: &[("*/*", "")] },
                DescribedAnswer { status: 304, about: "The client has it.", content: &[] },
            ],
        )
    },
    Operation {
        parameters: &[Parameter { name: "next", about: "The path to go to then.", kind: Text }],
        ..operation(
            "get",
            "/login",
            Who::Anyone,
            "the page to sign in",
            &[
                DescribedAnswer { status: 200, about: "The page.", content: &[("text/html", "")] },
                DescribedAnswer { status: 303, about: "Signed in already.", content: &[] },
            ],
        )
    },
    operation(
        "get",
        "/",
        Who::Anyone,
        "redirects to the first page",
        &[DescribedAnswer { status: 303, about: "To the page.", content: &[] }],
    ),
];
