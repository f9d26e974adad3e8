//! Users and their watchlists. Every user shows, with 0 where a watchlist is empty or no array.

use mongodb::bson::doc;

use crate::collect::{Definition, Query, is_text, length};
use crate::metric::{Monitoring, Panel, PanelKind, Section, Unit};

pub(super) fn definitions() -> Vec<Definition> {
    let lists = [
        doc! { "media_type": "movies", "value": length("watchlist", "movies") },
        doc! { "media_type": "tvshows", "value": length("watchlist", "tvshows") },
    ];
    let is_active = doc! { "$and": [
        { "$eq": [{ "$type": "$api_key" }, "string"] },
        { "$ne": ["$api_key", ""] },
        { "$not": [is_text("status", "inactive")] },
    ] };
    vec![
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
        ),
        Definition::new(
            "playarr_watchlist_channels_count",
            "channels",
            "Live channels on a user's watchlist, by user.",
        )
        .labels(["user"])
        .monitoring(WATCHLIST_CHANNELS)
        .rows("users", [doc! { "$project": { "_id": 0, "user": "$username", "value": length("watchlist", "live") } }]),
        Definition::new("playarr_active_users", "users", "Users with an API key who are not inactive.")
            .monitoring(ACTIVE_USERS)
            // Without any user, the group below has no row.
            .query(Query::Fixed(vec![vec![]]))
            .rows(
                "users",
                [doc! { "$match": { "$expr": is_active } }, doc! { "$group": { "_id": null, "value": { "$sum": 1 } } }],
            ),
    ]
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
