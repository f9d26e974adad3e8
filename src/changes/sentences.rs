//! What is different, in sentences, worst first.

use std::time::{Duration, UNIX_EPOCH};

use playarr_jobs::metric::{OTHER, UNKNOWN};
use playarr_jobs::refresh::Snapshot;
use serde::Serialize;

use super::diff::{Comparison, FamilyChange};
use super::difference::Difference;
use super::group::ChangedGroup;
use super::number::{amount, share, signed};
use super::wording::{self, Subject, Telling};
use crate::overview::Directory;

/// How many parts of a change a sentence names.
const MAX_PARTS: usize = 3;

/// One thing that is different.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Sentence {
    /// "agtv lost 3,412 channels (-41 %): Sports -1,900, News -812".
    pub(crate) text: String,
    /// How bad it is.
    pub(crate) urgency: Urgency,
    /// The gauge.
    pub(crate) metric: String,
    /// The value of its first label, if the sentence is about one.
    pub(crate) group: Option<String>,
    /// The sum before.
    pub(crate) before: Option<f64>,
    /// The sum after.
    pub(crate) after: Option<f64>,
    /// How many of its series cannot be compared.
    pub(crate) not_comparable: usize,
    /// Among those of one urgency, the larger comes first.
    #[serde(skip)]
    weight: f64,
}

/// How bad a change is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Urgency {
    /// A provider no longer works or exists.
    Outage,
    /// Something is less than it was.
    Loss,
    /// Something is more than it was, or just different.
    Change,
    /// Something cannot be compared.
    Note,
}

/// ProviderNames in place of ids: those of the later snapshot, or of the earlier one for what is gone.
pub(crate) struct ProviderNames {
    before: Directory,
    after: Directory,
}

impl ProviderNames {
    /// The names in two snapshots.
    pub(crate) fn of(before: &Snapshot, after: &Snapshot) -> Self {
        Self { before: Directory::of_snapshot(before), after: Directory::of_snapshot(after) }
    }

    /// The name of a provider.
    pub(crate) fn provider(&self, id: &str) -> String {
        match id {
            OTHER => "Other providers".to_owned(),
            UNKNOWN => "An unknown provider".to_owned(),
            id if self.after.has(id) => self.after.name(id),
            id => self.before.name(id),
        }
    }
}

/// Everything that is different, worst first.
pub(crate) fn sentences(comparison: &Comparison<'_>, names: &ProviderNames) -> Vec<Sentence> {
    let mut sentences: Vec<_> = comparison.families.iter().flat_map(|family| of_family(family, names)).collect();
    sentences.sort_by(|a, b| {
        let by_urgency = a.urgency.cmp(&b.urgency).then_with(|| b.weight.total_cmp(&a.weight));
        by_urgency.then_with(|| a.text.cmp(&b.text))
    });
    sentences
}

fn of_family(family: &FamilyChange<'_>, names: &ProviderNames) -> Vec<Sentence> {
    let mut found = Vec::new();
    let wording = wording::of(family.name());
    let (sum_before, sum_after) = (family.sum_before(), family.sum_after());
    let note = |text: String, not_comparable| Sentence {
        text,
        urgency: Urgency::Note,
        metric: family.name().to_owned(),
        group: None,
        before: sum_before,
        after: sum_after,
        not_comparable,
        weight: 0.0,
    };
    let (Some(before), Some(after)) = (sum_before, sum_after) else {
        let when = if sum_before.is_none() { "earlier" } else { "later" };
        return vec![note(format!("{} is not in the {when} snapshot and cannot be compared", family.name()), 0)];
    };
    if !family.has_same_labels() {
        let text = format!(
            "{} has other labels than before, so its series cannot be compared; together they went from {} to {}",
            family.name(),
            amount(before),
            amount(after)
        );
        return vec![note(text, family.series.len())];
    }
    let subject = wording.map(|wording| wording.subject);
    if let None | Some(Subject::Whole(_)) = subject {
        let name = if let Some(Subject::Whole(name)) = subject { name } else { family.name() };
        let whole = whole(family, before, after);
        let shape = wording.map_or(Telling::Neutral("", ""), |wording| wording.shape);
        found.extend(tell(family, name, None, &whole, shape));
    } else {
        for group in &family.groups {
            let name = match subject {
                Some(Subject::Provider) => names.provider(group.name),
                _ if group.name == OTHER => "Other users".to_owned(),
                _ => group.name.to_owned(),
            };
            let shape = wording.map_or(Telling::Neutral("", ""), |wording| wording.shape);
            found.extend(tell(family, &name, Some(group.name), group, shape));
        }
    }
    let not_comparable = family.count(Difference::NotComparable);
    if not_comparable > 0 {
        let folded = if not_comparable == 1 {
            "1 series is".to_owned()
        } else {
            format!("{} series are", amount(count(not_comparable)))
        };
        let text = format!(
            "{}: {folded} folded into _other in one of the snapshots and not comparable; all of its series together \
             went from {} to {}",
            family.name(),
            amount(before),
            amount(after)
        );
        found.push(note(text, not_comparable));
    }
    found
}

