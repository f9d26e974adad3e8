//! The one rule by which a value out of a messy library becomes a label value or a sample value.

use std::borrow::Cow;

use mongodb::bson::RawBsonRef;

/// The label value where the database holds nothing usable.
pub const UNKNOWN: &str = "unknown";

/// The label value of a series that adds up what the series budget folded.
pub const OTHER: &str = "_other";

/// The longest label value, in bytes; longer ones are cut at a character boundary.
const MAX_GAUGE_LABEL_BYTES: usize = 1024;

/// The label value of a database value.
///
/// A non-empty string stays as it is, an integer or a whole double is written in decimal (so season `1`,
/// `1.0` and `"1"` are one series); everything else, a missing value included, is [`UNKNOWN`].
#[must_use]
pub fn label_value(value: Option<RawBsonRef<'_>>) -> Cow<'_, str> {
    match value {
        Some(RawBsonRef::String(text)) => label_text(text),
        Some(RawBsonRef::Int32(number)) => decimal(i64::from(number)),
        Some(RawBsonRef::Int64(number)) => decimal(number),
        Some(RawBsonRef::Double(number)) if number.is_finite() && number.fract() == 0.0 => whole(number),
        _ => Cow::Borrowed(UNKNOWN),
    }
}

/// The label value of a text: [`UNKNOWN`] when empty, cut at `MAX_GAUGE_LABEL_BYTES`.
#[must_use]
pub fn label_text(text: &str) -> Cow<'_, str> {
    if text.is_empty() {
        Cow::Borrowed(UNKNOWN)
    } else {
        Cow::Borrowed(&text[..text.floor_char_boundary(MAX_GAUGE_LABEL_BYTES)])
    }
}

/// The sample value of a database value: a finite int, long or double, anything else is no sample.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a Prometheus sample is a double; longs beyond 2^53 round")]
pub fn sample_value(value: Option<RawBsonRef<'_>>) -> Option<f64> {
    match value {
        Some(RawBsonRef::Int32(number)) => Some(f64::from(number)),
        Some(RawBsonRef::Int64(number)) => Some(number as f64),
        Some(RawBsonRef::Double(number)) if number.is_finite() => Some(number),
        _ => None,
    }
}

fn decimal<'a>(number: i64) -> Cow<'a, str> {
    Cow::Owned(itoa::Buffer::new().format(number).to_owned())
}

fn whole<'a>(number: f64) -> Cow<'a, str> {
    // Adding zero turns -0.0 into 0.0, which the database counts as the same number.
    Cow::Owned(format!("{:.0}", number + 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_in_any_type_is_one_label() {
        for value in [RawBsonRef::Int32(1), RawBsonRef::Int64(1), RawBsonRef::Double(1.0), RawBsonRef::String("1")] {
            assert_eq!(label_value(Some(value)), "1");
        }
        assert_eq!(label_value(Some(RawBsonRef::Double(-0.0))), "0");
        assert_eq!(label_value(Some(RawBsonRef::Double(1e21))), "1000000000000000000000");
    }

    #[test]
    fn what_is_no_text_and_no_whole_number_is_unknown() {
        let fraction = RawBsonRef::Double(1.5);
        let nan = RawBsonRef::Double(f64::NAN);
        let infinite = RawBsonRef::Double(f64::INFINITY);
        for value in [fraction, nan, infinite, RawBsonRef::Null, RawBsonRef::Boolean(true), RawBsonRef::String("")] {
            assert_eq!(label_value(Some(value)), UNKNOWN);
        }
        assert_eq!(label_value(None), UNKNOWN);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = format!("{}é", "x".repeat(1023));
        assert_eq!(label_value(Some(RawBsonRef::String(&text))), "x".repeat(1023));
        let fits = "x".repeat(1024);
        assert_eq!(label_value(Some(RawBsonRef::String(&fits))), fits);
    }

    #[test]
    fn only_finite_numbers_are_samples() {
        assert_eq!(sample_value(Some(RawBsonRef::Int64(7))), Some(7.0));
        assert_eq!(sample_value(Some(RawBsonRef::Double(f64::NAN))), None);
        assert_eq!(sample_value(Some(RawBsonRef::String("7"))), None);
        assert_eq!(sample_value(None), None);
    }
}
