//! Users and their watchlists.

use mongodb::bson::doc;

use super::{is_text, length};
use crate::definition::Definition;

/// `playarr_watchlist_titles_count{user,media_type}`: every user shows both types, 0 included.
pub(super) fn watchlist_titles() -> Definition {
    let lists = [
        doc! { "media_type": "movies", "value": length("watchlist", "movies") },
        doc! { "media_type": "tvshows", "value": length("watchlist", "tvshows") },
    ];
    Definition::new("playarr_watchlist_titles_count", "Titles on a user's watchlist, by user and media type.")
        .labels(["user", "media_type"])
        .keeping("media_type")
        .rows(
            "users",
            [
                doc! { "$project": { "_id": 0, "user": "$username", "list": lists.to_vec() } },
                doc! { "$unwind": "$list" },
                doc! { "$project": { "user": 1, "media_type": "$list.media_type", "value": "$list.value" } },
            ],
        )
}

/// `playarr_watchlist_channels_count{user}`: every user shows, 0 included.
pub(super) fn watchlist_channels() -> Definition {
    Definition::new("playarr_watchlist_channels_count", "Live channels on a user's watchlist, by user.")
        .labels(["user"])
        .rows(
            "users",
            [doc! { "$project": { "_id": 0, "user": "$username", "value": length("watchlist", "live") } }],
        )
}

/// `playarr_active_users`: users with a non-empty text as API key who are not inactive.
pub(super) fn active_users() -> Definition {
    let active = doc! { "$and": [
        { "$eq": [{ "$type": "$api_key" }, "string"] },
        { "$ne": ["$api_key", ""] },
        { "$not": [is_text("status", "inactive")] },
    ] };
    Definition::new("playarr_active_users", "Users with an API key who are not inactive.")
        .query(crate::definition::Query::Fixed(vec![vec![]]))
        .rows(
            "users",
            [
                doc! { "$match": { "$expr": active } },
                doc! { "$group": { "_id": null, "value": { "$sum": 1 } } },
            ],
        )
}
