//! What sentences say.

use playarr_jobs::metric::{Family, Kind};
use playarr_jobs::refresh::Collector;

use super::*;

fn gauge(name: &'static str, labels: &[&'static str], rows: &[(&[&str], f64)]) -> Collector {
    let rows = rows.iter().map(|&(labels, value)| (labels.to_vec(), value));
    let family = Family::numbers(name, "Help.", Kind::Gauge, labels, rows);
    Collector {
        name: name.into(),
        family: Some(family.into()),
        folded: 0,
        duration: Duration::ZERO,
        last_success: None,
        error: None,
    }
}

fn told(before: Vec<Collector>, after: Vec<Collector>) -> Vec<String> {
    let snapshot = |collectors| Snapshot { generation: 1, taken_at: None, collectors, ..Snapshot::default() };
    let (before, after) = (snapshot(before), snapshot(after));
    let sentences = sentences(&Comparison::of(&before, &after), &ProviderNames::of(&before, &after));
    sentences.into_iter().map(|sentence| sentence.text).collect()
}

const INFO: &str = "playarr_provider_info";
const OF_INFO: [&str; 3] = ["provider_id", "provider_name", "provider_type"];
const CHANNELS: &str = "playarr_channels_count";
const OF_CHANNELS: [&str; 2] = ["provider_id", "category"];

#[test]
fn a_loss_is_told_with_its_share_and_its_largest_parts() {
    let before = gauge(
        CHANNELS,
        &OF_CHANNELS,
        &[
            (&["p1", "Sports"], 4_000.0),
            (&["p1", "News"], 2_000.0),
            (&["p1", "Kids"], 1_500.0),
            (&["p1", "Music"], 700.0),
            (&["p1", "Films"], 122.0),
        ],
    );
    let after = gauge(
        CHANNELS,
        &OF_CHANNELS,
        &[
            (&["p1", "Sports"], 2_100.0),
            (&["p1", "News"], 1_188.0),
            (&["p1", "Kids"], 900.0),
            (&["p1", "Music"], 600.0),
            (&["p1", "Films"], 122.0),
        ],
    );
    let info = || gauge(INFO, &OF_INFO, &[(&["p1", "agtv", "agtv"], 1.0)]);
    assert_eq!(
        told(vec![before, info()], vec![after, info()]),
        ["agtv lost 3,412 channels (-41 %): Sports -1,900, News -812, Kids -600 and 1 more"]
    );
}

#[test]
fn the_worst_comes_first_and_what_is_gone_still_has_its_name() {
    let active = |values: &[(&[&str], f64)]| gauge("playarr_provider_active", &["provider_id"], values);
    let titles =
        |count| gauge("playarr_main_titles_count", &["media_type"], &[(&["movies"], count), (&["tvshows"], 4.0)]);
    let before = vec![
        titles(10.0),
        gauge(CHANNELS, &OF_CHANNELS, &[(&["p2", "News"], 5.0), (&["p1", "News"], 8.0)]),
        gauge(INFO, &OF_INFO, &[(&["p1", "North", "x"], 1.0), (&["p2", "Sat", "x"], 1.0)]),
        active(&[(&["p1"], 1.0), (&["p2"], 1.0)]),
    ];
    let after = vec![
        titles(11.0),
        gauge(CHANNELS, &OF_CHANNELS, &[(&["p1", "News"], 7.0)]),
        gauge(INFO, &OF_INFO, &[(&["p1", "North", "x"], 1.0), (&["p3", "New", "x"], 1.0)]),
        active(&[(&["p1"], 0.0)]),
    ];
    assert_eq!(
        told(before, after),
        [
            "Sat is no longer a provider",
            "North has no active account any more",
            "Sat lost all of its 5 channels: News -5",
            "North lost 1 channel (-13 %): News -1",
            "New is a new provider",
            "The library gained 1 title (+7 %): movies +1",
        ]
    );
}

#[test]
fn folded_series_are_said_to_be_not_comparable() {
    let before = gauge(CHANNELS, &OF_CHANNELS, &[(&["p1", "News"], 8.0), (&["p1", "Kids"], 1.0)]);
    let mut after = gauge(CHANNELS, &OF_CHANNELS, &[(&["p1", "_other"], 9.0)]);
    after.folded = 2;
    assert_eq!(
        told(vec![before], vec![after]),
        ["playarr_channels_count: 3 series are folded into _other in one of the snapshots and not comparable; all of \
          its series together went from 9 to 9"]
    );
}

#[test]
fn a_date_a_name_and_other_categories_are_told() {
    let expiry = |time| gauge("playarr_provider_expiration_timestamp_seconds", &["provider_id"], &[(&["p1"], time)]);
    let before = vec![
        gauge(INFO, &OF_INFO, &[(&["p1", "Old", "x"], 1.0)]),
        expiry(1_800_000_000.0),
        gauge(CHANNELS, &OF_CHANNELS, &[(&["p1", "News"], 8.0)]),
    ];
    let after = vec![
        gauge(INFO, &OF_INFO, &[(&["p1", "Young", "x"], 1.0)]),
        expiry(1_790_000_000.0),
        gauge(CHANNELS, &OF_CHANNELS, &[(&["p1", "World"], 8.0)]),
    ];
    assert_eq!(
        told(before, after),
        [
            "Young expires on 2026-09-21, not on 2027-01-15",
            "Young has another name: it was Old",
            "Young has as many channels as before, but others: News -8, World +8",
        ]
    );
}

#[test]
fn a_gauge_without_a_wording_is_told_by_its_name() {
    let years = |count| gauge("playarr_custom_years", &["year"], &[(&["1999"], count), (&["2000"], 1.0)]);
    assert_eq!(told(vec![years(3.0)], vec![years(5.0)]), ["playarr_custom_years gained 2 (+50 %): 1999 +2"]);
    assert_eq!(
        told(vec![], vec![years(3.0)]),
        ["playarr_custom_years is not in the earlier snapshot and cannot be compared"]
    );
}
