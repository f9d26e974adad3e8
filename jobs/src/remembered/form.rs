//! A snapshot as bytes.
//!
//! Numbers are variable-length integers, seven bits a byte, the lowest first. A text is its length and its bytes. A
//! column is its dictionary and, for each row, the difference to the row before, which compresses well. A value that is
//! a whole number takes as few bytes as it needs; any other is written bit by bit. Times are ages, so that no clock of
//! another machine matters.

use std::time::Duration;

use crate::metric::{Column, Family, Kind, Points, Text, Texts};
use crate::refresh::{Collector, Moment, Snapshot};

/// The version of this form. A change that an earlier version cannot read takes the next number.
pub(super) const FORM: i32 = 1;

/// The most collectors, and the most columns of a family: many times as many as there can be.
const MAX_COLLECTORS: usize = 1_000;
const MAX_COLUMNS: usize = 100;

/// Whole numbers below this are exact as doubles.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Bytes that are no snapshot of this form.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the bytes are no snapshot of form {FORM}: {0}")]
pub struct SnapshotFormError(&'static str);

/// The bytes of a snapshot at this moment. Histograms are left away: a gauge has none.
pub(super) fn encode(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = FormWriter(Vec::new());
    bytes.number(snapshot.generation);
    bytes.age(snapshot.taken_at);
    bytes.count(snapshot.collectors.len());
    for collector in &snapshot.collectors {
        bytes.text(&collector.name);
        bytes.count(collector.folded);
        bytes.number(micros(collector.duration));
        bytes.age(collector.last_success);
        bytes.optional_text(collector.error.as_deref());
        match collector.family.as_deref().map(|family| (family, &family.points)) {
            Some((family, Points::Numbers(numbers))) => {
                bytes.0.push(1);
                bytes.family(family, numbers);
            }
            _ => bytes.0.push(0),
        }
    }
    bytes.0
}

/// The snapshot of these bytes, which were written `elapsed` ago.
pub(super) fn decode(bytes: &[u8], elapsed: Duration) -> Result<Snapshot, SnapshotFormError> {
    let mut bytes = FormReader { rest: bytes, elapsed };
    let generation = bytes.number()?;
    let taken_at = bytes.age()?;
    let mut collectors = Vec::new();
    let count = bytes.count()?;
    if count > MAX_COLLECTORS {
        return Err(SnapshotFormError("it has too many collectors"));
    }
    for _ in 0..count {
        collectors.push(Collector {
            name: bytes.text()?,
            folded: bytes.count()?,
            duration: Duration::from_micros(bytes.number()?),
            last_success: bytes.age()?,
            error: bytes.optional_text()?,
            family: match bytes.byte()? {
                0 => None,
                _ => Some(bytes.family()?.into()),
            },
        });
    }
    if !bytes.rest.is_empty() {
        return Err(SnapshotFormError("bytes follow its end"));
    }
    Ok(Snapshot { generation, taken_at, collectors, ..Snapshot::default() })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX - 1)
}

/// A signed number as an unsigned one that is small where the signed one is close to 0.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

struct FormWriter(Vec<u8>);

