//! The accounts at the providers: when they expire, and how many of their connections are in use.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use playarr_jobs::metric::OTHER;
use serde::Serialize;

use super::directory::{Directory, ProviderState, ProviderTag};
use super::families::{Families, whole};

const DAY: i64 = 24 * 60 * 60;

/// Every account.
#[derive(Debug, Serialize)]
pub(crate) struct Providers {
    /// The number of providers.
    pub(crate) members: usize,
    /// The number of enabled providers whose account is active.
    pub(crate) active: usize,
    /// The number of providers that are disabled in Playarr.
    pub(crate) disabled: usize,
    /// When they expire.
    pub(crate) expiry: Expiry,
    /// How many connections are in use.
    pub(crate) connections: Connections,
}

/// When accounts expire.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Expiry {
    /// Expired.
    pub(crate) expired: usize,
    /// Expire within 7 days.
    pub(crate) week: usize,
    /// Expire within 30 days, but not within 7.
    pub(crate) month: usize,
    /// Expire later.
    pub(crate) later: usize,
    /// Do not expire.
    pub(crate) never: usize,
    /// Accounts by time left: the one that expired first comes first, those without expiry last.
    pub(crate) shown: Vec<Account>,
}

/// When an account expires.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Account {
    /// The provider's name.
    pub(crate) name: String,
    /// The provider.
    #[serde(flatten)]
    pub(crate) provider: ProviderTag,
    /// Seconds until it expires, negative if it has; `None` without an expiry.
    pub(crate) seconds_left: Option<i64>,
}

/// Connections of all accounts.
#[derive(Debug, Serialize)]
pub(crate) struct Connections {
    /// In use at all providers together.
    pub(crate) used: u64,
    /// Allowed by all providers together.
    pub(crate) max: u64,
    /// The number of providers that report their connections.
    pub(crate) members: usize,
    /// Providers by the share of their connections in use, the largest first.
    pub(crate) shown: Vec<Usage>,
}

/// Connections of an account.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Usage {
    /// The provider's name.
    pub(crate) name: String,
    /// The provider.
    #[serde(flatten)]
    pub(crate) provider: ProviderTag,
    /// Connections in use; `None` if unknown.
    pub(crate) used: Option<u64>,
    /// Connections allowed; `None` if unknown.
    pub(crate) max: Option<u64>,
}

#[derive(Clone, Copy, Default)]
struct Details {
    expires: Option<f64>,
    used: Option<u64>,
    max: Option<u64>,
}

impl Providers {
    /// The accounts at a moment (in seconds since the epoch), at most `limit` of each list.
    pub(super) fn of(families: &Families<'_>, directory: &Directory, limit: usize, now: f64) -> Self {
        let mut details = details(families, directory);
        let folded = details.remove(OTHER).unwrap_or_default();
        Self {
            members: details.len(),
            active: directory.count(ProviderState::Active),
            disabled: directory.count(ProviderState::Disabled),
            expiry: expiry(&details, directory, limit, now),
            connections: connections(&details, folded, directory, limit),
        }
    }
}

fn details<'f>(families: &Families<'f>, directory: &'f Directory) -> BTreeMap<&'f str, Details> {
    let mut details: BTreeMap<&str, Details> = directory.ids().map(|id| (id, Details::default())).collect();
    for ([id], time) in families.numbers("playarr_provider_expiration_timestamp_seconds", ["provider_id"]) {
        details.entry(id).or_default().expires = Some(time);
    }
    for ([id], used) in families.numbers("playarr_provider_active_connections", ["provider_id"]) {
        details.entry(id).or_default().used = Some(whole(used));
    }
    for ([id], max) in families.numbers("playarr_provider_max_connections", ["provider_id"]) {
        details.entry(id).or_default().max = Some(whole(max));
    }
    details.retain(|id, _| !directory.is_removed(id));
    details
}

fn expiry(details: &BTreeMap<&str, Details>, directory: &Directory, limit: usize, now: f64) -> Expiry {
    let mut expiry = Expiry::default();
    let mut accounts = Vec::with_capacity(details.len());
    for (&id, details) in details {
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
        let seconds_left = details.expires.map(|expires| (expires - now).floor() as i64);
        *match seconds_left {
            None => &mut expiry.never,
            Some(..=0) => &mut expiry.expired,
            Some(left) if left <= 7 * DAY => &mut expiry.week,
            Some(left) if left <= 30 * DAY => &mut expiry.month,
            Some(_) => &mut expiry.later,
        } += 1;
        accounts.push((seconds_left, id));
    }
    accounts.sort_by_key(|&(left, _)| (left.is_none(), left));
    let shown = accounts.into_iter().take(limit).map(|(seconds_left, id)| Account {
        name: directory.name(id),
        provider: directory.tag(id),
        seconds_left,
    });
    Expiry { shown: shown.collect(), ..expiry }
}

