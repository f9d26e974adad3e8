//! The database gauges counted from raw documents, straight from the definitions: naive on purpose, and sharing
//! nothing with the collectors it checks. It sees whole documents in memory, one family at a time, and knows no
//! pipelines, indexes or types of the service.

use std::collections::{BTreeMap, BTreeSet};

use mongodb::bson::{Bson, Document};

pub(crate) use super::library::Library;

/// Label name to value.
pub(crate) type Labels = BTreeMap<String, String>;
/// The series of one family.
pub(crate) type Gauge = BTreeMap<Labels, f64>;
/// Family name to its series; a family without series has an empty map.
pub(crate) type Gauges = BTreeMap<String, Gauge>;

/// How finely episodes are told apart; each step from the first leaves a label away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// `source`, `title_name` and `season`: the default.
    Title,
    /// `source` and `season`.
    Season,
    /// `source` alone.
    Source,
}

/// One line of the catalog: the labels in its order, and the one that outlives folding.
struct Family {
    name: &'static str,
    labels: &'static [&'static str],
    kept: Option<&'static str>,
}

const FAMILIES: [Family; 14] = [
    Family { name: "playarr_provider_titles_count", labels: &["provider_id", "media_type"], kept: Some("media_type") },
    Family { name: "playarr_main_titles_count", labels: &["media_type"], kept: None },
    Family { name: "playarr_episodes_count", labels: &["source", "title_name", "season"], kept: Some("source") },
    Family { name: "playarr_channels_count", labels: &["provider_id", "category"], kept: Some("provider_id") },
    Family { name: "playarr_watchlist_titles_count", labels: &["user", "media_type"], kept: Some("media_type") },
    Family { name: "playarr_watchlist_channels_count", labels: &["user"], kept: None },
    Family { name: "playarr_active_users", labels: &[], kept: None },
    Family { name: "playarr_ignored_provider_titles_count", labels: &["provider_id", "media_type"], kept: None },
    Family { name: "playarr_provider_info", labels: &["provider_id", "provider_name", "provider_type"], kept: None },
    Family { name: "playarr_provider_enabled", labels: &["provider_id"], kept: None },
    Family { name: "playarr_provider_active_connections", labels: &["provider_id"], kept: None },
    Family { name: "playarr_provider_max_connections", labels: &["provider_id"], kept: None },
    Family { name: "playarr_provider_active", labels: &["provider_id"], kept: None },
    Family { name: "playarr_provider_expiration_timestamp_seconds", labels: &["provider_id"], kept: None },
];

const MEDIA_TYPES: [&str; 2] = ["movies", "tvshows"];
const LONGEST_LABEL: usize = 1024;

/// Every database gauge of the library, unfolded.
pub(crate) fn gauges(library: &Library, detail: Detail) -> Gauges {
    let all = |collection: &str| library.get(collection).map_or(&[][..], Vec::as_slice);
    let providers = all("iptv_providers");
    let provider_titles = all("provider_titles");
    let users = all("users");
    FAMILIES
        .iter()
        .map(|family| {
            let gauge = match family.name {
                "playarr_provider_titles_count" => provider_titles_count(providers, provider_titles),
                "playarr_main_titles_count" => main_titles_count(all("titles")),
                "playarr_episodes_count" => episodes_count(all("titles"), detail),
                "playarr_channels_count" => channels_count(all("channels")),
                "playarr_watchlist_titles_count" => watchlist_titles_count(users),
                "playarr_watchlist_channels_count" => watchlist_channels_count(users),
                "playarr_active_users" => active_users(users),
                "playarr_ignored_provider_titles_count" => ignored_provider_titles_count(provider_titles),
                "playarr_provider_info" => provider_info(providers),
                "playarr_provider_enabled" => provider_enabled(providers),
                "playarr_provider_active_connections" => provider_number(providers, "active_connections", sum),
                "playarr_provider_max_connections" => provider_number(providers, "max_connections", sum),
                "playarr_provider_active" => provider_active(providers),
                "playarr_provider_expiration_timestamp_seconds" => {
                    provider_number(providers, "expiration_date", f64::min)
                }
                other => unreachable!("{other} has no count"),
            };
            (family.name.to_owned(), gauge)
        })
        .collect()
}

