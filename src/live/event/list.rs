//! The events, their families, and what an operator makes of these. See [`super`] for how an entry reads.

use std::time::Duration;

use playarr_jobs::metric::{
    Alert, Kind, Level, Monitoring, Panel, PanelKind, Recording, Section, Severity, Unit,
};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{EventSpec, FamilySpec, FieldSpec, HTTP, JOB, LabelSpec, PLAYBACK, PROVIDER_API, SYNC};
use crate::ingest::{EventError, Field, Fields};
use crate::live::event::label::{
    AdminOperation, CacheOperation, Key, Label, LabelValue, MediaType, ProviderErrorType, Status, StatusCode,
    TitlesKind, WatchlistOperation,
};
use crate::live::recorder::Sink;

/// The part of a provider's synchronisations that failed within a time.
macro_rules! sync_failures {
    ($window:literal) => {
        Recording {
            name: concat!("provider:playarr_provider_sync_total:failure_ratio", $window),
            expr: concat!(
                "sum by (job, provider_id) (rate(playarr_provider_sync_total{status=\"failure\"}[",
                $window,
                "]))\n",
                "/ (sum by (job, provider_id) (rate(playarr_provider_sync_total[",
                $window,
                "])) > 0)"
            ),
        }
    };
}

/// The part of the requests to a provider's API that failed within a time. An answer of 5xx may have been reported as
/// an error as well, so only the other answers count as successes.
macro_rules! api_errors {
    ($window:literal) => {
        Recording {
            name: concat!("provider:playarr_provider_api_errors_total:ratio", $window),
            expr: concat!(
                "sum by (job, provider_id) (rate(playarr_provider_api_errors_total[", $window, "]))\n",
                "/ (sum by (job, provider_id) (rate(playarr_provider_api_errors_total[", $window, "]))\n",
                "   + (sum by (job, provider_id) (rate(playarr_provider_api_requests_total{status_code!~\"5..\"}[",
                $window, "]))\n",
                "      or 0 * sum by (job, provider_id) (rate(playarr_provider_api_errors_total[", $window, "]))) > 0)"
            ),
        }
    };
}