impl FormWriter {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn optional_text(&mut self, text: Option<&str>) {
        self.0.push(u8::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn age(&mut self, moment: Option<Moment>) {
        self.number(moment.map_or(0, |moment| micros(moment.age()).saturating_add(1)));
    }

    fn family(&mut self, family: &Family, numbers: &[f64]) {
        self.text(&family.name);
        self.text(&family.help);
        self.0.push(u8::from(family.kind == Kind::Counter));
        self.count(family.columns.len());
        self.count(numbers.len());
        for column in &family.columns {
            let (texts, rows) = column.parts();
            self.text(&column.name);
            self.number(texts.len().into());
            for id in 0..texts.len() {
                self.text(texts.get(id));
            }
            let mut last = 0;
            for &row in rows {
                self.number(zigzag(i64::from(row) - last));
                last = row.into();
            }
        }
        for &value in numbers {
            self.value(value);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the number is whole and small enough")]
    fn value(&mut self, value: f64) {
        // The bits tell a whole number from -0.0, which is equal to 0.
        let whole = value as i64;
        #[expect(clippy::cast_precision_loss, reason = "the comparison finds out")]
        let is_whole = value.abs() < MAX_WHOLE && (whole as f64).to_bits() == value.to_bits();
        if is_whole {
            self.number(zigzag(whole) + 1);
        } else {
            self.0.push(0);
            self.0.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }
}

struct FormReader<'a> {
    rest: &'a [u8],
    elapsed: Duration,
}

impl FormReader<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], SnapshotFormError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(SnapshotFormError("they end early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, SnapshotFormError> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u64, SnapshotFormError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(SnapshotFormError("a number has more than 64 bits"))
    }

    fn count(&mut self) -> Result<usize, SnapshotFormError> {
        usize::try_from(self.number()?).map_err(|_| SnapshotFormError("a count is too large"))
    }

    fn text(&mut self) -> Result<Text, SnapshotFormError> {
        self.str().map(|text| text.to_owned().into())
    }

    fn str(&mut self) -> Result<&str, SnapshotFormError> {
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| SnapshotFormError("a text is no UTF-8"))
    }

    fn optional_text(&mut self) -> Result<Option<String>, SnapshotFormError> {
        Ok(if self.byte()? == 0 { None } else { Some(self.str()?.to_owned()) })
    }

    fn age(&mut self) -> Result<Option<Moment>, SnapshotFormError> {
        let age = self.number()?.checked_sub(1).map(Duration::from_micros);
        Ok(age.and_then(|age| Moment::before(age.saturating_add(self.elapsed))))
    }

    fn family(&mut self) -> Result<Family, SnapshotFormError> {
        let (name, help) = (self.text()?, self.text()?);
        let kind = if self.byte()? == 0 { Kind::Gauge } else { Kind::Counter };
        let (width, length) = (self.count()?, self.count()?);
        // Each row takes at least a byte, so a length that is made up does not allocate more than the bytes there are.
        if length > self.rest.len() {
            return Err(SnapshotFormError("a family has more rows than bytes"));
        }
        if width > MAX_COLUMNS {
            return Err(SnapshotFormError("a family has too many columns"));
        }
        let mut columns = Vec::new();
        for _ in 0..width {
            columns.push(self.column(length)?);
        }
        let numbers: Result<Vec<_>, _> = (0..length).map(|_| self.value()).collect();
        Ok(Family { name, help, kind, columns, points: Points::Numbers(numbers?) })
    }

    fn column(&mut self, length: usize) -> Result<Column, SnapshotFormError> {
        let name = self.text()?;
        let mut texts = Texts::default();
        for _ in 0..self.count()? {
            texts.push(self.str()?);
        }
        let mut rows = Vec::with_capacity(length);
        let mut last = 0_i64;
        for _ in 0..length {
            last = last.wrapping_add(unzigzag(self.number()?));
            let row = u32::try_from(last).ok().filter(|&row| row < texts.len());
            rows.push(row.ok_or(SnapshotFormError("a row names a text that is not there"))?);
        }
        texts.shrink();
        Ok(Column::encoded(name, texts, rows))
    }

    #[expect(clippy::cast_precision_loss, reason = "only numbers that are exact were written so")]
    fn value(&mut self) -> Result<f64, SnapshotFormError> {
        match self.number()?.checked_sub(1) {
            Some(whole) => Ok(unzigzag(whole) as f64),
            None => {
                let bits = self.take(8)?.try_into().map_err(|_| SnapshotFormError("they end early"))?;
                Ok(f64::from_bits(u64::from_le_bytes(bits)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Rows = Vec<(Vec<String>, f64)>;

    fn snapshot(generation: u64, rows: Rows, error: Option<&str>) -> Snapshot {
        let family = Family::numbers("playarr_x_count", "Help.", Kind::Gauge, &["a", "b"], rows);
        let taken = |age| Moment::before(Duration::from_secs(age));
        let collector = |name: &'static str, family| Collector {
            name: name.into(),
            family,
            folded: 3,
            duration: Duration::from_micros(1_234_567),
            last_success: taken(120),
            error: error.map(str::to_owned),
        };
        let collectors = vec![collector("playarr_x_count", Some(family.into())), collector("playarr_y_count", None)];
        Snapshot { generation, taken_at: taken(60), collectors, ..Snapshot::default() }
    }

    fn values(family: &Family) -> Vec<u64> {
        match &family.points {
            Points::Numbers(numbers) => numbers.iter().map(|number| number.to_bits()).collect(),
            Points::Histograms(_) => panic!("a gauge"),
        }
    }

    proptest! {
        #[test]
        fn what_is_decoded_is_what_was_encoded(
            generation: u64,
            rows in prop::collection::vec((prop::collection::vec(".{0,9}", 2), any::<f64>()), 0..40),
            whole in prop::collection::vec(any::<i64>(), 0..40),
            error: Option<String>,
        ) {
            let mut rows: Rows = rows;
            #[expect(clippy::cast_precision_loss, reason = "any double will do")]
            rows.extend(whole.into_iter().map(|number| (vec![number.to_string(), "x".to_owned()], number as f64)));
            rows.extend([-0.0, f64::NAN, f64::INFINITY].map(|odd| (vec![String::new(), "ü".to_owned()], odd)));
            let before = snapshot(generation, rows, error.as_deref());
            let after = decode(&encode(&before), Duration::ZERO).unwrap();
            prop_assert_eq!(after.generation, before.generation);
            for (after, before) in after.collectors.iter().zip(&before.collectors) {
                prop_assert_eq!(&after.name, &before.name);
                prop_assert_eq!(
                    (after.folded, after.duration, &after.error),
                    (before.folded, before.duration, &before.error)
                );
                let (Some(after), Some(before)) = (&after.family, &before.family) else {
                    prop_assert!(after.family.is_none() && before.family.is_none());
                    continue;
                };
                prop_assert_eq!((&after.name, &after.help, after.kind), (&before.name, &before.help, before.kind));
                prop_assert_eq!(&after.columns, &before.columns);
                prop_assert_eq!(values(after), values(before));
            }
        }

        #[test]
        fn bytes_that_are_damaged_are_an_error_or_another_snapshot_but_no_panic(at: usize, byte: u8, cut: usize) {
            let rows = (0..20_u8).map(|row| (vec![format!("a{row}"), "b".to_owned()], f64::from(row) / 3.0)).collect();
            let mut bytes = encode(&snapshot(7, rows, Some("down")));
            let length = bytes.len();
            bytes[at % length] = byte;
            let _ = decode(&bytes, Duration::ZERO);
            prop_assert!(decode(&encode(&snapshot(7, Vec::new(), None))[..cut % 60], Duration::ZERO).is_err());
        }
    }

    #[test]
    fn ages_go_on_while_a_snapshot_lies_in_the_database() {
        let after = decode(&encode(&snapshot(1, Vec::new(), None)), Duration::from_secs(3_600)).unwrap();
        let seconds = |moment: Option<Moment>| moment.unwrap().age().as_secs();
        assert_eq!(seconds(after.taken_at), 3_660);
        assert_eq!(seconds(after.collectors[0].last_success), 3_720);
    }
}
