//! Families of live metrics and the place of a series in them.
//!
//! A series is found by the values of its open labels, one after the other in a [`LabelKey`], and by the number of its
//! combination of closed ones.

use std::marker::PhantomData;
use std::time::Duration;

use arrayvec::ArrayString;
use playarr_jobs::metric::{Kind, Spec};

use super::FAMILIES;
use super::amount::{Count, Seconds};
use super::api_call::ApiCall;
use super::endpoint::Endpoint;
use super::label::{Label, MAX_EVENT_LABEL_BYTES, StatusCode};

/// A family of live metrics, as an index into [`FAMILIES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::live) struct FamilyId(usize);

impl FamilyId {
    /// The family with this definition. Evaluated when the program is compiled, which fails for a family that no event
    /// in the list has.
    pub(super) const fn of(spec: &Spec) -> Self {
        let mut index = 0;
        while index < FAMILIES.len() {
            if is_same(FAMILIES[index].name, spec.name) {
                return Self(index);
            }
            index += 1;
        }
        panic!("no event lists this family")
    }

    /// Every family, in the order of [`FAMILIES`].
    pub(in crate::live) fn all() -> impl ExactSizeIterator<Item = Self> {
        (0..FAMILIES.len()).map(Self)
    }

    /// The family whose samples carry this name.
    pub(in crate::live) fn named(name: &str) -> Option<Self> {
        FAMILIES.iter().position(|spec| spec.name == name).map(Self)
    }

    /// The index into [`FAMILIES`].
    #[inline]
    pub(in crate::live) const fn index(self) -> usize {
        self.0
    }

    /// What the family is.
    pub(in crate::live) const fn spec(self) -> &'static Spec {
        FAMILIES[self.0]
    }
}

/// Takes what events record.
pub(in crate::live) trait Sink {
    /// Adds to a series of a counter.
    fn add_count(&mut self, family: FamilyId, key: &LabelKey, combination: usize, amount: u64);

    /// Adds a duration to a series of a histogram.
    fn add_duration(&mut self, family: FamilyId, key: &LabelKey, combination: usize, duration: Duration);

    /// Sets how many WebSocket connections a process has.
    fn set_connections(&mut self, reporter: &str, connections: u64);
}

/// A counter whose labels have values of the types `L`.
pub(super) struct CountRecorder<L>(FamilyId, PhantomData<fn(L)>);

/// A histogram of durations whose labels have values of the types `L`.
pub(super) struct DurationRecorder<L>(FamilyId, PhantomData<fn(L)>);

/// The counter with this definition, for labels with values of the types `L`. Does not compile if the definition has
/// other labels.
pub(super) const fn counter<L: LabelSet>(spec: &Spec) -> CountRecorder<L> {
    assert!(matches!(spec.kind, Kind::Counter), "a counter");
    assert!(are_same(spec.values, L::VALUES), "the labels of the definition have these types");
    CountRecorder(FamilyId::of(spec), PhantomData)
}

/// The histogram with this definition, for labels with values of the types `L`. Does not compile if the definition has
/// other labels.
pub(super) const fn histogram<L: LabelSet>(spec: &Spec) -> DurationRecorder<L> {
    assert!(matches!(spec.kind, Kind::Histogram), "a histogram");
    assert!(are_same(spec.values, L::VALUES), "the labels of the definition have these types");
    DurationRecorder(FamilyId::of(spec), PhantomData)
}

#[expect(clippy::needless_pass_by_value, reason = "a label set is a small tuple of references")]
impl<L: LabelSet> CountRecorder<L> {
    /// Adds one to a series.
    #[inline]
    pub(super) fn increment(self, sink: &mut impl Sink, labels: L) {
        let (mut key, mut combination) = (LabelKey::new_const(), 0);
        labels.place(&mut key, &mut combination);
        sink.add_count(self.0, &key, combination, 1);
    }

