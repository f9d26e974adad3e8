//! How the accounts at the providers are: until when, and how many of their connections are in use.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::families::{Families, whole};

/// How many providers are shown one by one.
const MOST: usize = 10;

const DAY: i64 = 24 * 60 * 60;

/// For how long an account that has expired is news. After that, those that expire next are shown first.
const NEWS: i64 = 30 * DAY;

/// Every account of which something is known.
#[derive(Debug, Serialize)]
pub struct Providers {
    /// How many there are.
    pub members: usize,
    /// How many of them are active.
    pub active: usize,
    /// Those of the library's largest that are not.
    pub inactive: Vec<String>,
    /// When they expire.
    pub expiry: Expiry,
    /// How busy they are.
    pub connections: Connections,
}

/// When accounts expire.
#[derive(Debug, Default, Serialize)]
pub struct Expiry {
    /// Have expired.
    pub expired: usize,
    /// Expire within 7 days.
    pub week: usize,
    /// Expire within 30 days, but not within 7.
    pub month: usize,
    /// Expire after that.
    pub later: usize,
    /// Do not expire.
    pub never: usize,
    /// The most urgent, the very most urgent first.
    pub shown: Vec<Account>,
}

/// When an account expires.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The provider.
    pub provider_id: String,
    /// Whether it is active; none if that is not known.
    pub active: Option<bool>,
    /// The seconds that are left, below 0 if it has expired; none without an expiry.
    pub seconds_left: Option<i64>,
}

/// Connections in use.
#[derive(Debug, Serialize)]
pub struct Connections {
    /// In use at all providers together.
    pub used: u64,
    /// Allowed by all providers together.
    pub max: u64,
    /// How many providers tell something about their connections.
    pub members: usize,
    /// The busiest, the very busiest first.
    pub shown: Vec<Busy>,
}

/// How busy an account is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Busy {
    /// The provider.
    pub provider_id: String,
    /// Whether it is active; none if that is not known.
    pub active: Option<bool>,
    /// Connections in use; none if unknown.
    pub used: Option<u64>,
    /// Connections allowed; none if unknown.
    pub max: Option<u64>,
}

#[derive(Default)]
struct Known {
    active: Option<bool>,
    expires: Option<f64>,
    used: Option<u64>,
    max: Option<u64>,
}

impl Providers {
    /// The accounts as they are at a moment, in seconds since the epoch; `largest` are told apart by whether they are
    /// active.
    pub(super) fn of<'l>(families: &Families<'_>, largest: impl Iterator<Item = &'l str>, now: f64) -> Self {
        let mut known: BTreeMap<&str, Known> = BTreeMap::new();
        for ([provider], active) in families.numbers("playarr_provider_active", ["provider_id"]) {
            known.entry(provider).or_default().active = Some(active > 0.0);
        }
        for ([provider], time) in
            families.numbers("playarr_provider_expiration_timestamp_seconds", ["provider_id"])
        {
            known.entry(provider).or_default().expires = Some(time);
        }
        for ([provider], used) in families.numbers("playarr_provider_active_connections", ["provider_id"]) {
            known.entry(provider).or_default().used = Some(whole(used));
        }
        for ([provider], max) in families.numbers("playarr_provider_max_connections", ["provider_id"]) {
            known.entry(provider).or_default().max = Some(whole(max));
        }
        Self {
            members: known.len(),
            active: known.values().filter(|known| known.active == Some(true)).count(),
            inactive: largest
                .filter(|largest| known.get(largest).is_some_and(|known| known.active == Some(false)))
                .map(str::to_owned)
                .collect(),
            expiry: expiry(&known, now),
            connections: connections(&known),
        }
    }
}

fn expiry(known: &BTreeMap<&str, Known>, now: f64) -> Expiry {
    let mut expiry = Expiry::default();
    let mut accounts: Vec<_> = known
        .iter()
        .map(|(&provider, known)| {
            #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
            let seconds_left = known.expires.map(|expires| (expires - now).floor() as i64);
            Account { provider_id: provider.to_owned(), active: known.active, seconds_left }
        })
        .collect();
    for account in &accounts {
        *match account.seconds_left {
            None => &mut expiry.never,
            Some(..=0) => &mut expiry.expired,
            Some(left) if left <= 7 * DAY => &mut expiry.week,
            Some(left) if left <= 30 * DAY => &mut expiry.month,
            Some(_) => &mut expiry.later,
        } += 1;
    }
    accounts.sort_by_key(|account| match account.seconds_left {
        Some(left) if left > -NEWS => (0, left),
        Some(left) => (1, left.saturating_neg()),
        None => (2, 0),
    });
    accounts.truncate(MOST);
    expiry.shown = accounts;
    expiry
}

