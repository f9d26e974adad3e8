//! The list of events, [`list`]. From it come the type [`Event`], the metric families that an event moves, the JSON form and
//! the documentation.
//!
//! A new live metric is a line below an event, a new event a paragraph. An entry reads:
//!
//! ```text
//! /// What happened.
//! Variant "type_in_json" { field: Type, field as "name_in_json": Type, }
//!     => verb Family "metric_name" [label: Type] of field, "unit", "HELP.", HINTS;
//! ```
//!
//! The monitoring (panels, recording rules, alerts) may be left away.
//!
//! The verbs: `count` adds one, or `of` a field; `observe` puts the event's duration into buckets; `report` sets the
//! number `of` a field for the process `by` which it comes. `when` makes a verb depend on the event.

use playarr_jobs::metric::{Kind, Monitoring};

use label::SEPARATOR;

/// Bounds of the buckets, in seconds.
const PLAYBACK: &[f64] = &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
const SYNC: &[f64] = &[1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
const PROVIDER_API: &[f64] = &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
const JOB: &[f64] = &[0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
/// Of HTTP requests; the service's own scrapes are sorted into these as well.
pub const HTTP: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// A family of live metrics.
#[derive(Debug)]
pub struct FamilySpec {
    /// The name samples carry.
    pub name: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its labels, in order.
    pub labels: &'static [LabelSpec],
    /// The upper bounds of a histogram's buckets, in seconds.
    pub bounds: &'static [f64],
    /// The type of the event that moves it.
    pub event: &'static str,
    /// What its values count or measure.
    pub unit: &'static str,
    /// Panels, recording rules and alerts.
    pub monitoring: Monitoring,
}

impl FamilySpec {
    /// Whether it has a label that any text can be the value of.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.labels.iter().any(LabelSpec::is_open)
    }

    /// How many combinations its closed labels have.
    pub(in crate::live) fn combinations(&self) -> usize {
        self.labels.iter().map(|label| label.closed.len().max(1)).product()
    }

    /// How many counts a series has: those of its buckets, the last without a bound, or its own.
    pub(in crate::live) fn stride(&self) -> usize {
        if self.kind == Kind::Histogram { self.bounds.len() + 1 } else { 1 }
    }

    /// The values of the labels of a series, in order.
    pub(in crate::live) fn values<'k>(
        &self,
        key: &'k str,
        combination: usize,
    ) -> impl Iterator<Item = &'k str> {
        let mut open = key.split(SEPARATOR);
        let (mut rest, mut combinations) = (combination, self.combinations());
        self.labels.iter().map(move |label| {
            if label.is_open() {
                return open.next().unwrap_or_default();
            }
            combinations /= label.closed.len();
            let value = label.closed[rest / combinations];
            rest %= combinations;
            value
        })
    }
}

/// A label of a family.
#[derive(Debug)]
pub struct LabelSpec {
    /// Its name.
    pub name: &'static str,
    /// Its values, if they are known beforehand; empty for an open label.
    pub closed: &'static [&'static str],
}

impl LabelSpec {
    /// Whether any text can be its value.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed.is_empty()
    }
}

/// An event in its JSON form.
#[derive(Debug)]
pub struct EventSpec {
    /// The value of `type`.
    pub name: &'static str,
    /// What happened.
    pub doc: &'static str,
    /// Its fields, all of them required.
    pub fields: &'static [FieldSpec],
}

/// A field of an event in its JSON form.
#[derive(Debug)]
pub struct FieldSpec {
    /// Its name.
    pub name: &'static str,
    /// What is accepted.
    pub accepts: &'static str,
}