    /// Adds a number of things to a series.
    #[inline]
    pub(super) fn add(self, sink: &mut impl Sink, labels: L, amount: Count) {
        let (mut key, mut combination) = (LabelKey::new_const(), 0);
        labels.place(&mut key, &mut combination);
        sink.add_count(self.0, &key, combination, amount.get());
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a label set is a small tuple of references")]
impl<L: LabelSet> DurationRecorder<L> {
    /// Adds a duration to a series.
    #[inline]
    pub(super) fn observe(self, sink: &mut impl Sink, labels: L, duration: Seconds) {
        let (mut key, mut combination) = (LabelKey::new_const(), 0);
        labels.place(&mut key, &mut combination);
        sink.add_duration(self.0, &key, combination, duration.get());
    }
}

/// The open labels of a series, one after the other. It has room for those of any family.
pub(in crate::live) type LabelKey = ArrayString<KEY_BYTES>;

/// Between the open labels of a [`LabelKey`]: a control character, which no label has.
pub(in crate::live) const SEPARATOR: char = '\0';

/// The open labels of the family that has most of them, each with a separator.
const KEY_BYTES: usize = {
    let (mut most, mut family) = (0, 0);
    while family < FAMILIES.len() {
        let spec = FAMILIES[family];
        let (mut open, mut label) = (0, 0);
        while label < spec.labels.len() {
            if label >= spec.values.len() || spec.values[label].is_empty() {
                open += 1;
            }
            label += 1;
        }
        most = if open > most { open } else { most };
        family += 1;
    }
    most * (MAX_EVENT_LABEL_BYTES + SEPARATOR.len_utf8())
};

/// The values of the labels of a series of this family, in order.
pub(in crate::live) fn label_values<'k>(
    spec: &Spec,
    key: &'k str,
    combination: usize,
) -> impl Iterator<Item = &'k str> + use<'k> {
    let mut open = key.split(SEPARATOR);
    let (mut rest, mut combinations) = (combination, spec.combinations());
    spec.label_specs().map(move |label| {
        if label.is_open() {
            return open.next().unwrap_or_default();
        }
        combinations /= label.values.len();
        let value = label.values[rest / combinations];
        rest %= combinations;
        value
    })
}

/// The place of the series with these label values: the reverse of [`label_values`]. `None` if there is none.
pub(in crate::live) fn place_of(spec: &Spec, values: &[impl AsRef<str>]) -> Option<(LabelKey, usize)> {
    if values.len() != spec.labels.len() {
        return None;
    }
    let (mut key, mut combination) = (LabelKey::new(), 0);
    for (label, value) in spec.label_specs().zip(values) {
        let value = value.as_ref();
        if label.is_open() {
            push(&mut key, Label::new(value).ok()?.as_str());
        } else {
            let position = label.values.iter().position(|known| *known == value)?;
            combination = combination * label.values.len() + position;
        }
    }
    Some((key, combination))
}

#[inline]
fn push(key: &mut LabelKey, text: &str) {
    if !key.is_empty() {
        key.push(SEPARATOR);
    }
    key.push_str(text);
}

/// In a definition, the values of a label that takes any text.
pub(super) const ANY_TEXT: &[&str] = &[];

/// The value of a label of a family.
pub(super) trait LabelValue {
    /// Every value there is, if they are known beforehand; empty for open labels.
    const VALUES: &'static [&'static str];

    /// Adds the value to the open labels of a series, or to the number of its combination of closed ones.
    fn place(&self, key: &mut LabelKey, combination: &mut usize);
}

impl LabelValue for Label<'_> {
    const VALUES: &'static [&'static str] = &[];

    #[inline]
    fn place(&self, key: &mut LabelKey, _: &mut usize) {
        push(key, self.as_str());
    }
}

impl LabelValue for Endpoint<'_> {
    const VALUES: &'static [&'static str] = &[];

    #[inline]
    fn place(&self, key: &mut LabelKey, _: &mut usize) {
        push(key, self.as_str());
    }
}

impl LabelValue for ApiCall<'_> {
    const VALUES: &'static [&'static str] = &[];

    #[inline]
    fn place(&self, key: &mut LabelKey, _: &mut usize) {
        push(key, self.as_str());
    }
}

impl LabelValue for StatusCode {
    const VALUES: &'static [&'static str] = &[];

    #[inline]
    fn place(&self, key: &mut LabelKey, _: &mut usize) {
        push(key, itoa::Buffer::new().format(self.get()));
    }
}

/// The values of all labels of a series, in order.
pub(super) trait LabelSet {
    /// The values that each label can have; see [`LabelValue::VALUES`].
    const VALUES: &'static [&'static [&'static str]];

    /// Adds the values to the open labels of a series and to the number of its combination of closed ones.
    fn place(&self, key: &mut LabelKey, combination: &mut usize);
}

macro_rules! label_sets {
    ($(($($label:ident),+)),+) => {$(
        impl<$($label: LabelValue),+> LabelSet for ($(&$label,)+) {
            const VALUES: &'static [&'static [&'static str]] = &[$($label::VALUES),+];

            #[inline]
            #[expect(non_snake_case, reason = "named like the types")]
            fn place(&self, key: &mut LabelKey, combination: &mut usize) {
                let ($($label,)+) = self;
                $($label.place(key, combination);)+
            }
        }
    )+};
}

label_sets!((A), (A, B), (A, B, C), (A, B, C, D));

const fn are_same(a: &[&[&str]], b: &[&[&str]]) -> bool {
    let mut label = 0;
    while label < a.len() && label < b.len() {
        let mut value = 0;
        if a[label].len() != b[label].len() {
            return false;
        }
        while value < a[label].len() {
            if !is_same(a[label][value], b[label][value]) {
                return false;
            }
            value += 1;
        }
        label += 1;
    }
    a.len() == b.len()
}

const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_series_leads_back_to_its_labels() {
        for id in FamilyId::all() {
            let spec = id.spec();
            let longest = "x".repeat(MAX_EVENT_LABEL_BYTES);
            let first = |values: &[&'static str]| values.first().copied();
            let last = |values: &[&'static str]| values.last().copied();
            for pick in [first, last] {
                let values: Vec<_> =
                    spec.label_specs().map(|label| pick(label.values).unwrap_or(&longest).to_owned()).collect();
                let (key, combination) = place_of(spec, &values).unwrap();
                assert!(combination < spec.combinations(), "{}", spec.name);
                assert!(label_values(spec, &key, combination).eq(values.iter().map(String::as_str)), "{}", spec.name);
            }
            assert_eq!(FamilyId::named(spec.name), Some(id));
        }
    }

    #[test]
    fn labels_that_a_family_does_not_have_have_no_place() {
        let spec = FamilyId::named("playarr_provider_sync_total").unwrap().spec();
        assert!(place_of(spec, &["agtv", "success"]).is_some());
        for values in [&["agtv"][..], &["agtv", "Success"], &["", "success"], &["agtv", "success", "x"]] {
            assert_eq!(place_of(spec, values), None, "{values:?}");
        }
    }
}