fn connections(known: &BTreeMap<&str, Known>) -> Connections {
    let sum =
        |number: fn(&Known) -> Option<u64>| known.values().filter_map(number).fold(0, u64::saturating_add);
    let mut busy: Vec<_> = known
        .iter()
        .filter(|(_, known)| known.used.is_some() || known.max.is_some())
        .map(|(&provider, &Known { active, used, max, .. })| Busy {
            provider_id: provider.to_owned(),
            active,
            used,
            max,
        })
        .collect();
    let members = busy.len();
    busy.sort_by_key(|busy| Reverse((thousandths(busy), busy.used)));
    busy.truncate(MOST);
    Connections { used: sum(|known| known.used), max: sum(|known| known.max), members, shown: busy }
}

/// How much of what is allowed is in use; nothing where that cannot be said.
fn thousandths(busy: &Busy) -> u128 {
    match (busy.used, busy.max) {
        (Some(used), Some(max)) if max > 0 => u128::from(used) * 1_000 / u128::from(max),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use playarr_jobs::metric::{Family, Kind};

    use super::*;

    fn gauge(name: &'static str, rows: &[(&'static str, f64)]) -> Family {
        let rows = rows.iter().map(|&(provider, value)| (vec![provider], value));
        Family::numbers(name, "Help.", Kind::Gauge, &["provider_id"], rows)
    }

    #[test]
    fn the_most_urgent_come_first_and_those_long_gone_do_not_hide_them() {
        let day = 86_400.0;
        let rows = [
            ("gone", -400.0),
            ("later", 90.0),
            ("month", 30.0),
            ("soon", 7.0),
            ("today", 0.0),
            ("yesterday", -1.0),
        ];
        let expiration: Vec<_> = rows.iter().map(|&(provider, days)| (provider, 1e9 + days * day)).collect();
        let families = [
            gauge("playarr_provider_expiration_timestamp_seconds", &expiration),
            gauge("playarr_provider_active", &[("never", 1.0), ("gone", 0.0)]),
        ];
        let providers = Providers::of(&Families::new(&families), ["gone", "never", "soon"].into_iter(), 1e9);
        let expiry = &providers.expiry;
        let order: Vec<_> = expiry.shown.iter().map(|account| &*account.provider_id).collect();
        assert_eq!(order, ["yesterday", "today", "soon", "month", "later", "gone", "never"]);
        assert_eq!((expiry.expired, expiry.week, expiry.month, expiry.later, expiry.never), (3, 1, 1, 1, 1));
        assert_eq!((providers.members, providers.active), (7, 1));
        assert_eq!(providers.inactive, ["gone"]);
        assert_eq!(expiry.shown[5].active, Some(false));
    }

    #[test]
    fn the_busiest_come_first_and_numbers_that_make_no_sense_do_no_harm() {
        let families = [
            gauge(
                "playarr_provider_active_connections",
                &[("a", 1.0), ("b", 2.0), ("c", -3.0), ("d", 1e300)],
            ),
            gauge("playarr_provider_max_connections", &[("a", 4.0), ("b", 2.0), ("c", 1.0), ("e", 0.0)]),
            gauge("playarr_provider_expiration_timestamp_seconds", &[("d", 1e300), ("e", -1e300)]),
        ];
        let providers = Providers::of(&Families::new(&families), [].into_iter(), 1e9);
        let connections = &providers.connections;
        let order: Vec<_> = connections.shown.iter().map(|busy| &*busy.provider_id).collect();
        assert_eq!(order, ["b", "a", "d", "c", "e"]);
        assert_eq!((connections.used, connections.max, connections.members), (u64::MAX, 7, 5));
        assert_eq!(providers.expiry.shown[0].seconds_left, Some(i64::MAX));
        assert_eq!(providers.expiry.shown[1].seconds_left, Some(i64::MIN));
    }
}
