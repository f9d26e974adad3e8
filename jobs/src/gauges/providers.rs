//! IPTV providers: who they are, and the accounts that Playarr has with them.
//!
//! A provider that Playarr has deleted (its document stays, with `deleted: true`) has no series here.

use mongodb::bson::{Bson, Document, doc};

use crate::collect::{Definition, Merge, is_object};
use crate::metric::{Alert, Level, Monitoring, Panel, PanelKind, Recording, Section, Severity, Unit};

pub(super) fn definitions() -> Vec<Definition> {
    vec![
        Definition::new(
            "playarr_provider_info",
            "always 1",
            "Name and type of each provider; always 1. Join it on provider_id to show names instead of ids.",
        )
        .labels(["provider_id", "provider_name", "provider_type"])
        .merging(Merge::Max)
        .monitoring(Monitoring { recordings: &[RECORDED_NAMES], ..Monitoring::NONE })
        .rows(
            "iptv_providers",
            [
                not_deleted(),
                doc! { "$project": {
                    "_id": 0,
                    "provider_id": "$id",
                    "provider_name": "$name",
                    "provider_type": "$type",
                    "value": { "$literal": 1 },
                } },
            ],
        ),
        Definition::new(
            "playarr_provider_enabled",
            "1 or 0",
            "Whether a provider is enabled in Playarr (1) or disabled (0).",
        )
        .labels(["provider_id"])
        .merging(Merge::Max)
        .monitoring(ENABLED)
        .rows(
            "iptv_providers",
            [
                not_deleted(),
                doc! { "$project": {
                    "_id": 0,
                    "provider_id": "$id",
                    "value": { "$cond": [{ "$eq": ["$enabled", false] }, 0, 1] },
                } },
            ],
        ),
        detail(
            "playarr_provider_active_connections",
            "connections",
            "Connections to a provider that are in use.",
            "$provider_details.active_connections".into(),
        )
        .monitoring(ACTIVE_CONNECTIONS),
        detail(
            "playarr_provider_max_connections",
            "connections",
            "Connections that a provider allows.",
            "$provider_details.max_connections".into(),
        ),
        detail(
            "playarr_provider_active",
            "1 or 0",
            "Whether the account at a provider is active (1) or not (0).",
            // Whatever is not true counts as not active, so that an outage shows.
            doc! { "$cond": [{ "$eq": ["$provider_details.active", true] }, 1, 0] }.into(),
        )
        .merging(Merge::Max)
        .monitoring(ACTIVE),
        detail(
            "playarr_provider_expiration_timestamp_seconds",
            "seconds since the Unix epoch",
            "When the account at a provider expires, in seconds since the Unix epoch.",
            "$provider_details.expiration_date".into(),
        )
        .merging(Merge::Min)
        .monitoring(EXPIRATION),
    ]
}

/// A gauge of a field of `provider_details`. Where that is no object, or the field no number, there is no series.
fn detail(name: &'static str, unit: &'static str, help: &'static str, value: Bson) -> Definition {
    Definition::new(name, unit, help).labels(["provider_id"]).rows(
        "iptv_providers",
        [
            not_deleted(),
            doc! { "$match": { "$expr": is_object("provider_details") } },
            doc! { "$project": { "_id": 0, "provider_id": "$id", "value": value } },
        ],
    )
}

/// A stage that leaves out the providers whose `deleted` is exactly true.
pub(super) fn not_deleted() -> Document {
    doc! { "$match": { "$expr": { "$ne": ["$deleted", true] } } }
}

/// The names to show for providers by `provider_id`, for panels: their queries drop the label `job`.
///
/// The query has a series of value 1 for each provider, with the text to show in the label `provider`: the name, with
/// the id where several providers have that name, or the id alone where the name is unknown. `topk` leaves one name for
/// an id: of several instances, those that refreshed before a renaming still show the old one.
pub const PROVIDER_NAMES: &str = r#"label_replace(label_join(
  topk by (provider_id) (1, max by (provider_id, provider_name) (playarr_provider_info{provider_name!="unknown"}))
  and on (provider_name)
  count by (provider_name) (max by (provider_id, provider_name) (playarr_provider_info{provider_name!="unknown"})) > 1,
"provider", " (", "provider_name", "provider_id"), "provider", "$1)", "provider", "(.*)")
or on (provider_id) label_replace(
  topk by (provider_id) (1, max by (provider_id, provider_name) (playarr_provider_info{provider_name!="unknown"})),
"provider", "$1", "provider_name", "(.*)")
or on (provider_id) label_replace(
  max by (provider_id, provider_name) (playarr_provider_info{provider_name="unknown"}),
"provider", "$1", "provider_id", "(.*)")"#;

