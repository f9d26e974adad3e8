//! How the change of each gauge is told: what its first label names, what it counts, and which direction is bad.

/// What the first label of a gauge names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A provider, by its id.
    Provider,
    /// A user, by the name.
    User,
    /// Nothing that a sentence is about: the whole gauge is told at once, as this.
    Whole(&'static str),
}

/// What the values of a gauge are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// They count things; to lose some is bad.
    Count(&'static str, &'static str),
    /// They count things, and neither direction is bad.
    Neutral(&'static str, &'static str),
    /// They are 1 or 0: what is said for each.
    Flag(&'static str, &'static str),
    /// They are 1 for whatever exists; the second label is its name.
    Existence,
    /// They are a time, in seconds since the Unix epoch, at which this happens.
    Time(&'static str),
}

/// How a gauge is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wording {
    family: &'static str,
    pub(super) subject: Subject,
    pub(super) shape: Telling,
}

const fn wording(family: &'static str, subject: Subject, shape: Telling) -> Wording {
    Wording { family, subject, shape }
}

/// The gauges of the database. Any other is told by its name.
const WORDINGS: &[Wording] = &[
    wording("playarr_provider_titles_count", Subject::Provider, Telling::Count("title", "titles")),
    wording(
        "playarr_ignored_provider_titles_count",
        Subject::Provider,
        Telling::Neutral("ignored title", "ignored titles"),
    ),
    wording("playarr_main_titles_count", Subject::Whole("The library"), Telling::Count("title", "titles")),
    wording("playarr_episodes_count", Subject::Provider, Telling::Count("episode", "episodes")),
    wording("playarr_channels_count", Subject::Provider, Telling::Count("channel", "channels")),
    wording("playarr_watchlist_titles_count", Subject::User, Telling::Neutral("watchlist title", "watchlist titles")),
    wording(
        "playarr_watchlist_channels_count",
        Subject::User,
        Telling::Neutral("watchlist channel", "watchlist channels"),
    ),
    wording("playarr_active_users", Subject::Whole("Playarr"), Telling::Neutral("active user", "active users")),
    wording("playarr_provider_info", Subject::Provider, Telling::Existence),
    wording("playarr_provider_enabled", Subject::Provider, Telling::Flag("was enabled", "was disabled")),
    wording(
        "playarr_provider_active",
        Subject::Provider,
        Telling::Flag("has an active account again", "has no active account any more"),
    ),
    wording(
        "playarr_provider_active_connections",
        Subject::Provider,
        Telling::Neutral("connection in use", "connections in use"),
    ),
    wording(
        "playarr_provider_max_connections",
        Subject::Provider,
        Telling::Count("allowed connection", "allowed connections"),
    ),
    wording("playarr_provider_expiration_timestamp_seconds", Subject::Provider, Telling::Time("expires")),
];

/// How this gauge is told.
pub(super) fn of(family: &str) -> Option<Wording> {
    WORDINGS.iter().find(|wording| wording.family == family).copied()
}

#[cfg(test)]
mod tests {
    use playarr_jobs::gauges::{self, EpisodesDetail};

    use super::*;

    #[test]
    fn every_gauge_of_the_database_is_told() {
        for definition in gauges::all(EpisodesDetail::Title) {
            assert!(of(&definition.name).is_some(), "{} has no wording", definition.name);
        }
    }
}
