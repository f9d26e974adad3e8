//! Labels whose values are known beforehand. A family shows all of them, at 0 from the start.
//!
//! A variant has one text, which strum knows: that of labels and of JSON.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strum::{IntoStaticStr, VariantArray, VariantNames};

/// A set of label values that are known beforehand, each with a text.
pub trait ClosedLabel: VariantArray + VariantNames + Copy + PartialEq + Into<&'static str> {
    /// Every value, in the order in which they are shown.
    const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The texts of [`ClosedLabel::ALL`].
    const TEXTS: &'static [&'static str] = <Self as VariantNames>::VARIANTS;
}

macro_rules! closed_labels {
    ($($label:ident),+) => {$(
        impl ClosedLabel for $label {}

        impl super::family::LabelValue for $label {
            const VALUES: &'static [&'static str] = <Self as ClosedLabel>::TEXTS;

            #[inline]
            fn place(&self, _: &mut super::family::LabelKey, combination: &mut usize) {
                *combination = *combination * Self::VALUES.len() + *self as usize;
            }
        }

        impl Serialize for $label {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str((*self).into())
            }
        }

        impl<'de> Deserialize<'de> for $label {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(ClosedLabelVisitor(PhantomData))
            }
        }

        impl super::json_form::FieldType for $label {
            const KIND: super::json_form::FieldKind = super::json_form::FieldKind::OneOf(<Self as ClosedLabel>::TEXTS);
        }
    )+};
}

closed_labels!(MediaType, Status, CacheOutcome, ProviderErrorType, TitlesKind, WatchlistChange, AdminChange);

/// Reads a value from its text. What serde derives for an enum would take `{"hit": null}` as well.
struct ClosedLabelVisitor<T>(PhantomData<T>);

impl<T: ClosedLabel> Visitor<'_> for ClosedLabelVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "one of {:?}", T::TEXTS)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        let found = T::ALL.iter().zip(T::TEXTS).find(|(_, known)| **known == text);
        found.map(|(value, _)| *value).ok_or_else(|| E::unknown_variant(text, T::TEXTS))
    }
}

/// What kind of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum MediaType {
    /// Films.
    Movies,
    /// Series.
    TvShows,
    /// Live channels.
    Live,
}

/// How a piece of work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum Status {
    /// It did what it should.
    Success,
    /// It failed or was cancelled.
    Failure,
}

/// Whether a look-up in a cache found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum CacheOutcome {
    /// It did.
    Hit,
    /// It did not.
    Miss,
}

/// How a provider's API failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum ProviderErrorType {
    /// It answered 502, bad gateway.
    #[strum(serialize = "502")]
    BadGateway,
    /// It did not answer in time.
    Timeout,
    /// Any other failure.
    Other,
}

/// Whose titles were processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum TitlesKind {
    /// Titles that a provider lists.
    Provider,
    /// Titles of the merged library.
    Main,
}

/// A change of a watchlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum WatchlistChange {
    /// Something was put on it.
    Add,
    /// Something was taken off it.
    Remove,
}

/// A change of a provider or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum AdminChange {
    /// It was created.
    Create,
    /// It was changed.
    Update,
    /// It was deleted.
    Delete,
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;

    fn is_read_and_written_by_its_texts<T: ClosedLabel + Serialize + DeserializeOwned + std::fmt::Debug>() {
        for (&value, &text) in T::ALL.iter().zip(T::TEXTS) {
            assert_eq!(serde_json::to_value(value).unwrap(), text);
            assert_eq!(serde_json::from_value::<T>(text.into()).unwrap(), value);
            assert_eq!(value.into(), text);
        }
        assert!(serde_json::from_str::<T>("\"Movies\"").is_err());
        let object = format!("{{\"{}\":null}}", T::TEXTS[0]);
        assert!(serde_json::from_str::<T>(&object).is_err(), "{object}");
    }

    #[test]
    fn every_closed_label_is_read_and_written_by_its_texts() {
        is_read_and_written_by_its_texts::<MediaType>();
        is_read_and_written_by_its_texts::<Status>();
        is_read_and_written_by_its_texts::<CacheOutcome>();
        is_read_and_written_by_its_texts::<ProviderErrorType>();
        is_read_and_written_by_its_texts::<TitlesKind>();
        is_read_and_written_by_its_texts::<WatchlistChange>();
        is_read_and_written_by_its_texts::<AdminChange>();
        assert_eq!(ProviderErrorType::TEXTS, ["502", "timeout", "other"]);
    }
}