fn provider_titles_count(providers: &[Document], provider_titles: &[Document]) -> Gauge {
    let mut gauge = Gauge::new();
    for provider in shown(providers) {
        for media_type in MEDIA_TYPES {
            add(&mut gauge, [("provider_id", label(provider.get("id"))), ("media_type", media_type.to_owned())], 0.0);
        }
    }
    for title in provider_titles {
        add(&mut gauge, provider_title_labels(title), 1.0);
    }
    gauge
}

fn ignored_provider_titles_count(provider_titles: &[Document]) -> Gauge {
    let mut gauge = Gauge::new();
    for title in provider_titles.iter().filter(|title| is_true(title.get("ignored"))) {
        add(&mut gauge, provider_title_labels(title), 1.0);
    }
    gauge
}

fn provider_title_labels(title: &Document) -> [(&'static str, String); 2] {
    [("provider_id", label(title.get("provider_id"))), ("media_type", label(title.get("type")))]
}

fn main_titles_count(titles: &[Document]) -> Gauge {
    let mut gauge = Gauge::new();
    for media_type in MEDIA_TYPES {
        add(&mut gauge, [("media_type", media_type.to_owned())], 0.0);
    }
    for title in titles {
        add(&mut gauge, [("media_type", label(title.get("type")))], 1.0);
    }
    gauge
}

fn episodes_count(titles: &[Document], detail: Detail) -> Gauge {
    let mut gauge = Gauge::new();
    for title in titles {
        if title.get("type") != Some(&Bson::String("tvshows".to_owned())) {
            continue;
        }
        let title_name = label(title.get("title"));
        for episode in elements(title.get("media")).iter().filter_map(Bson::as_document) {
            let season = label(episode.get("season"));
            for source in elements(episode.get("sources")).iter().filter_map(Bson::as_document) {
                let source = ("source", label(source.get("provider_id")));
                let title_name = ("title_name", title_name.clone());
                let season = ("season", season.clone());
                match detail {
                    Detail::Source => add(&mut gauge, [source], 1.0),
                    Detail::Season => add(&mut gauge, [source, season], 1.0),
                    Detail::Title => add(&mut gauge, [source, title_name, season], 1.0),
                }
            }
        }
    }
    gauge
}

fn channels_count(channels: &[Document]) -> Gauge {
    let mut gauge = Gauge::new();
    for channel in channels {
        let labels =
            [("provider_id", label(channel.get("provider_id"))), ("category", label(channel.get("group_title")))];
        add(&mut gauge, labels, 1.0);
    }
    gauge
}

fn watchlist_titles_count(users: &[Document]) -> Gauge {
    let mut gauge = Gauge::new();
    for user in users {
        for media_type in MEDIA_TYPES {
            let labels = [("user", label(user.get("username"))), ("media_type", media_type.to_owned())];
            add(&mut gauge, labels, watchlist_length(user, media_type));
        }
    }
    gauge
}

fn watchlist_channels_count(users: &[Document]) -> Gauge {
    let mut gauge = Gauge::new();
    for user in users {
        add(&mut gauge, [("user", label(user.get("username")))], watchlist_length(user, "live"));
    }
    gauge
}

/// 0 unless `watchlist` is an object and its member an array; what the elements are does not matter.
fn watchlist_length(user: &Document, member: &str) -> f64 {
    let watchlist = user.get("watchlist").and_then(Bson::as_document);
    elements(watchlist.and_then(|watchlist| watchlist.get(member))).len() as f64
}

fn active_users(users: &[Document]) -> Gauge {
    let mut gauge = Gauge::new();
    // A gauge without labels has its one series even when nobody is active.
    add(&mut gauge, [], 0.0);
    for user in users {
        let has_key = matches!(user.get("api_key"), Some(Bson::String(key)) if !key.is_empty());
        let inactive = matches!(user.get("status"), Some(Bson::String(status)) if status == "inactive");
        if has_key && !inactive {
            add(&mut gauge, [], 1.0);
        }
    }
    gauge
}

fn provider_info(providers: &[Document]) -> Gauge {
    let mut gauge = Gauge::new();
    for provider in shown(providers) {
        let labels = [
            ("provider_id", label(provider.get("id"))),
            ("provider_name", label(provider.get("name"))),
            ("provider_type", label(provider.get("type"))),
        ];
        merge(&mut gauge, labels, 1.0, f64::max);
    }
    gauge
}

fn provider_enabled(providers: &[Document]) -> Gauge {
    let mut gauge = Gauge::new();
    for provider in shown(providers) {
        let enabled = if provider.get("enabled") == Some(&Bson::Boolean(false)) { 0.0 } else { 1.0 };
        merge(&mut gauge, [("provider_id", label(provider.get("id")))], enabled, f64::max);
    }
    gauge
}

/// A number of `provider_details`; a provider that has none there has no series.
fn provider_number(providers: &[Document], member: &str, with: fn(f64, f64) -> f64) -> Gauge {
    let mut gauge = Gauge::new();
    for provider in shown(providers) {
        let details = provider.get("provider_details").and_then(Bson::as_document);
        if let Some(value) = details.and_then(|details| number(details.get(member))) {
            merge(&mut gauge, [("provider_id", label(provider.get("id")))], value, with);
        }
    }
    gauge
}

fn provider_active(providers: &[Document]) -> Gauge {
    let mut gauge = Gauge::new();
    for provider in shown(providers) {
        if let Some(details) = provider.get("provider_details").and_then(Bson::as_document) {
            let active = if is_true(details.get("active")) { 1.0 } else { 0.0 };
            merge(&mut gauge, [("provider_id", label(provider.get("id")))], active, f64::max);
        }
    }
    gauge
}

/// The providers that have series of their own.
fn shown(providers: &[Document]) -> impl Iterator<Item = &Document> {
    providers.iter().filter(|provider| !is_true(provider.get("deleted")))
}

/// What becomes equal adds up.
fn add<const N: usize>(gauge: &mut Gauge, labels: [(&str, String); N], value: f64) {
    merge(gauge, labels, value, sum);
}

fn merge<const N: usize>(gauge: &mut Gauge, labels: [(&str, String); N], value: f64, with: fn(f64, f64) -> f64) {
    let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    gauge.entry(labels).and_modify(|merged| *merged = with(*merged, value)).or_insert(value);
}

fn sum(one: f64, other: f64) -> f64 {
    one + other
}

/// The one rule for messy values.
fn label(value: Option<&Bson>) -> String {
    match value {
        Some(Bson::String(text)) if !text.is_empty() => cut(text).to_owned(),
        Some(Bson::Int32(number)) => number.to_string(),
        Some(Bson::Int64(number)) => number.to_string(),
        // Every digit, so that a double reads as the integer it equals; adding 0 turns -0 to 0.
        Some(Bson::Double(number)) if number.fract() == 0.0 => format!("{:.0}", number + 0.0),
        _ => "unknown".to_owned(),
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_LABEL);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn is_true(value: Option<&Bson>) -> bool {
    value == Some(&Bson::Boolean(true))
}

fn number(value: Option<&Bson>) -> Option<f64> {
    match value? {
        Bson::Int32(number) => Some(f64::from(*number)),
        Bson::Int64(number) => Some(*number as f64),
        Bson::Double(number) if number.is_finite() => Some(*number),
        _ => None,
    }
}

fn elements(value: Option<&Bson>) -> &[Bson] {
    value.and_then(Bson::as_array).map_or(&[], Vec::as_slice)
}

/// The gauges as they are shown under a budget of series per family.
///
/// The largest values stay, as many as there is room for beside the series the others are summed into.
pub(crate) fn folded(gauges: &Gauges, budget: usize) -> Gauges {
    gauges
        .iter()
        .map(|(name, gauge)| {
            let family = FAMILIES.iter().find(|family| family.name == name).expect("a family of the catalog");
            (name.clone(), fold(family, gauge, budget))
        })
        .collect()
}

fn fold(family: &Family, gauge: &Gauge, budget: usize) -> Gauge {
    if gauge.len() <= budget {
        return gauge.clone();
    }
    let mut ranked: Vec<(&Labels, f64)> = gauge.iter().map(|(labels, value)| (labels, *value)).collect();
    ranked.sort_by_cached_key(|(labels, _)| in_catalog_order(family, labels));
    // The sort is stable: equal values stay in the order of their labels.
    ranked.sort_by(|(_, one), (_, other)| other.total_cmp(one));

    let (staying, kept) = match room_beside_folded(family, &ranked, budget) {
        Some(staying) => (staying, family.kept),
        // The kept label alone exceeds the budget: it folds too.
        None => (budget.saturating_sub(1), None),
    };
    let mut shown = Gauge::new();
    for (rank, (labels, value)) in ranked.into_iter().enumerate() {
        let labels = if rank < staying { labels.clone() } else { others(labels, kept) };
        *shown.entry(labels).or_insert(0.0) += value;
    }
    shown
}

/// How many series can stay so that they and the ones the rest is folded into keep within the budget.
fn room_beside_folded(family: &Family, ranked: &[(&Labels, f64)], budget: usize) -> Option<usize> {
    let mut folded_into = BTreeSet::new();
    for staying in (0..ranked.len()).rev() {
        folded_into.insert(others(ranked[staying].0, family.kept));
        if staying + folded_into.len() <= budget {
            return Some(staying);
        }
    }
    None
}

/// The labels of the series this one is folded into.
fn others(labels: &Labels, kept: Option<&str>) -> Labels {
    let fold = |(name, value): (&String, &String)| {
        let value = if kept == Some(name.as_str()) { value.clone() } else { "_other".to_owned() };
        (name.clone(), value)
    };
    labels.iter().map(fold).collect()
}

fn in_catalog_order(family: &Family, labels: &Labels) -> Vec<String> {
    family.labels.iter().filter_map(|name| labels.get(*name).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Decimal128, bson, doc};

    use super::*;

    fn library(collection: &str, documents: Vec<Document>) -> Library {
        Library::from([(collection.to_owned(), documents)])
    }

    /// `a=x,b=y value` lines, labels by name, in the order of the map.
    fn text(gauge: &Gauge) -> Vec<String> {
        gauge
            .iter()
            .map(|(labels, value)| {
                let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{} {value}", labels.join(","))
            })
            .collect()
    }

    fn count(library: &Library, name: &str) -> Vec<String> {
        text(&gauges(library, Detail::Title)[name])
    }

    fn series(labels: &[(&str, &str)], value: f64) -> (Labels, f64) {
        (labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(), value)
    }

    fn within(name: &str, gauge: Gauge, budget: usize) -> Vec<String> {
        text(&folded(&Gauges::from([(name.to_owned(), gauge)]), budget)[name])
    }

    #[test]
    fn labels_follow_one_rule() {
        let decimal: Decimal128 = "1".parse().unwrap();
        let cases = [
            (bson!("agtv"), "agtv"),
            (bson!(" "), " "),
            (bson!(""), "unknown"),
            (bson!(1), "1"),
            (bson!(-1), "-1"),
            (bson!(9_007_199_254_740_993_i64), "9007199254740993"),
            (bson!(1.0), "1"),
            (bson!(-0.0), "0"),
            (bson!(1e21), "1000000000000000000000"),
            // The long of the same value reads the same.
            (bson!(1_152_921_504_606_846_976.0), "1152921504606846976"),
            (bson!(1.5), "unknown"),
            (bson!(f64::NAN), "unknown"),
            (bson!(f64::INFINITY), "unknown"),
            (Bson::Decimal128(decimal), "unknown"),
            (Bson::Symbol("agtv".to_owned()), "unknown"),
            (bson!(true), "unknown"),
            (bson!(null), "unknown"),
            (bson!(["agtv"]), "unknown"),
            (bson!({ "id": "agtv" }), "unknown"),
        ];
        for (value, expected) in cases {
            assert_eq!(label(Some(&value)), expected, "{value:?}");
        }
        assert_eq!(label(None), "unknown");
    }

    #[test]
    fn long_labels_are_cut_at_a_character_boundary() {
        let whole = "x".repeat(1024);
        assert_eq!(cut(&whole), whole);
        assert_eq!(cut(&format!("{whole}y")), whole);
        let split = format!("{}öö", "x".repeat(1023));
        assert_eq!(cut(&split), "x".repeat(1023));
        let wide = "🎬".repeat(257);
        assert_eq!(cut(&wide), "🎬".repeat(256));
    }

    #[test]
    fn long_names_with_an_equal_start_add_up() {
        let name = |end: &str| format!("{}{end}", "x".repeat(1024));
        let channels = vec![
            doc! { "provider_id": "a", "group_title": name("one") },
            doc! { "provider_id": "a", "group_title": name("two") },
        ];
        let gauges = gauges(&library("channels", channels), Detail::Title);
        assert_eq!(gauges["playarr_channels_count"].values().collect::<Vec<_>>(), [&2.0]);
    }

    #[test]
    fn an_empty_library_has_every_family_and_its_zeros() {
        let gauges = gauges(&Library::new(), Detail::Title);
        assert_eq!(gauges.len(), 14);
        assert_eq!(text(&gauges["playarr_main_titles_count"]), ["media_type=movies 0", "media_type=tvshows 0"]);
        assert_eq!(text(&gauges["playarr_active_users"]), [" 0"]);
        assert_eq!(gauges.values().filter(|gauge| gauge.is_empty()).count(), 12);
    }

    #[test]
    fn only_providers_deleted_exactly_true_lose_their_zeros() {
        let mut library = library(
            "iptv_providers",
            vec![
                doc! { "id": "gone", "deleted": true },
                doc! { "id": "listed", "deleted": [true] },
                doc! { "id": "one", "deleted": 1 },
                doc! { "deleted": null },
            ],
        );
        library.insert("provider_titles".to_owned(), vec![doc! { "provider_id": "gone", "type": "movies" }]);
        let expected = [
            "media_type=movies,provider_id=gone 1",
            "media_type=movies,provider_id=listed 0",
            "media_type=movies,provider_id=one 0",
            "media_type=movies,provider_id=unknown 0",
            "media_type=tvshows,provider_id=listed 0",
            "media_type=tvshows,provider_id=one 0",
            "media_type=tvshows,provider_id=unknown 0",
        ];
        let mut lines = count(&library, "playarr_provider_titles_count");
        lines.sort();
        assert_eq!(lines, expected);
    }

    #[test]
    fn episodes_are_sources_of_objects_in_arrays() {
        let episode = doc! { "season": 1, "sources": [
            { "provider_id": "a" }, { "provider_id": "a" }, { "url": "no provider" },
            null, "a", ["a"], [{ "provider_id": "a" }],
        ] };
        let titles = vec![
            doc! { "type": "tvshows", "title": "T", "media": [
                episode.clone(), "a", null, [episode.clone()],
                { "season": 1.0, "sources": [{ "provider_id": "a" }] },
                { "season": "1", "sources": [{ "provider_id": "a" }] },
                { "season": 1, "sources": { "provider_id": "a" } },
                { "season": 1 },
            ] },
            doc! { "type": "tvshows", "title": "T", "media": [{ "season": 1, "sources": [{ "provider_id": "a" }] }] },
            doc! { "type": "tvshows", "title": "T", "media": episode.clone() },
            doc! { "type": ["tvshows"], "title": "T", "media": [episode.clone()] },
            doc! { "type": "movies", "title": "T", "media": [episode] },
        ];
        let library = library("titles", titles);
        assert_eq!(
            count(&library, "playarr_episodes_count"),
            ["season=1,source=a,title_name=T 5", "season=1,source=unknown,title_name=T 1"]
        );
        let at = |detail| text(&gauges(&library, detail)["playarr_episodes_count"]);
        assert_eq!(at(Detail::Season), ["season=1,source=a 5", "season=1,source=unknown 1"]);
        assert_eq!(at(Detail::Source), ["source=a 5", "source=unknown 1"]);
    }

    #[test]
    fn a_watchlist_that_is_no_array_has_length_0() {
        let users = vec![
            doc! { "username": "a", "watchlist": { "movies": [1, null, [1, 2]], "tvshows": "x", "live": { "0": 1 } } },
            doc! { "username": "b", "watchlist": [{ "movies": [1], "live": [1] }] },
            doc! { "username": 7, "watchlist": { "live": [1] } },
            doc! { "username": "7", "watchlist": { "live": [1, 2] } },
        ];
        let library = library("users", users);
        assert_eq!(
            count(&library, "playarr_watchlist_titles_count"),
            [
                "media_type=movies,user=7 0",
                "media_type=movies,user=a 3",
                "media_type=movies,user=b 0",
                "media_type=tvshows,user=7 0",
                "media_type=tvshows,user=a 0",
                "media_type=tvshows,user=b 0",
            ]
        );
        assert_eq!(count(&library, "playarr_watchlist_channels_count"), ["user=7 3", "user=a 0", "user=b 0"]);
    }

    #[test]
    fn active_users_have_a_key_and_are_not_inactive() {
        let users = vec![
            doc! { "api_key": "k" },
            doc! { "api_key": "k", "status": null },
            doc! { "api_key": "k", "status": ["inactive"] },
            doc! { "api_key": "k", "status": "inactive" },
            doc! { "api_key": "" },
            doc! { "api_key": 1 },
            doc! { "api_key": ["k"] },
            doc! {},
        ];
        assert_eq!(count(&library("users", users), "playarr_active_users"), [" 3"]);
    }

    #[test]
    fn ignored_is_exactly_true() {
        let titles = [bson!(true), bson!(1), bson!("true"), bson!([true]), bson!(null)]
            .map(|ignored| doc! { "provider_id": "a", "type": "movies", "ignored": ignored })
            .to_vec();
        assert_eq!(
            count(&library("provider_titles", titles), "playarr_ignored_provider_titles_count"),
            ["media_type=movies,provider_id=a 1"]
        );
    }

    #[test]
    fn provider_details_show_numbers_and_hide_the_rest() {
        let decimal: Decimal128 = "1".parse().unwrap();
        let providers = vec![
            doc! { "id": "gone", "deleted": true, "provider_details": {
                "active": true, "active_connections": 1, "max_connections": 1, "expiration_date": 1,
            } },
            doc! { "id": "a", "deleted": 1, "provider_details": {
                "active": true, "active_connections": 0, "max_connections": 1.5, "expiration_date": 5_i64,
            } },
            doc! { "id": "b", "provider_details": {
                "active": null, "active_connections": f64::NAN, "max_connections": decimal, "expiration_date": null,
            } },
            doc! { "id": "c", "provider_details": {} },
            doc! { "id": "d", "provider_details": [{ "active": true, "max_connections": 1 }] },
            doc! { "id": "e", "provider_details": null },
            doc! { "id": 9, "provider_details": {
                "active": true, "active_connections": 1, "max_connections": 2, "expiration_date": 9,
            } },
            doc! { "id": "9", "provider_details": {
                "active": false, "active_connections": 2, "max_connections": 3, "expiration_date": 7,
            } },
        ];
        let library = library("iptv_providers", providers);
        assert_eq!(count(&library, "playarr_provider_active_connections"), ["provider_id=9 3", "provider_id=a 0"]);
        assert_eq!(count(&library, "playarr_provider_max_connections"), ["provider_id=9 5", "provider_id=a 1.5"]);
        assert_eq!(
            count(&library, "playarr_provider_expiration_timestamp_seconds"),
            ["provider_id=9 7", "provider_id=a 5"]
        );
        assert_eq!(
            count(&library, "playarr_provider_active"),
            ["provider_id=9 1", "provider_id=a 1", "provider_id=b 0", "provider_id=c 0"]
        );
    }

    #[test]
    fn providers_are_named_and_enabled_unless_deleted() {
        let providers = vec![
            doc! { "id": "a", "name": "A", "type": "agtv", "enabled": true },
            doc! { "id": "a", "name": "A", "type": "agtv", "enabled": false },
            doc! { "id": "b", "name": "", "enabled": false },
            doc! { "id": "c", "name": 7, "type": ["x"], "enabled": 0 },
            doc! { "id": "d", "name": "D", "deleted": true, "enabled": true },
        ];
        let library = library("iptv_providers", providers);
        assert_eq!(
            count(&library, "playarr_provider_info"),
            [
                "provider_id=a,provider_name=A,provider_type=agtv 1",
                "provider_id=b,provider_name=unknown,provider_type=unknown 1",
                "provider_id=c,provider_name=7,provider_type=unknown 1",
            ]
        );
        assert_eq!(
            count(&library, "playarr_provider_enabled"),
            ["provider_id=a 1", "provider_id=b 0", "provider_id=c 1"]
        );
    }

    fn channel(provider: &str, category: &str, value: f64) -> (Labels, f64) {
        series(&[("provider_id", provider), ("category", category)], value)
    }

    const CHANNELS: &str = "playarr_channels_count";

    #[test]
    fn within_the_budget_nothing_folds() {
        let gauge = Gauge::from([channel("a", "x", 1.0), channel("b", "x", 1.0)]);
        assert_eq!(within(CHANNELS, gauge.clone(), 2), text(&gauge));
    }

    #[test]
    fn the_largest_stay_beside_one_series_per_kept_label() {
        let gauge = Gauge::from([
            channel("a", "x", 9.0),
            channel("a", "y", 2.0),
            channel("a", "z", 1.0),
            channel("b", "x", 8.0),
            channel("b", "y", 2.0),
        ]);
        // One more could stay were it not for b's own series of others.
        assert_eq!(
            within(CHANNELS, gauge.clone(), 4),
            [
                "category=_other,provider_id=a 3",
                "category=_other,provider_id=b 2",
                "category=x,provider_id=a 9",
                "category=x,provider_id=b 8",
            ]
        );
        assert_eq!(
            within(CHANNELS, gauge.clone(), 3),
            ["category=_other,provider_id=a 3", "category=_other,provider_id=b 10", "category=x,provider_id=a 9"]
        );
        assert_eq!(
            within(CHANNELS, gauge.clone(), 2),
            ["category=_other,provider_id=a 12", "category=_other,provider_id=b 10"]
        );
        // Two kept values do not go into one series.
        assert_eq!(within(CHANNELS, gauge, 1), ["category=_other,provider_id=_other 22"]);
    }

    #[test]
    fn a_kept_label_beyond_the_budget_folds_too() {
        let gauge =
            (0..5).map(|n| series(&[("source", &format!("p{n}")), ("title_name", "T")], f64::from(n))).collect();
        assert_eq!(
            within("playarr_episodes_count", gauge, 3),
            ["source=_other,title_name=_other 3", "source=p3,title_name=T 3", "source=p4,title_name=T 4"]
        );
    }

    #[test]
    fn ties_go_by_the_labels_in_catalog_order() {
        // By provider first, though category comes first by name.
        let gauge = Gauge::from([
            channel("a", "z", 1.0),
            channel("b", "a", 1.0),
            channel("b", "b", 1.0),
            channel("a", "y", 1.0),
        ]);
        assert_eq!(
            within(CHANNELS, gauge, 3),
            ["category=_other,provider_id=b 2", "category=y,provider_id=a 1", "category=z,provider_id=a 1"]
        );
    }

    #[test]
    fn a_real_series_that_reads_like_a_folded_one_adds_up_with_it() {
        let gauge = Gauge::from([channel("a", "_other", 9.0), channel("a", "x", 2.0), channel("a", "y", 1.0)]);
        assert_eq!(within(CHANNELS, gauge, 2), ["category=_other,provider_id=a 12"]);
        let users = ["_other", "a", "b", "c"];
        let gauge = users.iter().map(|user| series(&[("user", user)], 1.0)).collect();
        assert_eq!(within("playarr_watchlist_channels_count", gauge, 3), ["user=_other 3", "user=a 1"]);
    }

    #[test]
    fn a_family_without_a_kept_label_folds_into_one_series() {
        let gauge = Gauge::from([
            series(&[("provider_id", "a"), ("media_type", "movies")], 3.0),
            series(&[("provider_id", "a"), ("media_type", "tvshows")], 2.0),
            series(&[("provider_id", "b"), ("media_type", "movies")], 1.0),
        ]);
        assert_eq!(
            within("playarr_ignored_provider_titles_count", gauge, 2),
            ["media_type=_other,provider_id=_other 3", "media_type=movies,provider_id=a 3"]
        );
    }
}