/// The recorded names to show for providers by `job` and `provider_id`, for the texts of alerts.
pub const RECORDED_PROVIDER_NAMES: &str = "provider:playarr_provider_info:name";

const RECORDED_NAMES: Recording = Recording {
    name: RECORDED_PROVIDER_NAMES,
    expr: r#"label_replace(label_join(
  topk by (job, provider_id) (1,
    max by (job, provider_id, provider_name) (playarr_provider_info{provider_name!="unknown"}))
  and on (job, provider_name)
  count by (job, provider_name) (
    max by (job, provider_id, provider_name) (playarr_provider_info{provider_name!="unknown"})) > 1,
"provider", " (", "provider_name", "provider_id"), "provider", "$1)", "provider", "(.*)")
or on (job, provider_id) label_replace(
  topk by (job, provider_id) (1,
    max by (job, provider_id, provider_name) (playarr_provider_info{provider_name!="unknown"})),
"provider", "$1", "provider_name", "(.*)")
or on (job, provider_id) label_replace(
  max by (job, provider_id, provider_name) (playarr_provider_info{provider_name="unknown"}),
"provider", "$1", "provider_id", "(.*)")"#,
};

/// What is recorded of providers that exist: 1 for those that were enabled during all of the last hour, else 0.
///
/// Playarr removes titles and channels of a provider within a minute of its being disabled, while Prometheus still
/// compares with those of the last hour. A provider that is enabled again has none until Playarr has synchronised it.
pub const ENABLED_PROVIDERS: &str = "provider:playarr_provider_enabled:min1h";

const ENABLED: Monitoring = Monitoring {
    recordings: &[Recording {
        name: ENABLED_PROVIDERS,
        // Without the second line, a provider would stay for an hour after it was deleted.
        expr: "min by (job, provider_id) (min_over_time(playarr_provider_enabled[1h]))\n\
               and on (job, provider_id) playarr_provider_enabled",
    }],
    ..Monitoring::NONE
};

const ACTIVE_CONNECTIONS: Monitoring = Monitoring {
    panels: &[
        Panel::new(
            Section::Overview,
            PanelKind::Stat,
            Unit::Ratio,
            "Connections in use",
            "The part of all selected providers' connections that is in use. Disabled providers do not count.",
            &[(
                r#"sum(max by (job, provider_id) (playarr_provider_active_connections{provider_id=~"$provider"})
  and on (job, provider_id) playarr_provider_enabled == 1)
/ sum(max by (job, provider_id) (playarr_provider_max_connections{provider_id=~"$provider"}) > 0
  and on (job, provider_id) playarr_provider_enabled == 1)"#,
                "in use",
            )],
        )
        .levels(&[(0.0, Level::Good), (0.7, Level::Warn), (0.9, Level::Bad)]),
        Panel::new(
            Section::Providers,
            PanelKind::Lines,
            Unit::Count,
            "Connections in use",
            "Connections to each provider, as the provider told when it was last checked.",
            &[(
                r#"max by (provider_id) (playarr_provider_active_connections{provider_id=~"$provider"})"#,
                "{{provider_id}}",
            )],
        ),
    ],
    recordings: &[Recording {
        name: "provider:playarr_provider_active_connections:ratio",
        // Only of providers that can be used.
        expr: "max by (job, provider_id) (playarr_provider_active_connections)\n\
               / (max by (job, provider_id) (playarr_provider_max_connections) > 0)\n\
               and on (job, provider_id) playarr_provider_active == 1\n\
               and on (job, provider_id) playarr_provider_enabled == 1",
    }],
    alerts: &[
        Alert {
            name: "PlayarrProviderConnectionsSaturated",
            severity: Severity::Warning,
            hold: "10m",
            expr: "provider:playarr_provider_active_connections:ratio >= 0.9",
            summary: "Provider {{ $labels.provider_id }} is almost out of connections.",
            description: "{{ $value | humanizePercentage }} of the connections that provider \
                          {{ $labels.provider_id }} allows are in use.",
        },
        Alert {
            name: "PlayarrConnectionsSaturated",
            severity: Severity::Critical,
            hold: "10m",
            expr: "sum by (job) (max by (job, provider_id) (playarr_provider_active_connections) \
                   and on (job, provider_id) provider:playarr_provider_active_connections:ratio)\n\
                   / sum by (job) (max by (job, provider_id) (playarr_provider_max_connections) \
                   and on (job, provider_id) provider:playarr_provider_active_connections:ratio)\n\
                   >= 0.9",
            summary: "All providers together are almost out of connections.",
            description: "{{ $value | humanizePercentage }} of the connections that all active providers together \
                          allow are in use; new streams may find no source.",
        },
    ],
};

