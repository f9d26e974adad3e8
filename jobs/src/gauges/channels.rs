//! Live channels.

use mongodb::bson::doc;

use super::labelable;
use crate::definition::Definition;

/// `playarr_channels_count{provider_id,category}`: the category is the channel's `group_title`.
pub(super) fn channels() -> Definition {
    let group = doc! { "_id": {
        "provider_id": labelable("provider_id"),
        "category": labelable("group_title"),
    }, "value": { "$sum": 1 } };
    Definition::new("playarr_channels_count", "Live channels, by provider and category.")
        .labels(["provider_id", "category"])
        .keeping("provider_id")
        .rows(
            "channels",
            [
                doc! { "$group": group },
                doc! { "$project": { "_id": 0, "provider_id": "$_id.provider_id", "category": "$_id.category", "value": 1 } },
            ],
        )
}