fn connections(details: &BTreeMap<&str, Details>, folded: Details, directory: &Directory, limit: usize) -> Connections {
    let sum = |number: fn(&Details) -> Option<u64>| {
        details.values().chain([&folded]).filter_map(number).fold(0, u64::saturating_add)
    };
    let mut known: Vec<_> =
        details.iter().filter(|(_, details)| details.used.is_some() || details.max.is_some()).collect();
    let members = known.len();
    known.sort_by_key(|(_, details)| Reverse((thousandths(details), details.used)));
    let shown = known.into_iter().take(limit).map(|(&id, &Details { used, max, .. })| Usage {
        name: directory.name(id),
        provider: directory.tag(id),
        used,
        max,
    });
    Connections { used: sum(|known| known.used), max: sum(|known| known.max), members, shown: shown.collect() }
}

/// The share of connections in use; 0 where it is not known.
fn thousandths(details: &Details) -> u128 {
    match (details.used, details.max) {
        (Some(used), Some(max)) if max > 0 => u128::from(used) * 1_000 / u128::from(max),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use playarr_jobs::metric::Family;

    use super::*;
    use crate::overview::families::gauge;

    const ID: &[&str] = &["provider_id"];

    fn by_provider(name: &'static str, rows: &[(&'static str, f64)]) -> Family {
        let rows: Vec<_> = rows.iter().map(|(id, value)| (std::slice::from_ref(id), *value)).collect();
        gauge(name, ID, &rows)
    }

    fn providers(families: &[Family], limit: usize) -> Providers {
        let families = Families::new(families);
        Providers::of(&families, &Directory::of(&families), limit, 1e9)
    }

    #[test]
    fn expired_accounts_come_first_and_all_can_be_had() {
        let rows =
            [("gone", -400.0), ("later", 90.0), ("month", 30.0), ("soon", 7.0), ("today", 0.0), ("yesterday", -1.0)];
        let expiration: Vec<_> = rows.iter().map(|&(provider, days)| (provider, 1e9 + days * 86_400.0)).collect();
        let families = [
            by_provider("playarr_provider_expiration_timestamp_seconds", &expiration),
            by_provider("playarr_provider_active", &[("never", 1.0), ("gone", 0.0)]),
        ];
        let all = providers(&families, usize::MAX);
        let expiry = &all.expiry;
        let order: Vec<_> = expiry.shown.iter().map(|account| &*account.name).collect();
        assert_eq!(order, ["gone", "yesterday", "today", "soon", "month", "later", "never"]);
        assert_eq!((expiry.expired, expiry.week, expiry.month, expiry.later, expiry.never), (3, 1, 1, 1, 1));
        assert_eq!((all.members, all.active), (7, 1));
        assert_eq!(expiry.shown[0].provider.state, Some(ProviderState::Inactive));
        assert_eq!(providers(&families, 2).expiry.shown.len(), 2);
    }

    #[test]
    fn removed_providers_do_not_show() {
        let labels = ["provider_id", "provider_name", "provider_type"];
        let families = [
            gauge("playarr_provider_info", &labels, &[(&["a", "AGTV", "agtv"], 1.0), (&["b", "B", "agtv"], 1.0)]),
            by_provider("playarr_provider_expiration_timestamp_seconds", &[("a", 2e9), ("gone", 2e9)]),
            by_provider("playarr_provider_active_connections", &[("a", 1.0), ("gone", 4.0)]),
        ];
        let all = providers(&families, usize::MAX);
        assert_eq!((all.members, all.expiry.later, all.connections.used), (2, 1, 1));
        assert_eq!((all.expiry.shown[0].name.as_str(), all.connections.members), ("AGTV", 1));
    }

    #[test]
    fn the_largest_share_comes_first_and_senseless_numbers_do_no_harm() {
        let families = [
            by_provider("playarr_provider_active_connections", &[("a", 1.0), ("b", 2.0), ("c", -3.0), ("d", 1e300)]),
            by_provider("playarr_provider_max_connections", &[("a", 4.0), ("b", 2.0), ("c", 1.0), ("e", 0.0)]),
            by_provider("playarr_provider_expiration_timestamp_seconds", &[("d", 1e300), ("e", -1e300)]),
        ];
        let providers = providers(&families, usize::MAX);
        let connections = &providers.connections;
        let order: Vec<_> = connections.shown.iter().map(|usage| &*usage.name).collect();
        assert_eq!(order, ["b", "a", "d", "c", "e"]);
        assert_eq!((connections.used, connections.max, connections.members), (u64::MAX, 7, 5));
        assert_eq!(providers.expiry.shown[0].seconds_left, Some(i64::MIN));
        assert_eq!(providers.expiry.shown[1].seconds_left, Some(i64::MAX));
    }
}