const ACTIVE: Monitoring = Monitoring {
    panels: &[
        Panel::new(
            Section::Overview,
            PanelKind::Stat,
            Unit::Count,
            "Inactive providers",
            "Enabled providers whose account is not active.",
            &[(
                r#"count(max by (job, provider_id) (playarr_provider_active{provider_id=~"$provider"}) == 0
  and on (job, provider_id) playarr_provider_enabled == 1) or vector(0)"#,
                "inactive",
            )],
        )
        .levels(&[(0.0, Level::Good), (1.0, Level::Bad)]),
        Panel::new(
            Section::Providers,
            PanelKind::Table(&[
                Unit::YesNo,
                Unit::YesNo,
                Unit::FromNow,
                Unit::Count,
                Unit::Count,
                Unit::Count,
                Unit::Count,
            ]),
            Unit::Count,
            "Accounts",
            "Each provider's account and catalogue. Connections and expiry are as the provider told when it was last \
             checked; what it does not tell is empty.",
            &[
                (r#"max by (provider_id) (playarr_provider_enabled{provider_id=~"$provider"})"#, "Enabled"),
                (r#"max by (provider_id) (playarr_provider_active{provider_id=~"$provider"})"#, "Active"),
                (
                    r#"1000 * max by (provider_id) (
  playarr_provider_expiration_timestamp_seconds{provider_id=~"$provider"}
)"#,
                    "Expires",
                ),
                (
                    r#"max by (provider_id) (playarr_provider_active_connections{provider_id=~"$provider"})"#,
                    "Connections",
                ),
                (r#"max by (provider_id) (playarr_provider_max_connections{provider_id=~"$provider"})"#, "Allowed"),
                (
                    r#"sum by (provider_id) (max by (job, provider_id, media_type) (
  playarr_provider_titles_count{provider_id=~"$provider", media_type=~"$media_type"}
))"#,
                    "Titles",
                ),
                (
                    r#"sum by (provider_id) (
  max by (job, provider_id, category) (playarr_channels_count{provider_id=~"$provider"})
)"#,
                    "Channels",
                ),
            ],
        ),
    ],
    alerts: &[Alert {
        name: "PlayarrProviderInactive",
        severity: Severity::Critical,
        hold: "15m",
        expr: "max by (job, provider_id) (playarr_provider_active) == 0",
        summary: "The account at provider {{ $labels.provider_id }} is not active.",
        description: "Provider {{ $labels.provider_id }} says that the account is not active, or it could not be \
                      asked.",
    }],
    ..Monitoring::NONE
};

const EXPIRATION: Monitoring = Monitoring {
    panels: &[Panel::new(
        Section::Overview,
        PanelKind::Stat,
        Unit::Seconds,
        "Next expiry",
        "How long until the first of the accounts expires that are active, of enabled providers.",
        &[(
            r#"min(playarr_provider_expiration_timestamp_seconds{provider_id=~"$provider"}
  and on (job, provider_id) playarr_provider_active == 1
  and on (job, provider_id) playarr_provider_enabled == 1) - time()"#,
            "expires in",
        )],
    )
    .levels(&[(0.0, Level::Bad), (86_400.0, Level::Warn), (604_800.0, Level::Good)])],
    recordings: &[Recording {
        name: "provider:playarr_provider_expiration_timestamp_seconds:remaining",
        // An account that is no longer active has an alert of its own.
        expr: "max by (job, provider_id) (playarr_provider_expiration_timestamp_seconds) - time()\n\
               and on (job, provider_id) playarr_provider_active == 1",
    }],
    alerts: &[
        Alert {
            name: "PlayarrProviderExpiresIn7Days",
            severity: Severity::Warning,
            hold: "15m",
            // The last day is that of the alert below.
            expr: "provider:playarr_provider_expiration_timestamp_seconds:remaining < 604800 >= 86400",
            summary: "The account at provider {{ $labels.provider_id }} expires within a week.",
            description: "The account at provider {{ $labels.provider_id }} expires in \
                          {{ $value | humanizeDuration }}.",
        },
        Alert {
            name: "PlayarrProviderExpiresIn1Day",
            severity: Severity::Critical,
            hold: "15m",
            expr: "provider:playarr_provider_expiration_timestamp_seconds:remaining < 86400",
            summary: "The account at provider {{ $labels.provider_id }} expires within a day.",
            description: "The account at provider {{ $labels.provider_id }} expires in \
                          {{ $value | humanizeDuration }} (if that is negative, it has expired already).",
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_and_alerts_show_the_same_names() {
        let words = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(words(&RECORDED_NAMES.expr.replace("job, ", "")), words(PROVIDER_NAMES));
    }
}
