//! Labels whose values are known beforehand. A family shows all of them, at 0 from the start.
//!
//! A variant's text in labels and in JSON is given to strum and to serde; a test compares both.

use serde::{Deserialize, Serialize};
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
            fn place(&self, _: &mut super::family::Key, combination: &mut usize) {
                *combination = *combination * Self::VALUES.len() + *self as usize;
            }
        }

        impl super::field::FieldType for $label {
            const KIND: super::field::FieldKind = super::field::FieldKind::OneOf(<Self as ClosedLabel>::TEXTS);
        }
    )+};
}

closed_labels!(MediaType, Status, CacheOutcome, ProviderErrorType, TitlesKind, WatchlistChange, AdminChange);

/// What kind of media.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray, VariantNames,
)]
#[serde(rename_all = "lowercase")]
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
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray, VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Status {
    /// It did what it should.
    Success,
    /// It failed or was cancelled.
    Failure,
}

/// Whether a look-up in a cache found something.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray, VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum CacheOutcome {
    /// It did.
    Hit,
    /// It did not.
    Miss,
}

/// How a provider's API failed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray, VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ProviderErrorType {
    /// It answered 502, bad gateway.
    #[serde(rename = "502")]
    #[strum(serialize = "502")]
    BadGateway,
    /// It did not answer in time.
    Timeout,
    /// Any other failure.
    Other,
}

/// Whose titles were processed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray, VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum TitlesKind {
    /// Titles that a provider lists.
    Provider,
    /// Titles of the merged library.
    Main,
}

/// A change of a watchlist.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray, VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum WatchlistChange {
    /// Something was put on it.
    Add,
    /// Something was taken off it.
    Remove,
}

/// A change of a provider or a user.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray, VariantNames,
)]
#[serde(rename_all = "lowercase")]
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
