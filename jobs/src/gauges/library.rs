//! Titles and episodes: `provider_titles` as the providers list them, `titles` as the library merges them.

use mongodb::bson::{Document, doc};

use super::{EpisodesDetail, MEDIA_TYPES, is_text};
use crate::definition::{Counted, Definition, NestedField, Query};

/// `playarr_provider_titles_count{provider_id,media_type}`: every provider that is not deleted shows both types.
pub(super) fn provider_titles() -> Definition {
    Definition::new("playarr_provider_titles_count", "Titles that a provider lists, by provider and media type.")
        .labels(["provider_id", "media_type"])
        .keeping("media_type")
        .query(provider_titles_counted(doc! {}))
        .rows(
            "iptv_providers",
            [
                doc! { "$match": { "$expr": { "$ne": ["$deleted", true] } } },
                doc! { "$project": { "_id": 0, "provider_id": "$id", "value": { "$literal": 0 }, "media_type": MEDIA_TYPES.to_vec() } },
                doc! { "$unwind": "$media_type" },
            ],
        )
}

/// `playarr_ignored_provider_titles_count{provider_id,media_type}`: those with `ignored` exactly true.
pub(super) fn ignored_provider_titles() -> Definition {
    Definition::new(
        "playarr_ignored_provider_titles_count",
        "Titles of a provider that are ignored when the library is merged, by provider and media type.",
    )
    .labels(["provider_id", "media_type"])
    .query(provider_titles_counted(doc! { "ignored": true }))
}

fn provider_titles_counted(filter: Document) -> Query {
    Query::Counted(Counted {
        collection: "provider_titles".into(),
        filter,
        open: Some("provider_id".into()),
        closed: "type".into(),
        usual: MEDIA_TYPES.to_vec(),
    })
}

/// `playarr_main_titles_count{media_type}`: both types always show.
pub(super) fn main_titles() -> Definition {
    Definition::new("playarr_main_titles_count", "Titles of the merged library, by media type.")
        .labels(["media_type"])
        .query(Query::Fixed(MEDIA_TYPES.map(|media_type| vec![media_type]).to_vec()))
        .query(Query::Counted(Counted {
            collection: "titles".into(),
            filter: doc! {},
            open: None,
            closed: "type".into(),
            usual: MEDIA_TYPES.to_vec(),
        }))
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
        "Episodes of TV shows per source that offers them, by source, title name and season.",
    )
    .labels(names)
    .keeping("source")
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
