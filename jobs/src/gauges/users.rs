//! Users and their watchlists.

use mongodb::bson::doc;

use crate::collect::{Definition, Query, is_text, length};
use crate::metric::{Monitoring, Panel, PanelKind, Section, Unit};

/// `playarr_watchlist_titles_count{user,media_type}`: every user shows both types, 0 included.
pub(super) fn watchlist_titles() -> Definition {
    let lists = [
        doc! { "media_type": "movies", "value": length("watchlist", "movies") },
        doc! { "media_type": "tvshows", "value": length("watchlist", "tvshows") },
    ];
    Definition::new(
        "playarr_watchlist_titles_count",
        "titles",
        "Titles on a user's watchlist, by user and media type.",
    )
    .labels(["user", "media_type"])
    .keeping("media_type")
    .monitoring(WATCHLIST_TITLES)
    .rows(
        "users",
        [
            doc! { "$project": { "_id": 0, "user": "$username", "list": lists.to_vec() } },
            doc! { "$unwind": "$list" },
            doc! { "$project": { "user": 1, "media_type": "$list.media_type", "value": "$list.value" } },
        ],
    )
}

const WATCHLIST_TITLES: Monitoring = Monitoring {
    panels: &[Panel::new(
        Section::Users,
        PanelKind::Bars,
        Unit::Count,
        "Largest watchlists",
        "Titles on the 15 largest watchlists.",
        &[(
            r#"topk(15, sum by (user) (max by (job, user, media_type) (
  playarr_watchlist_titles_count{user=~"$user", media_type=~"$media_type"}
)))"#,
            "{{user}}",
        )],
    )],
    ..Monitoring::NONE
};

/// `playarr_watchlist_channels_count{user}`: every user shows, 0 included.
pub(super) fn watchlist_channels() -> Definition {
    Definition::new(
        "playarr_watchlist_channels_count",
        "channels",
        "Live channels on a user's watchlist, by user.",
    )
    .labels(["user"])
    .monitoring(WATCHLIST_CHANNELS)
    .rows(
        "users",
        [doc! { "$project": { "_id": 0, "user": "$username", "value": length("watchlist", "live") } }],
    )
}

const WATCHLIST_CHANNELS: Monitoring = Monitoring {
    panels: &[Panel::new(
        Section::Users,
        PanelKind::Bars,
        Unit::Count,
        "Channels on watchlists",
        "Channels on the watchlists of the 15 users who have the most of them.",
        &[(r#"topk(15, max by (user) (playarr_watchlist_channels_count{user=~"$user"}))"#, "{{user}}")],
    )],
    ..Monitoring::NONE
};

/// `playarr_active_users`: users with a non-empty text as API key who are not inactive.
pub(super) fn active_users() -> Definition {
    let active = doc! { "$and": [
        { "$eq": [{ "$type": "$api_key" }, "string"] },
        { "$ne": ["$api_key", ""] },
        { "$not": [is_text("status", "inactive")] },
    ] };
    Definition::new("playarr_active_users", "users", "Users with an API key who are not inactive.")
        .monitoring(ACTIVE_USERS)
        .query(Query::Fixed(vec![vec![]]))
        .rows(
            "users",
            [
                doc! { "$match": { "$expr": active } },
                doc! { "$group": { "_id": null, "value": { "$sum": 1 } } },
            ],
        )
}

const ACTIVE_USERS: Monitoring = Monitoring {
    panels: &[Panel::new(
        Section::Overview,
        PanelKind::Stat,
        Unit::Count,
        "Active users",
        "Users with an API key who are not inactive.",
        &[("max(playarr_active_users)", "users")],
    )],
    ..Monitoring::NONE
};