/// A family as one group, whose parts are the values of its first label.
fn whole<'s>(family: &FamilyChange<'s>, before: f64, after: f64) -> ChangedGroup<'s> {
    let changed = family.groups.iter().filter(|group| group.name != OTHER && !group.name.is_empty());
    let mut parts: Vec<_> = changed.map(|group| (group.name, group.after - group.before)).collect();
    parts.retain(|(_, change)| *change != 0.0);
    parts.sort_by(|(one, a), (other, b)| b.abs().total_cmp(&a.abs()).then_with(|| one.cmp(other)));
    let not_comparable = family.count(Difference::NotComparable);
    ChangedGroup { name: "", before, after, is_before: true, is_after: true, parts, not_comparable }
}

/// The sentence on a group; `None` if nothing of it is different.
fn tell(
    family: &FamilyChange<'_>,
    name: &str,
    label: Option<&str>,
    group: &ChangedGroup<'_>,
    shape: Telling,
) -> Option<Sentence> {
    let (before, after) = (group.before, group.after);
    let change = after - before;
    let (text, urgency, weight) = match shape {
        Telling::Count(one, many) | Telling::Neutral(one, many) => {
            let is_neutral = matches!(shape, Telling::Neutral(..));
            let text = counted(name, group, if change.abs() == 1.0 { one } else { many }, many)?;
            let is_loss = change < 0.0 && !is_neutral;
            // Of losses, one that takes half of much is worse than one that takes all of little.
            let share = if before == 0.0 { 1.0 } else { (change / before).abs().min(1.0) };
            (text, if is_loss { Urgency::Loss } else { Urgency::Change }, change.abs() * share)
        }
        Telling::Flag(on, off) => match (group.is_before, group.is_after, change) {
            (true, true, 1.0) => (format!("{name} {on}"), Urgency::Change, 1.0),
            (true, true, -1.0) => (format!("{name} {off}"), Urgency::Outage, 2.0),
            // Its other end is told by the gauge of what exists.
            _ => return None,
        },
        Telling::Existence => match (group.is_before, group.is_after) {
            (true, false) => (format!("{name} is no longer a provider"), Urgency::Outage, 3.0),
            (false, true) => (format!("{name} is a new provider"), Urgency::Change, f64::MAX),
            _ => {
                let gone = group.parts.iter().find(|(_, change)| *change < 0.0)?.0;
                (format!("{name} has another name: it was {gone}"), Urgency::Change, 1.0)
            }
        },
        Telling::Time(what) => match (group.is_before, group.is_after) {
            (true, true) if change != 0.0 => {
                let text = format!("{name} {what} on {}, not on {}", date(after), date(before));
                (text, if change < 0.0 { Urgency::Loss } else { Urgency::Change }, change.abs() / 86_400.0)
            }
            _ => return None,
        },
    };
    Some(Sentence {
        text,
        urgency,
        metric: family.name().to_owned(),
        group: label.map(str::to_owned),
        before: Some(before),
        after: Some(after),
        not_comparable: group.not_comparable,
        weight,
    })
}

/// "agtv lost 3,412 channels (-41 %): Sports -1,900, News -812".
fn counted(name: &str, group: &ChangedGroup<'_>, noun: &str, many: &str) -> Option<String> {
    let change = group.after - group.before;
    let space = if noun.is_empty() { "" } else { " " };
    let of = format!("{}{space}{noun}", amount(change.abs()));
    let mut text = if change == 0.0 {
        if group.parts.is_empty() {
            return None;
        }
        format!("{name} has as many{space}{many} as before, but others")
    } else if change < 0.0 && group.after == 0.0 {
        format!("{name} lost all of its {}{space}{noun}", amount(group.before))
    } else if change < 0.0 {
        format!("{name} lost {of}{}", share(group.before, group.after))
    } else if group.before == 0.0 {
        format!("{name} gained {of} and had none")
    } else {
        format!("{name} gained {of}{}", share(group.before, group.after))
    };
    let told =
        group.parts.iter().take(MAX_PARTS).map(|(part, change)| format!("{} {}", part_name(part), signed(*change)));
    let told: Vec<_> = told.collect();
    // A single part that is the whole change says nothing new.
    if !told.is_empty() {
        text.push_str(": ");
        text.push_str(&told.join(", "));
        if let Some(more) = group.parts.len().checked_sub(MAX_PARTS).filter(|more| *more > 0) {
            text.push_str(&format!(" and {} more", amount(count(more))));
        }
    }
    Some(text)
}

fn part_name(label: &str) -> &str {
    match label {
        "tvshows" => "TV shows",
        OTHER => "all others",
        label => label,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no memory holds 2^53 series")]
fn count(number: usize) -> f64 {
    number as f64
}

/// The day of a time in seconds since the Unix epoch: `2027-01-31`.
fn date(seconds: f64) -> String {
    let time = Duration::try_from_secs_f64(seconds).ok().and_then(|since| UNIX_EPOCH.checked_add(since));
    // Years of more than four digits cannot be written.
    let time = time.filter(|_| seconds < 253_402_300_800.0);
    time.map_or_else(
        || "a day that no calendar has".to_owned(),
        |time| humantime::format_rfc3339_seconds(time).to_string()[..10].to_owned(),
    )
}

#[cfg(test)]
mod tests;