macro_rules! events {
    ($(
        $(#[doc = $doc:literal])+
        $event:ident $type:literal { $($(#[doc = $field_doc:literal])+ $field:ident $(as $json:literal)?: $kind:ty,)+ }
        $(=> $verb:ident $family:ident $name:literal [$($label:ident: $label_kind:ty),*] $(of $amount:ident)? $(by $reporter:ident)? $(in $bounds:ident)? $(when $guard:expr)?, $unit:literal, $help:literal $(, $monitoring:expr)?;)+
    )+) => {
        /// Something that happened.
        ///
        /// Durations are shown in seconds, to the nanosecond.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event<'a> {
            $($(#[doc = $doc])+ $event { $($(#[doc = $field_doc])+ $field: $kind,)+ },)+
        }

        /// A family of live metrics, as an index into [`FAMILIES`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::live) enum FamilyId { $($($family,)+)+ }

        impl FamilyId {
            /// Every family, in the order of [`FAMILIES`].
            pub(in crate::live) const ALL: &'static [Self] = &[$($(Self::$family,)+)+];
        }

        /// Every family that events move, in the order in which they are exposed.
        pub static FAMILIES: &[FamilySpec] = &[$($(
            FamilySpec {
                name: $name,
                help: $help,
                kind: events!(@kind $verb),
                labels: &[$(LabelSpec { name: stringify!($label), closed: <$label_kind as LabelValue>::CLOSED }),*],
                bounds: events!(@bounds $($bounds)?),
                event: $type,
                unit: $unit,
                monitoring: events!(@monitoring $($monitoring)?),
            },
        )+)+];

        impl<'a> Event<'a> {
            /// Every event in its JSON form.
            pub const ALL: &'static [EventSpec] = &[$(
                EventSpec {
                    name: $type,
                    doc: concat!($($doc),+).trim_ascii(),
                    fields: &[$(FieldSpec {
                        name: events!(@json $field $($json)?),
                        accepts: <$kind as Field<'a>>::ACCEPTS,
                    }),+],
                },
            )+];

            /// The event's name in JSON.
            #[must_use]
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$event { .. } => $type,)+ }
            }

            /// The event of this type with these fields.
            pub(crate) fn from_fields(name: &str, mut fields: Fields<'a>) -> Result<Self, EventError> {
                match name {
                    $($type => {
                        let event = Self::$event { $($field: fields.take(events!(@json $field $($json)?))?,)+ };
                        fields.finish($type, &[$(events!(@json $field $($json)?)),+])?;
                        Ok(event)
                    })+
                    _ => Err(EventError::UnknownType(name.to_owned())),
                }
            }

            /// Moves the families that this event moves.
            #[inline]
            pub(in crate::live) fn pour(&self, sink: &mut Sink<'_>) {
                match self {
                    $(Self::$event { $($field),+ } => {
                        let _ = ($($field,)+);
                        $(if events!(@when $($guard)?) {
                            let (mut key, mut combination) = (Key::new_const(), 0);
                            $(
                                // The type in the family's list of labels is that of the field.
                                let label: &$label_kind = $label;
                                label.place(&mut key, &mut combination);
                            )*
                            events!(@pour $verb sink, FamilyId::$family, key, combination $(, $amount)? $(, $reporter)?);
                        })+
                    })+
                }
            }
        }

        impl Serialize for Event<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$event { $($field),+ } => {
                        let mut map = serializer.serialize_map(None)?;
                        map.serialize_entry("type", $type)?;
                        $(map.serialize_entry(events!(@json $field $($json)?), &Field::to_json($field))?;)+
                        map.end()
                    })+
                }
            }
        }
    };
    (@kind count) => { Kind::Counter };
    (@kind observe) => { Kind::Histogram };
    (@kind report) => { Kind::Gauge };
    (@bounds) => { &[] };
    (@bounds $bounds:ident) => { $bounds };
    (@json $field:ident) => { stringify!($field) };
    (@json $field:ident $json:literal) => { $json };
    (@monitoring) => { Monitoring::NONE };
    (@monitoring $monitoring:expr) => { $monitoring };
    (@when) => { true };
    (@when $guard:expr) => { $guard };
    (@pour count $sink:ident, $family:expr, $key:ident, $combination:ident) => {
        $sink.count($family, &$key, $combination, 1)
    };
    (@pour count $sink:ident, $family:expr, $key:ident, $combination:ident, $amount:ident) => {
        $sink.count($family, &$key, $combination, *$amount)
    };
    (@pour observe $sink:ident, $family:expr, $key:ident, $combination:ident, $amount:ident) => {
        $sink.observe($family, &$key, $combination, *$amount)
    };
    (@pour report $sink:ident, $family:expr, $key:ident, $combination:ident, $count:ident, $reporter:ident) => {{
        let _: (&mut Key, &mut usize) = (&mut $key, &mut $combination);
        $sink.report($reporter.as_str(), *$count)
    }};
}

pub(in crate::live) mod label;
mod list;

pub use list::{Event, FAMILIES};

pub(in crate::live) use list::FamilyId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_have_bounds_and_all_others_have_none() {
        for family in FAMILIES {
            assert_eq!(family.kind == Kind::Histogram, !family.bounds.is_empty(), "{}", family.name);
            assert!(family.bounds.is_sorted(), "{}", family.name);
            assert_eq!(family.kind == Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
            assert!(family.help.ends_with('.') && !family.help.contains('"'), "{}", family.name);
        }
    }

    #[test]
    fn an_event_is_documented_by_its_own_words() {
        let event = &Event::ALL[0];
        assert_eq!((event.name, event.doc), ("stream_request", "A stream was requested."));
        let fields: Vec<_> = event.fields.iter().map(|field| field.name).collect();
        assert_eq!(fields, ["user", "media_type", "duration_seconds"]);
    }
}