events! {
    /// A stream was requested.
    StreamRequest "stream_request" {
        /// The name of the user.
        user: Label<'a>,
        /// What was to be played.
        media_type: MediaType,
        /// Until the answer.
        duration as "duration_seconds": Duration,
    }
    => count StreamRequests "playarr_stream_requests_total" [user: Label], "requests", "Stream requests, \
                                                                                        by user.",
        Monitoring {
            panels: &[
                Panel::new(
                    Section::Overview,
                    PanelKind::Stat,
                    Unit::PerMinute,
                    "Streams",
                    "Stream requests per minute.",
                    &[(r#"60 * sum(rate(playarr_stream_requests_total{user=~"$user"}[$__rate_interval]))"#, "streams")],
                ),
                Panel::new(
                    Section::Streams,
                    PanelKind::Stacked,
                    Unit::PerMinute,
                    "Stream requests",
                    "Stream requests per minute, by user.",
                    &[(r#"60 * sum by (user) (rate(playarr_stream_requests_total{user=~"$user"}[$__rate_interval]))"#, "{{user}}")],
                ),
                Panel::new(
                    Section::Users,
                    PanelKind::Bars,
                    Unit::Count,
                    "Most streams",
                    "The 15 users with the most stream requests in the time shown.",
                    &[(r#"topk(15, sum by (user) (increase(playarr_stream_requests_total{user=~"$user"}[$__range])))"#, "{{user}}")],
                ),
            ],
            ..Monitoring::NONE
        };
    => observe StreamRequestDuration "playarr_stream_request_duration_seconds" [media_type: MediaType] of duration in PLAYBACK,
        "seconds", "How long stream requests took to be answered.",
        Monitoring {
            panels: &[Panel::new(
                Section::Streams,
                PanelKind::Lines,
                Unit::Seconds,
                "Time to a stream",
                "How long stream requests took to be answered: half of them less than p50, all but a \
                 twentieth less than p95.",
                &[
                    (
                        r#"histogram_quantile(0.5, sum by (media_type, le) (rate(playarr_stream_request_duration_seconds_bucket{media_type=~"$media_type"}[$__rate_interval])))"#,
                        "{{media_type}} p50",
                    ),
                    (
                        r#"histogram_quantile(0.95, sum by (media_type, le) (rate(playarr_stream_request_duration_seconds_bucket{media_type=~"$media_type"}[$__rate_interval])))"#,
                        "{{media_type}} p95",
                    ),
                ],
            )
            .levels(&[(0.0, Level::Good), (5.0, Level::Bad)])],
            recordings: &[Recording {
                name: "media_type:playarr_stream_request_duration_seconds:p95_30m",
                expr: "histogram_quantile(0.95, sum by (job, media_type, le) (rate(playarr_stream_request_duration_seconds_bucket[30m])))\n\
                       and on (job, media_type) sum by (job, media_type) (increase(playarr_stream_request_duration_seconds_count[30m])) >= 5",
            }],
            alerts: &[Alert {
                name: "PlayarrStreamsSlow",
                severity: Severity::Warning,
                hold: "10m",
                expr: "media_type:playarr_stream_request_duration_seconds:p95_30m > 5",
                summary: "Streams of {{ $labels.media_type }} start slowly.",
                description: "Of the stream requests for {{ $labels.media_type }} in the last 30 minutes, \
                              one in twenty took longer than {{ $value | humanizeDuration }}.",
            }],
        };

    /// The best source of a title was selected.
    BestSourceSelected "best_source_selected" {
        /// Whose source it is.
        provider_id: Label<'a>,
        /// What is to be played.
        media_type: MediaType,
        /// From the question to the choice.
        duration as "duration_seconds": Duration,
    }
    => count BestSourceSelections "playarr_best_source_selections_total" [provider_id: Label],
        "selections", "How often a provider's source was selected as the best.",
        Monitoring {
            panels: &[Panel::new(
                Section::Streams,
                PanelKind::Stacked,
                Unit::PerMinute,
                "Selected sources",
                "How often per minute a source of each provider was selected as the best.",
                &[(
                    r#"60 * sum by (provider_id) (rate(playarr_best_source_selections_total{provider_id=~"$provider"}[$__rate_interval]))"#,
                    "{{provider_id}}",
                )],
            )],
            ..Monitoring::NONE
        };
    => observe BestSourceSelectionDuration "playarr_best_source_selection_duration_seconds" [media_type: MediaType] of duration in PLAYBACK,
        "seconds", "How long it took to find a valid source.",
        Monitoring {
            panels: &[Panel::new(
                Section::Streams,
                PanelKind::Lines,
                Unit::Seconds,
                "Time to a source",
                "How long it took to find a valid source.",
                &[
                    (
                        r#"histogram_quantile(0.5, sum by (media_type, le) (rate(playarr_best_source_selection_duration_seconds_bucket{media_type=~"$media_type"}[$__rate_interval])))"#,
                        "{{media_type}} p50",
                    ),
                    (
                        r#"histogram_quantile(0.95, sum by (media_type, le) (rate(playarr_best_source_selection_duration_seconds_bucket{media_type=~"$media_type"}[$__rate_interval])))"#,
                        "{{media_type}} p95",
                    ),
                ],
            )],
            ..Monitoring::NONE
        };

    /// The cache of best sources was asked.
    CacheOperation "cache_operation" {
        /// Whether it had an answer.
        operation: CacheOperation,
    }
    => count CacheOperations "playarr_cache_operations_total" [operation: CacheOperation],
        "look-ups", "Look-ups in the cache of best sources.",
        Monitoring {
            panels: &[
                Panel::new(
                    Section::Overview,
                    PanelKind::Stat,
                    Unit::Ratio,
                    "Cache hits",
                    "The part of look-ups in the cache of best sources that had an answer, over the time \
                     shown.",
                    &[(r#"sum(increase(playarr_cache_operations_total{operation="hit"}[$__range]))
/ sum(increase(playarr_cache_operations_total[$__range]))"#, "hits")],
                )
                .levels(&[(0.0, Level::Bad), (0.5, Level::Warn), (0.7, Level::Good)]),
                Panel::new(
                    Section::Streams,
                    PanelKind::Stacked,
                    Unit::PerMinute,
                    "Cache of best sources",
                    "Look-ups per minute that had an answer (hit) and that had none (miss).",
                    &[(
                        "60 * sum by (operation) (rate(playarr_cache_operations_total[$__rate_interval]))",
                        "{{operation}}",
                    )],
                ),
            ],
            recordings: &[Recording {
                name: "job:playarr_cache_operations_total:hit_ratio30m",
                expr: r#"sum by (job) (rate(playarr_cache_operations_total{operation="hit"}[30m]))
/ (sum by (job) (rate(playarr_cache_operations_total[30m])) > 0)
and on (job) sum by (job) (increase(playarr_cache_operations_total[30m])) >= 20"#,
            }],
            alerts: &[Alert {
                name: "PlayarrCacheHitRatioLow",
                severity: Severity::Warning,
                hold: "30m",
                expr: "job:playarr_cache_operations_total:hit_ratio30m < 0.5",
                summary: "The cache of best sources rarely has an answer.",
                description: "Only {{ $value | humanizePercentage }} of the look-ups in the cache of best \
                              sources were hits; streams start more slowly and providers are asked more \
                              often.",
            }],
        };

    /// A provider was synchronised.
    ProviderSync "provider_sync" {
        /// Which one.
        provider_id: Label<'a>,
        /// How it ended.
        status: Status,
        /// From start to end.
        duration as "duration_seconds": Duration,
    }
    => count ProviderSyncs "playarr_provider_sync_total" [provider_id: Label, status: Status],
        "synchronisations", "Synchronisations of providers, by how they ended.",
        Monitoring {
            panels: &[Panel::new(
                Section::Providers,
                PanelKind::Bars,
                Unit::Ratio,
                "Failed synchronisations",
                "The part of each provider's synchronisations that failed in the time shown.",
                &[(
                    r#"sum by (provider_id) (increase(playarr_provider_sync_total{provider_id=~"$provider", status="failure"}[$__range]))
/ sum by (provider_id) (increase(playarr_provider_sync_total{provider_id=~"$provider"}[$__range]))"#,
                    "{{provider_id}}",
                )],
            )
            .levels(&[(0.0, Level::Good), (0.1, Level::Warn), (0.3, Level::Bad)])],
            recordings: &[sync_failures!("3h"), sync_failures!("12h"), sync_failures!("3d")],
            alerts: &[
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
            ],
        };
    => observe ProviderSyncDuration "playarr_provider_sync_duration_seconds" [provider_id: Label] of duration in SYNC,
        "seconds", "How long synchronisations of providers took.",
        Monitoring {
            panels: &[Panel::new(
                Section::Providers,
                PanelKind::Lines,
                Unit::Seconds,
                "Time of a synchronisation",
                "The mean of the synchronisations that ended within each step.",
                &[(
                    r#"sum by (provider_id) (rate(playarr_provider_sync_duration_seconds_sum{provider_id=~"$provider"}[$__rate_interval]))
/ sum by (provider_id) (rate(playarr_provider_sync_duration_seconds_count{provider_id=~"$provider"}[$__rate_interval]))"#,
                    "{{provider_id}}",
                )],
            )],
            ..Monitoring::NONE
        };

    /// A provider's API failed.
    ProviderApiError "provider_api_error" {
        /// Whose.
        provider_id: Label<'a>,
        /// How.
        error_type: ProviderErrorType,
    }
    => count ProviderApiErrors "playarr_provider_api_errors_total" [provider_id: Label, error_type: ProviderErrorType],
        "errors", "Errors of providers' APIs.",
        Monitoring {
            panels: &[Panel::new(
                Section::Providers,
                PanelKind::Stacked,
                Unit::PerMinute,
                "API errors",
                "Errors of providers' APIs per minute, by kind.",
                &[(
                    r#"60 * sum by (provider_id, error_type) (rate(playarr_provider_api_errors_total{provider_id=~"$provider"}[$__rate_interval]))"#,
                    "{{provider_id}} {{error_type}}",
                )],
            )],
            recordings: &[
                api_errors!("5m"),
                api_errors!("30m"),
                api_errors!("1h"),
                api_errors!("6h"),
            ],
            alerts: &[
                Alert {
                    name: "PlayarrProviderApiErrorFastBurn",
                    severity: Severity::Critical,
                    hold: "2m",
                    expr: "provider:playarr_provider_api_errors_total:ratio1h > 14.4 * 0.05\n\
                           and provider:playarr_provider_api_errors_total:ratio5m > 14.4 * 0.05\n\
                           and on (job, provider_id) sum by (job, provider_id) (increase(playarr_provider_api_errors_total[1h])) >= 5",
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
                           and on (job, provider_id) sum by (job, provider_id) (increase(playarr_provider_api_errors_total[6h])) >= 5",
                    summary: "The API of provider {{ $labels.provider_id }} fails too often.",
                    description: "{{ $value | humanizePercentage }} of the requests to the API of \
                                  provider {{ $labels.provider_id }} in the last 6 hours failed, and it \
                                  goes on: six times as many as the 5% that are to be expected.",
                },
            ],
        };

    /// A provider's API was asked and answered.
    ProviderApiRequest "provider_api_request" {
        /// Whose.
        provider_id: Label<'a>,
        /// What was asked for: the name of an action, never an address.
        endpoint: Label<'a>,
        /// What it answered.
        status_code: StatusCode,
        /// Until the answer.
        duration as "duration_seconds": Duration,
    }
    => count ProviderApiRequests "playarr_provider_api_requests_total" [provider_id: Label, endpoint: Label, status_code: StatusCode],
        "requests", "Requests to providers' APIs, by what they answered.",
        Monitoring {
            panels: &[Panel::new(
                Section::Providers,
                PanelKind::Stacked,
                Unit::PerMinute,
                "API requests",
                "Requests to providers' APIs per minute, by what they answered.",
                &[(
                    r#"60 * sum by (provider_id, status_code) (rate(playarr_provider_api_requests_total{provider_id=~"$provider"}[$__rate_interval]))"#,
                    "{{provider_id}} {{status_code}}",
                )],
            )],
            ..Monitoring::NONE
        };
    => observe ProviderApiRequestDuration "playarr_provider_api_request_duration_seconds" [provider_id: Label, endpoint: Label] of duration in PROVIDER_API,
        "seconds", "How long providers' APIs took to answer.",
        Monitoring {
            panels: &[Panel::new(
                Section::Providers,
                PanelKind::Lines,
                Unit::Seconds,
                "Time of API requests",
                "How long all but a twentieth of the requests to each provider's API took at most.",
                &[(
                    r#"histogram_quantile(0.95, sum by (provider_id, le) (rate(playarr_provider_api_request_duration_seconds_bucket{provider_id=~"$provider"}[$__rate_interval])))"#,
                    "{{provider_id}} p95",
                )],
            )],
            ..Monitoring::NONE
        };

    /// A job ran.
    JobExecution "job_execution" {
        /// Which one.
        job_type: Label<'a>,
        /// How it ended.
        status: Status,
        /// From start to end.
        duration as "duration_seconds": Duration,
    }
    => count JobExecutions "playarr_job_executions_total" [job_type: Label, status: Status],
        "runs", "Runs of jobs, by how they ended.",
        Monitoring {
            panels: &[
                Panel::new(
                    Section::Overview,
                    PanelKind::Stat,
                    Unit::Count,
                    "Failed jobs",
                    "Runs of jobs that failed in the time shown.",
                    &[(r#"sum(increase(playarr_job_executions_total{status="failure"}[$__range]))"#, "failed")],
                )
                .levels(&[(0.0, Level::Good), (0.5, Level::Warn)]),
                Panel::new(
                    Section::Jobs,
                    PanelKind::Table(&[Unit::Count, Unit::Count, Unit::Seconds]),
                    Unit::Count,
                    "Jobs",
                    "Runs of each job in the time shown, and how long they took on average.",
                    &[
                        ("sum by (job_type) (increase(playarr_job_executions_total[$__range]))", "Runs"),
                        (r#"sum by (job_type) (increase(playarr_job_executions_total{status="failure"}[$__range]))"#, "Failed"),
                        (
                            "sum by (job_type) (increase(playarr_job_duration_seconds_sum[$__range]))\n\
                             / sum by (job_type) (increase(playarr_job_duration_seconds_count[$__range]))",
                            "Mean time",
                        ),
                    ],
                ),
                Panel::new(
                    Section::Jobs,
                    PanelKind::Stacked,
                    Unit::PerMinute,
                    "Runs of jobs",
                    "Runs per minute, by job and how they ended.",
                    &[(
                        "60 * sum by (job_type, status) (rate(playarr_job_executions_total[$__rate_interval]))",
                        "{{job_type}} {{status}}",
                    )],
                ),
            ],
            alerts: &[Alert {
                name: "PlayarrJobFailing",
                severity: Severity::Warning,
                hold: "5m",
                expr: r#"sum by (job, job_type) (increase(playarr_job_executions_total{status="failure"}[3h]))
/ (sum by (job, job_type) (increase(playarr_job_executions_total[3h])) > 0)
> 0.5"#,
                summary: "Job {{ $labels.job_type }} fails.",
                description: "{{ $value | humanizePercentage }} of the runs of {{ $labels.job_type }} in \
                              the last 3 hours failed.",
            }],
            ..Monitoring::NONE
        };
    => observe JobDuration "playarr_job_duration_seconds" [job_type: Label] of duration in JOB,
        "seconds", "How long runs of jobs took.",
        Monitoring {
            panels: &[Panel::new(
                Section::Jobs,
                PanelKind::Lines,
                Unit::Seconds,
                "Time of a run",
                "How long all but a twentieth of the runs of each job took at most.",
                &[(
                    "histogram_quantile(0.95, sum by (job_type, le) (rate(playarr_job_duration_seconds_bucket[$__rate_interval])))",
                    "{{job_type}} p95",
                )],
            )],
            ..Monitoring::NONE
        };

    /// A process tells how many WebSocket connections it has; the number counts until the next, at most five minutes.
    WebsocketConnections "websocket_connections" {
        /// The process.
        reporter: Label<'a>,
        /// How many there are now.
        count: u64,
    }
    => report WebsocketConnections "playarr_websocket_connections" [] of count by reporter,
        "connections", "Open WebSocket connections, of this service and of all that report theirs.",
        Monitoring {
            panels: &[Panel::new(
                Section::Users,
                PanelKind::Lines,
                Unit::Count,
                "WebSocket connections",
                "Open connections, of this service and of all processes that report theirs.",
                &[("sum(playarr_websocket_connections)", "connections")],
            )],
            ..Monitoring::NONE
        };

    /// Titles were processed.
    TitlesProcessed "titles_processed" {
        /// Whose.
        kind: TitlesKind,
        /// The provider they come from.
        provider_id: Label<'a>,
        /// What they are.
        media_type: MediaType,
        /// How many.
        count: u64,
    }
    => count ProviderTitlesProcessed "playarr_provider_titles_processed_total" [provider_id: Label, media_type: MediaType] of count
        when *kind == TitlesKind::Provider, "titles", "Titles of providers that were processed.",
        Monitoring {
            panels: &[Panel::new(
                Section::Jobs,
                PanelKind::Stacked,
                Unit::PerMinute,
                "Provider titles processed",
                "Titles of providers that jobs worked on, per minute.",
                &[(
                    r#"60 * sum by (provider_id, media_type) (rate(playarr_provider_titles_processed_total{provider_id=~"$provider", media_type=~"$media_type"}[$__rate_interval]))"#,
                    "{{provider_id}} {{media_type}}",
                )],
            )],
            ..Monitoring::NONE
        };
    => count MainTitlesProcessed "playarr_main_titles_processed_total" [provider_id: Label, media_type: MediaType] of count
        when *kind == TitlesKind::Main, "titles", "Titles of the merged library that were processed, by \
                                                   the provider they come from.",
        Monitoring {
            panels: &[Panel::new(
                Section::Jobs,
                PanelKind::Stacked,
                Unit::PerMinute,
                "Main titles processed",
                "Titles of the merged library that jobs worked on, per minute, by the provider they come \
                 from.",
                &[(
                    r#"60 * sum by (provider_id, media_type) (rate(playarr_main_titles_processed_total{provider_id=~"$provider", media_type=~"$media_type"}[$__rate_interval]))"#,
                    "{{provider_id}} {{media_type}}",
                )],
            )],
            ..Monitoring::NONE
        };

    /// Categories of a provider were synchronised.
    CategoriesSynced "categories_synced" {
        /// Which provider.
        provider_id: Label<'a>,
        /// What they hold.
        media_type: MediaType,
        /// How many.
        count: u64,
    }
    => count CategoriesSynced "playarr_provider_categories_synced_total" [provider_id: Label, media_type: MediaType] of count,
        "categories", "Categories of providers that were synchronised.",
        Monitoring {
            panels: &[Panel::new(
                Section::Jobs,
                PanelKind::Stacked,
                Unit::PerMinute,
                "Categories synchronised",
                "Categories of providers that were synchronised, per minute.",
                &[(
                    r#"60 * sum by (provider_id, media_type) (rate(playarr_provider_categories_synced_total{provider_id=~"$provider", media_type=~"$media_type"}[$__rate_interval]))"#,
                    "{{provider_id}} {{media_type}}",
                )],
            )],
            ..Monitoring::NONE
        };

    /// A watchlist was changed.
    WatchlistOperation "watchlist_operation" {
        /// In which way.
        operation: WatchlistOperation,
        /// What was put on it or taken off.
        media_type: MediaType,
        /// Whose it is.
        username: Label<'a>,
    }
    => count WatchlistOperations "playarr_watchlist_operations_total" [operation: WatchlistOperation, media_type: MediaType, username: Label],
        "changes", "Changes of watchlists.",
        Monitoring {
            panels: &[Panel::new(
                Section::Users,
                PanelKind::Stacked,
                Unit::PerMinute,
                "Changes of watchlists",
                "What is put on watchlists and taken off them, per minute.",
                &[(
                    r#"60 * sum by (operation, media_type) (rate(playarr_watchlist_operations_total{username=~"$user", media_type=~"$media_type"}[$__rate_interval]))"#,
                    "{{operation}} {{media_type}}",
                )],
            )],
            ..Monitoring::NONE
        };

    /// A provider was created, changed or deleted.
    ProviderOperation "provider_operation" {
        /// Which of these.
        operation: AdminOperation,
        /// Who did it.
        username: Label<'a>,
    }
    => count ProviderOperations "playarr_provider_operations_total" [operation: AdminOperation, username: Label],
        "changes", "Changes of providers, by who made them.";

    /// A user was created, changed or deleted.
    UserOperation "user_operation" {
        /// Which of these.
        operation: AdminOperation,
        /// Who did it.
        username: Label<'a>,
    }
    => count UserOperations "playarr_user_operations_total" [operation: AdminOperation, username: Label],
        "changes", "Changes of users, by who made them.",
        Monitoring {
            panels: &[Panel::new(
                Section::Users,
                PanelKind::Table(&[Unit::Count, Unit::Count]),
                Unit::Count,
                "Administration",
                "Who changed users and providers in the time shown, and how often.",
                &[
                    (r#"sum by (username, operation) (increase(playarr_user_operations_total{username=~"$user"}[$__range]))"#, "Users"),
                    (r#"sum by (username, operation) (increase(playarr_provider_operations_total{username=~"$user"}[$__range]))"#, "Providers"),
                ],
            )],
            ..Monitoring::NONE
        };

    /// An HTTP request was answered.
    HttpRequest "http_request" {
        /// The template of the route, never a path as it was asked for.
        endpoint: Label<'a>,
        /// The answer's.
        status_code: StatusCode,
        /// Until the answer.
        duration as "duration_seconds": Duration,
    }
    => count HttpRequests "playarr_http_requests_total" [endpoint: Label, status_code: StatusCode],
        "requests", "HTTP requests, by route and what was answered.",
        Monitoring {
            panels: &[Panel::new(
                Section::Service,
                PanelKind::Stacked,
                Unit::PerMinute,
                "HTTP requests",
                "HTTP requests per minute, by route and answer: of this service and of all processes that \
                 report theirs.",
                &[(
                    "60 * sum by (endpoint, status_code) (rate(playarr_http_requests_total[$__rate_interval]))",
                    "{{endpoint}} {{status_code}}",
                )],
            )],
            ..Monitoring::NONE
        };
    => observe HttpRequestDuration "playarr_http_request_duration_seconds" [endpoint: Label] of duration in HTTP,
        "seconds", "How long HTTP requests took to be answered.",
        Monitoring {
            panels: &[Panel::new(
                Section::Service,
                PanelKind::Lines,
                Unit::Seconds,
                "Time of HTTP requests",
                "How long all but a twentieth of the requests of each route took at most.",
                &[(
                    "histogram_quantile(0.95, sum by (endpoint, le) (rate(playarr_http_request_duration_seconds_bucket[$__rate_interval])))",
                    "{{endpoint}} p95",
                )],
            )],
            ..Monitoring::NONE
        };

    /// An error was handled where the API expects it.
    ManagedError "managed_error" {
        /// The template of the route.
        endpoint: Label<'a>,
        /// The name of the error.
        error_type: Label<'a>,
    }
    => count ManagedErrors "playarr_managed_errors_total" [endpoint: Label, error_type: Label],
        "errors", "Errors that the API handled, by route and kind.",
        Monitoring {
            panels: &[Panel::new(
                Section::Service,
                PanelKind::Lines,
                Unit::PerMinute,
                "Handled errors",
                "Errors that the API handled, per minute, by route and kind.",
                &[(
                    "60 * sum by (endpoint, error_type) (rate(playarr_managed_errors_total[$__rate_interval]))",
                    "{{endpoint}} {{error_type}}",
                )],
            )],
            ..Monitoring::NONE
        };

    /// Somebody could not prove who they are, or may not do what they asked for.
    AuthenticationFailure "authentication_failure" {
        /// The template of the route.
        endpoint: Label<'a>,
        /// Why not.
        reason: Label<'a>,
    }
    => count AuthenticationFailures "playarr_authentication_failures_total" [endpoint: Label, reason: Label],
        "failures", "Failed authentications, by route and reason.",
        Monitoring {
            panels: &[Panel::new(
                Section::Users,
                PanelKind::Lines,
                Unit::PerMinute,
                "Failed authentications",
                "Failed authentications per minute, by route and reason.",
                &[(
                    "60 * sum by (endpoint, reason) (rate(playarr_authentication_failures_total[$__rate_interval]))",
                    "{{endpoint}} {{reason}}",
                )],
            )],
            alerts: &[Alert {
                name: "PlayarrAuthenticationFailuresSpike",
                severity: Severity::Warning,
                hold: "1m",
                expr: r#"sum by (job, endpoint) (increase(playarr_authentication_failures_total{endpoint!="/metrics"}[10m])) > 30"#,
                summary: "Many authentications at {{ $labels.endpoint }} fail.",
                description: "{{ $value | humanize }} authentications at {{ $labels.endpoint }} failed in \
                              the last 10 minutes; somebody may be guessing passwords or keys.",
            }],
            ..Monitoring::NONE
        };
}
