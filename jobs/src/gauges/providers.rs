//! IPTV providers: what `provider_details` says of the account at the provider.

use mongodb::bson::{Bson, doc};

use super::is_object;
use crate::definition::Definition;

/// `playarr_provider_active_connections{provider_id}`: absent when unknown.
pub(super) fn active_connections() -> Definition {
    detail(
        "playarr_provider_active_connections",
        "Connections to a provider that are in use.",
        "$provider_details.active_connections".into(),
    )
}

/// `playarr_provider_max_connections{provider_id}`: absent when unknown.
pub(super) fn max_connections() -> Definition {
    detail(
        "playarr_provider_max_connections",
        "Connections that a provider allows.",
        "$provider_details.max_connections".into(),
    )
}

/// `playarr_provider_active{provider_id}`: details that do not say true say 0, so that an outage shows.
pub(super) fn active() -> Definition {
    detail(
        "playarr_provider_active",
        "Whether the account at a provider is active (1) or not (0).",
        doc! { "$cond": [{ "$eq": ["$provider_details.active", true] }, 1, 0] }.into(),
    )
}

/// `playarr_provider_expiration_timestamp_seconds{provider_id}`: absent where the account never expires.
pub(super) fn expiration() -> Definition {
    detail(
        "playarr_provider_expiration_timestamp_seconds",
        "When the account at a provider expires, in seconds since the Unix epoch.",
        "$provider_details.expiration_date".into(),
    )
}

fn detail(name: &'static str, help: &'static str, value: Bson) -> Definition {
    Definition::new(name, help).labels(["provider_id"]).rows(
        "iptv_providers",
        [
            doc! { "$match": { "$expr": is_object("provider_details") } },
            doc! { "$project": { "_id": 0, "provider_id": "$id", "value": value } },
        ],
    )
}
