//! Titles and episodes: `provider_titles` as the providers list them, `titles` as the library merges them.

use mongodb::bson::{Document, doc};

use super::episodes_detail::EpisodesDetail;
use super::providers::not_deleted;
use crate::collect::{Counted, Definition, NestedField, Query, is_text};
use crate::metric::{Alert, Monitoring, Panel, PanelKind, Recording, Section, Severity, Unit};

/// The two kinds of titles, which always show.
const MEDIA_TYPES: [&str; 2] = ["movies", "tvshows"];

pub(super) fn definitions(detail: EpisodesDetail) -> Vec<Definition> {
    vec![
        Definition::new(
            "playarr_provider_titles_count",
            "titles",
            "Titles that a provider lists, by provider and media type.",
        )
        .labels(["provider_id", "media_type"])
        .keeping("media_type")
        .monitoring(PROVIDER_TITLES)
        .query(provider_titles_counted(doc! {}))
        // Every provider that is not deleted shows both media types.
        .rows(
            "iptv_providers",
            [
                not_deleted(),
                doc! { "$project": {
                    "_id": 0,
                    "provider_id": "$id",
                    "value": { "$literal": 0 },
                    "media_type": MEDIA_TYPES.to_vec(),
                } },
                doc! { "$unwind": "$media_type" },
            ],
        ),
        Definition::new(
            "playarr_ignored_provider_titles_count",
            "titles",
            "Titles of a provider that are ignored when the library is merged, by provider and media type.",
        )
        .labels(["provider_id", "media_type"])
        .monitoring(IGNORED_PROVIDER_TITLES)
        .query(provider_titles_counted(doc! { "ignored": true })),
        Definition::new("playarr_main_titles_count", "titles", "Titles of the merged library, by media type.")
            .labels(["media_type"])
            .monitoring(MAIN_TITLES)
            .query(Query::Fixed(MEDIA_TYPES.map(|media_type| vec![media_type]).to_vec()))
            .query(Query::Counted(Counted {
                collection: "titles".into(),
                filter: doc! {},
                open: None,
                closed: "type".into(),
                usual: MEDIA_TYPES.to_vec(),
            })),
        episodes(detail),
    ]
}

/// The provider titles that match, by provider and media type.
fn provider_titles_counted(filter: Document) -> Query {
    Query::Counted(Counted {
        collection: "provider_titles".into(),
        filter,
        open: Some("provider_id".into()),
        closed: "type".into(),
        usual: MEDIA_TYPES.to_vec(),
    })
}

/// `playarr_episodes_count{source,title_name,season}`: (episode, source) pairs of TV shows.
pub(super) fn episodes(detail: EpisodesDetail) -> Definition {
    let source = ("source", NestedField { depth: 2, field: "provider_id".into() });
    let title = ("title_name", NestedField { depth: 0, field: "title".into() });
    let season = ("season", NestedField { depth: 1, field: "season".into() });
    let mut projection = doc! { "_id": 0, "media.sources.provider_id": 1 };
    let fields = match detail {
        EpisodesDetail::Title => {
            projection.extend(doc! { "title": 1, "media.season": 1 });
            vec![source, title, season]
        }
        EpisodesDetail::Season => {
            projection.extend(doc! { "media.season": 1 });
            vec![source, season]
        }
        EpisodesDetail::Source => vec![source],
    };
    let (names, labels): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    Definition::new(
        "playarr_episodes_count",
        "episodes",
        "Episodes of TV shows, counted once for each source that has them, by source, title name and season.",
    )
    .labels(names)
    .keeping("source")
    .monitoring(EPISODES)
    .query(Query::Nested {
        collection: "titles".into(),
        // Equality uses the index, but takes arrays that hold the text as well; only the text itself will do.
        pipeline: vec![
            doc! { "$match": { "type": "tvshows", "$expr": is_text("type", "tvshows") } },
            doc! { "$project": projection },
        ],
        arrays: vec!["media".into(), "sources".into()],
        labels,
    })
}

