//! What can be read: Playarr's collections, and of each what is no secret.
//!
//! Looked up in Playarr's source. `settings` is not here: the tokens of this service and of TMDB are in it.

use mongodb::bson::{Bson, Document, doc};

/// A collection that custom metrics may read.
#[derive(Debug)]
pub struct ReadableCollection {
    /// Its name.
    pub name: &'static str,
    fields: ReadableFields,
}

/// Which fields of a collection can be read.
#[derive(Debug)]
enum ReadableFields {
    /// It holds no secrets.
    All,
    /// Only these fields, with what is in them. For collections whose purpose is to hold credentials: a field that a
    /// later version of Playarr adds stays hidden until somebody has looked at it.
    Only(&'static [&'static str]),
    /// All but these.
    Without(&'static [&'static str]),
}

static COLLECTIONS: [ReadableCollection; 9] = [
    // Each source has the provider's address of the stream; AGTV's holds user name and password.
    ReadableCollection {
        name: "titles",
        fields: ReadableFields::Without(&["media.sources.provider_url", "media.proxy_path"]),
    },
    // By name of the stream, its address at the provider.
    ReadableCollection { name: "provider_titles", fields: ReadableFields::Without(&["streams"]) },
    // `{api_url}/live/{username}/{password}/{stream}`.
    ReadableCollection { name: "channels", fields: ReadableFields::Without(&["url"]) },
    ReadableCollection { name: "programs", fields: ReadableFields::All },
    ReadableCollection { name: "provider_categories", fields: ReadableFields::All },
    ReadableCollection { name: "stats", fields: ReadableFields::All },
    // Messages of failed requests name the address that was asked, with its credentials.
    ReadableCollection { name: "job_history", fields: ReadableFields::Only(JOB_HISTORY) },
    // Not `password_hash`, `api_key`, and `liveTV`, in which older versions kept addresses with credentials.
    ReadableCollection { name: "users", fields: ReadableFields::Only(USERS) },
    // Not `username`, `password`, `api_url`, `streams_urls`, and whatever else the form of a provider takes.
    ReadableCollection { name: "iptv_providers", fields: ReadableFields::Only(IPTV_PROVIDERS) },
];

const USERS: &[&str] = &[
    "username",
    "first_name",
    "last_name",
    "role",
    "status",
    "watchlist.movies",
    "watchlist.tvshows",
    "watchlist.live",
    "createdAt",
    "lastUpdated",
];

const IPTV_PROVIDERS: &[&str] = &[
    "id",
    "name",
    "type",
    "enabled",
    "deleted",
    "priority",
    "api_rate.concurrent",
    "api_rate.duration_seconds",
    "enabled_categories.movies",
    "enabled_categories.tvshows",
    "enabled_categories.live",
    "sync_media_types.movies",
    "sync_media_types.tvshows",
    "sync_media_types.live",
    "provider_details.active",
    "provider_details.active_connections",
    "provider_details.max_connections",
    "provider_details.expiration_date",
    "provider_details.last_checked",
    "createdAt",
    "lastUpdated",
];

const JOB_HISTORY: &[&str] = &[
    "job_name",
    "provider_id",
    "status",
    "last_execution",
    "execution_count",
    "last_provider_check",
    "last_settings_check",
    "last_policy_check",
    "createdAt",
    "lastUpdated",
];

/// Every collection that custom metrics may read.
#[must_use]
pub fn readable_collections() -> &'static [ReadableCollection] {
    &COLLECTIONS
}

/// The collection of this name, if it may be read.
pub(super) fn find(name: &str) -> Option<&'static ReadableCollection> {
    COLLECTIONS.iter().find(|collection| collection.name == name)
}

impl ReadableCollection {
    /// The stages that remove the secrets; none where there are none.
    ///
    /// The second one changes nothing. It keeps what follows apart from the first: without it, MongoDB 6.0.5 handed
    /// `$$ROOT` of a `$group` right behind a `$project` the whole document, with what the `$project` left away.
    pub(super) fn removal(&self) -> Vec<Document> {
        let first = match self.fields {
            ReadableFields::All => return Vec::new(),
            ReadableFields::Only(fields) => {
                let kept: Document = fields.iter().map(|&field| (field.to_owned(), Bson::Int32(1))).collect();
                doc! { "$project": kept }
            }
            ReadableFields::Without(fields) => doc! { "$unset": fields.to_vec() },
        };
        vec![first, doc! { "$redact": "$$KEEP" }]
    }

    /// Whether something of its documents is hidden.
    pub(super) fn has_secrets(&self) -> bool {
        !matches!(self.fields, ReadableFields::All)
    }

    /// Whether this path leads to nothing hidden, nor to an object that holds something hidden.
    pub(super) fn may_compare(&self, path: &str) -> bool {
        // A number may stand for a place in an array: `media.0.sources` is in `media.sources`.
        let names = |path: &str| -> Vec<String> {
            let is_place = |name: &&str| name.parse::<u64>().is_ok();
            path.split('.').filter(|name| !is_place(name)).map(str::to_owned).collect()
        };
        let path = names(path);
        let is_within = |outer: &[String], inner: &[String]| inner.starts_with(outer);
        match self.fields {
            ReadableFields::All => true,
            ReadableFields::Only(fields) => {
                path == ["_id"] || fields.iter().any(|field| is_within(&names(field), &path))
            }
            ReadableFields::Without(fields) => !fields.iter().any(|field| {
                let hidden = names(field);
                is_within(&hidden, &path) || is_within(&path, &hidden)
            }),
        }
    }

    /// What can be read, as a phrase for the documentation and for messages.
    #[must_use]
    pub fn description(&self) -> String {
        match self.fields {
            ReadableFields::All => "every field".to_owned(),
            ReadableFields::Only(fields) => format!("_id, {}", fields.join(", ")),
            ReadableFields::Without(fields) => format!("every field but {}", fields.join(", ")),
        }
    }
}
