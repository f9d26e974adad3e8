//! How long something took, and how many things there were.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

/// The longest duration of an event: 30 days. A longer one cannot be meant, and would dwarf all others in the sum of a
/// histogram for ever.
pub const MAX_SECONDS: u32 = 30 * 24 * 60 * 60;

/// The highest count of an event: a thousand million. A higher one cannot be meant, and a counter that holds it would no
/// longer show single events.
pub const MAX_COUNT: u64 = 1_000_000_000;

/// A duration of 0 to [`MAX_SECONDS`], to the nanosecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(Duration);

impl Seconds {
    /// The duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

/// A duration of more than [`MAX_SECONDS`] becomes [`MAX_SECONDS`]: the event is still worth counting.
impl From<Duration> for Seconds {
    fn from(duration: Duration) -> Self {
        Self(duration.min(Duration::from_secs(MAX_SECONDS.into())))
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_secs_f64())
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = deserializer.deserialize_f64(NumberVisitor)?;
        if !(0.0..=f64::from(MAX_SECONDS)).contains(&seconds) {
            return Err(de::Error::invalid_value(Unexpected::Float(seconds), &"a number of seconds"));
        }
        Duration::try_from_secs_f64(seconds).map(Self).map_err(de::Error::custom)
    }
}

/// A number of things, 0 to [`MAX_COUNT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(u64);

impl Count {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A number of more than [`MAX_COUNT`] becomes [`MAX_COUNT`].
impl From<u64> for Count {
    fn from(count: u64) -> Self {
        Self(count.min(MAX_COUNT))
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = whole(deserializer)?;
        if count > MAX_COUNT {
            return Err(de::Error::invalid_value(Unexpected::Unsigned(count), &"a smaller count"));
        }
        Ok(Self(count))
    }
}

/// A whole number of at most [`MAX_COUNT`] or a little more. Some programs write 200 as 200.0.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = deserializer.deserialize_f64(NumberVisitor)?;
    // Every whole number up to here has an f64 of its own, and no larger one is accepted anywhere.
    if !(0.0..=9_007_199_254_740_991.0).contains(&number) || number.fract() != 0.0 {
        return Err(de::Error::invalid_value(Unexpected::Float(number), &"a whole number, 0 or more"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to fit")]
    Ok(number as u64)
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    #[expect(clippy::cast_precision_loss, reason = "larger ones are refused")]
    fn visit_u64<E>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "negative ones are refused")]
    fn visit_i64<E>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_f64<E>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_exact_to_the_nanosecond_and_has_at_most_thirty_days() {
        let read = |json: &str| serde_json::from_str::<Seconds>(json).ok().map(Seconds::get);
        for (json, duration) in [
            ("63.2", Duration::from_millis(63_200)),
            ("0", Duration::ZERO),
            ("-0.0", Duration::ZERO),
            ("0.000000001", Duration::from_nanos(1)),
            ("2592000", Duration::from_secs(2_592_000)),
        ] {
            assert_eq!(read(json), Some(duration), "{json}");
        }
        for json in ["2592000.001", "1e308", "-0.1", "-1", "null", "\"1\"", "18446744073709551615"] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn in_process_a_longer_duration_and_a_higher_count_are_cut() {
        assert_eq!(Seconds::from(Duration::MAX).get(), Duration::from_secs(2_592_000));
        assert_eq!(Seconds::from(Duration::from_millis(5)).get(), Duration::from_millis(5));
        assert_eq!(Count::from(u64::MAX).get(), 1_000_000_000);
    }

    #[test]
    fn a_count_is_a_whole_number_of_at_most_a_thousand_million() {
        let read = |json: &str| serde_json::from_str::<Count>(json).ok().map(Count::get);
        assert_eq!((read("14"), read("14.0"), read("0")), (Some(14), Some(14), Some(0)));
        assert_eq!(read("1000000000"), Some(1_000_000_000));
        for json in ["1000000001", "9007199254740991", "1.5", "-1", "\"1\"", "1e300", "true"] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
