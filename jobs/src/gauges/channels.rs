//! Live channels. The category of a channel is its `group_title`.

use mongodb::bson::doc;

use crate::collect::{Definition, labelable};
use crate::metric::{Alert, Monitoring, Panel, PanelKind, Recording, Section, Severity, Unit};

pub(super) fn definitions() -> Vec<Definition> {
    let by_provider_and_category = doc! {
        "_id": { "provider_id": labelable("provider_id"), "category": labelable("group_title") },
        "value": { "$sum": 1 },
    };
    vec![
        Definition::new("playarr_channels_count", "channels", "Live channels, by provider and category.")
            .labels(["provider_id", "category"])
            .keeping("provider_id")
            .monitoring(CHANNELS)
            .rows(
                "channels",
                [
                    doc! { "$group": by_provider_and_category },
                    doc! { "$project": {
                        "_id": 0,
                        "provider_id": "$_id.provider_id",
                        "category": "$_id.category",
                        "value": 1,
                    } },
                ],
            ),
    ]
}

const CHANNELS: Monitoring = Monitoring {
    panels: &[
        Panel::new(
            Section::Overview,
            PanelKind::Stat,
            Unit::Count,
            "Channels",
            "Live channels of the selected providers.",
            &[(
                r#"sum(max by (job, provider_id, category) (playarr_channels_count{provider_id=~"$provider"}))"#,
                "channels",
            )],
        ),
        Panel::new(
            Section::Library,
            PanelKind::Stacked,
            Unit::Count,
            "Channels by provider",
            "Live channels of each provider over time. A step down is a provider that dropped channels.",
            &[(
                r#"sum by (provider_id) (
  max by (job, provider_id, category) (playarr_channels_count{provider_id=~"$provider"})
)"#,
                "{{provider_id}}",
            )],
        ),
        Panel::new(
            Section::Library,
            PanelKind::Bars,
            Unit::Count,
            "Largest channel categories",
            "The 15 categories with the most channels, all selected providers together.",
            &[(
                r#"topk(15, sum by (category) (
  max by (job, provider_id, category) (playarr_channels_count{provider_id=~"$provider"})
))"#,
                "{{category}}",
            )],
        ),
    ],
    recordings: &[Recording {
        name: "provider:playarr_channels_count:sum",
        // A provider without any channel has no series; as long as it is known, it has none of them.
        expr: "sum by (job, provider_id) (max by (job, provider_id, category) (playarr_channels_count))\n\
               or 0 * provider:playarr_provider_titles_count:sum",
    }],
    alerts: &[
        Alert {
            name: "PlayarrProviderChannelsCollapsed",
            // No more than a warning, for the reason that the alert on titles has.
            severity: Severity::Warning,
            hold: "10m",
            expr: "1 - provider:playarr_channels_count:sum\n\
                   / max_over_time(provider:playarr_channels_count:sum[1h]) > 0.2",
            summary: "Provider {{ $labels.provider_id }} lost many of its channels.",
            description: "Provider {{ $labels.provider_id }} has {{ $value | humanizePercentage }} fewer live \
                          channels than within the last hour. If somebody switched off live TV or categories of it \
                          in Playarr, nothing is wrong.",
        },
        Alert {
            name: "PlayarrProviderEmpty",
            severity: Severity::Critical,
            hold: "10m",
            // Nobody switches everything off: then the provider would be disabled.
            expr: "provider:playarr_provider_titles_count:sum + provider:playarr_channels_count:sum == 0\n\
                   and max_over_time(provider:playarr_provider_titles_count:sum[1h])\n\
                   + max_over_time(provider:playarr_channels_count:sum[1h]) > 0",
            summary: "Provider {{ $labels.provider_id }} lost everything.",
            description: "Provider {{ $labels.provider_id }} is enabled and had titles or channels within the last \
                          hour; now it has none.",
        },
    ],
};
