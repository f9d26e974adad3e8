//! Metric families as data: a name, a type and samples, in no particular text format.
//!
//! Label values are dictionary-encoded: each column holds its distinct texts once and a 4-byte index per
//! sample. A hundred thousand series of three labels cost about 20 bytes each instead of three strings.

use std::borrow::Cow;

/// A name, help text or label name: almost always a constant of the program.
pub type Text = Cow<'static, str>;

/// The type of a family, as Prometheus and OpenMetrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only grows; the family name ends in `_total`.
    Counter,
    /// Observations counted in cumulative buckets.
    Histogram,
}

impl Kind {
    /// The name, as Prometheus and OpenMetrics have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// One histogram: cumulative counts per upper bound, without the `+Inf` bucket, which is `count`.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Upper bound and number of observations at or below it, bounds ascending.
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all observations.
    pub sum: f64,
    /// How many observations there were.
    pub count: u64,
}

/// The values of a family's samples, one per row.
#[derive(Clone, Debug, PartialEq)]
pub enum Points {
    /// Gauges and counters.
    Numbers(Vec<f64>),
    /// Histograms.
    Histograms(Vec<Histogram>),
}

/// A metric family with its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The name samples carry (a counter's ends in `_total`).
    pub name: Text,
    /// One sentence on what it tells.
    pub help: Text,
    /// The type.
    pub kind: Kind,
    /// The label columns; all of the length of `points`.
    pub columns: Vec<Column>,
    /// The values.
    pub points: Points,
}

impl Family {
    /// A gauge or counter family from label values and values, in the given order.
    #[must_use]
    pub fn numbers<L: AsRef<str>>(
        name: impl Into<Text>,
        help: impl Into<Text>,
        kind: Kind,
        label_names: &[&'static str],
        samples: impl IntoIterator<Item = (Vec<L>, f64)>,
    ) -> Self {
        let mut columns: Vec<_> = label_names.iter().map(|&name| Column::new(name)).collect();
        let mut values = Vec::new();
        for (labels, value) in samples {
            debug_assert_eq!(labels.len(), columns.len(), "one value for each label");
            for (column, label) in columns.iter_mut().zip(&labels) {
                column.push(label.as_ref());
            }
            values.push(value);
        }
        Self { name: name.into(), help: help.into(), kind, columns, points: Points::Numbers(values) }
    }

    /// How many label sets (for a histogram: label sets, not lines) the family has.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.points {
            Points::Numbers(values) => values.len(),
            Points::Histograms(histograms) => histograms.len(),
        }
    }

    /// Whether the family has no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The label values of a row, in the order of the columns.
    pub fn labels(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        self.columns.iter().map(move |column| (&*column.name, column.value(row)))
    }
}

/// One label of a family: its name and its value on each row.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The label name.
    pub name: Text,
    texts: Texts,
    rows: Vec<u32>,
}

impl Column {
    /// An empty column.
    #[must_use]
    pub fn new(name: impl Into<Text>) -> Self {
        Self { name: name.into(), texts: Texts::default(), rows: Vec::new() }
    }

    /// A column of encoded rows; each row must be an index into `texts`.
    pub(crate) fn encoded(name: Text, texts: Texts, rows: Vec<u32>) -> Self {
        Self { name, texts, rows }
    }

    /// Appends a row. Equal values next to each other share their text.
    pub fn push(&mut self, value: &str) {
        let last = self.texts.len().checked_sub(1);
        let id = match last {
            Some(last) if self.texts.get(last) == value => last,
            _ => self.texts.push(value),
        };
        self.rows.push(id);
    }

    /// The value of a row.
    #[must_use]
    pub fn value(&self, row: usize) -> &str {
        self.texts.get(self.rows[row])
    }

    /// The distinct texts and, per row, the index of its text.
    #[must_use]
    pub fn parts(&self) -> (&Texts, &[u32]) {
        (&self.texts, &self.rows)
    }
}

/// Texts in a single buffer, one after the other, with the position where each ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Texts {
    buffer: String,
    ends: Vec<u32>,
}

impl Texts {
    /// How many texts there are.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "push keeps the count below 2^32")]
    pub fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of an index that [`Texts::push`] gave.
    #[must_use]
    pub fn get(&self, id: u32) -> &str {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] as usize };
        &self.buffer[start..self.ends[id] as usize]
    }

    /// Appends a text and returns its index.
    ///
    /// # Panics
    /// Beyond 4 GiB of text, which is far more than a library's label values can be.
    pub fn push(&mut self, text: &str) -> u32 {
        self.buffer.push_str(text);
        self.ends.push(u32::try_from(self.buffer.len()).expect("label texts stay below 4 GiB"));
        self.len() - 1
    }

    /// The bytes of all texts and of their positions.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.buffer.len() + size_of_val(&*self.ends)
    }

    /// Gives back spare capacity.
    pub fn shrink(&mut self) {
        self.buffer.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}