const PROVIDER_TITLES: Monitoring = Monitoring {
    panels: &[Panel::new(
        Section::Providers,
        PanelKind::Stacked,
        Unit::Count,
        "Titles by provider",
        "What each provider lists, before the library is merged. A step down is a provider that dropped titles.",
        &[(
            r#"sum by (provider_id) (max by (job, provider_id, media_type) (
  playarr_provider_titles_count{provider_id=~"$provider", media_type=~"$media_type"}
))"#,
            "{{provider_id}}",
        )],
    )],
    recordings: &[Recording {
        name: "provider:playarr_provider_titles_count:sum",
        expr: "sum by (job, provider_id) (max by (job, provider_id, media_type) (playarr_provider_titles_count))",
    }],
    alerts: &[Alert {
        name: "PlayarrProviderTitlesCollapsed",
        // No more than a warning: a media type or a category that somebody switches off looks the same.
        severity: Severity::Warning,
        hold: "10m",
        expr: "1 - provider:playarr_provider_titles_count:sum\n\
               / max_over_time(provider:playarr_provider_titles_count:sum[1h]) > 0.2",
        summary: "Provider {{ $labels.provider_id }} lost many of its titles.",
        description: "Provider {{ $labels.provider_id }} lists {{ $value | humanizePercentage }} fewer titles than \
                      within the last hour. If somebody switched off a media type or categories of it in Playarr, \
                      nothing is wrong.",
    }],
};

const IGNORED_PROVIDER_TITLES: Monitoring = Monitoring {
    panels: &[Panel::new(
        Section::Providers,
        PanelKind::Bars,
        Unit::Ratio,
        "Ignored titles",
        "The part of each provider's titles that is ignored when the library is merged, usually because they could \
         not be matched.",
        &[(
            r#"sum by (provider_id) (max by (job, provider_id, media_type) (
  playarr_ignored_provider_titles_count{provider_id=~"$provider", media_type=~"$media_type"}
))
/ (sum by (provider_id) (max by (job, provider_id, media_type) (
  playarr_provider_titles_count{provider_id=~"$provider", media_type=~"$media_type"}
)) > 0)"#,
            "{{provider_id}}",
        )],
    )],
    ..Monitoring::NONE
};

const MAIN_TITLES: Monitoring = Monitoring {
    panels: &[
        Panel::new(
            Section::Overview,
            PanelKind::Stat,
            Unit::Count,
            "Titles",
            "Titles of the merged library, by media type.",
            &[(r#"max by (media_type) (playarr_main_titles_count{media_type=~"$media_type"})"#, "{{media_type}}")],
        ),
        Panel::new(
            Section::Library,
            PanelKind::Stacked,
            Unit::Count,
            "Titles of the merged library",
            "Each title once, however many providers have it.",
            &[(r#"max by (media_type) (playarr_main_titles_count{media_type=~"$media_type"})"#, "{{media_type}}")],
        ),
    ],
    ..Monitoring::NONE
};

const EPISODES: Monitoring = Monitoring {
    panels: &[
        Panel::new(
            Section::Library,
            PanelKind::Stacked,
            Unit::Count,
            "Episodes by source",
            "Episodes of TV shows, once for each provider that offers them.",
            &[(
                r#"label_replace(
  sum by (source) (max without (instance) (playarr_episodes_count{source=~"$provider"})),
"provider_id", "$1", "source", "(.*)")"#,
                "{{provider_id}}",
            )],
        ),
        Panel::new(
            Section::Library,
            PanelKind::Bars,
            Unit::Count,
            "Shows with the most episodes",
            "The 15 shows with the most episodes, once for each provider that offers them. Needs \
             EPISODES_DETAIL=title; _other is what the series budget folded.",
            &[(
                r#"topk(15, sum by (title_name) (
  max without (instance) (playarr_episodes_count{source=~"$provider"})
))"#,
                "{{title_name}}",
            )],
        ),
    ],
    ..Monitoring::NONE
};
