//! Families to text, for both formats.
//!
//! Sources: the Prometheus text format 0.0.4 (prometheus.io, "Exposition formats") and OpenMetrics 1.0.0. Where
//! they differ: OpenMetrics names a counter's family without `_total` and writes `le` as a float ("1.0"). A gauge
//! reads the same in both, as long as its HELP has no double quote.

use std::io::Write;

use playarr_jobs::metric::{Column, Family, Histogram, Kind, Points};

use super::Format;

/// Appends a family. One without samples still shows its HELP and TYPE.
pub(crate) fn render(family: &Family, format: Format, out: &mut Vec<u8>) {
    header(family, format, out);
    let fragments: Vec<Fragments<'_>> = family.columns.iter().map(Fragments::of).collect();
    let labels = |row: usize, out: &mut Vec<u8>| {
        for (position, fragments) in fragments.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            out.extend_from_slice(fragments.row(row));
        }
    };
    let name = family.name.as_bytes();
    match &family.points {
        Points::Numbers(values) => {
            for (row, &point) in values.iter().enumerate() {
                out.extend_from_slice(name);
                if !fragments.is_empty() {
                    out.push(b'{');
                    labels(row, out);
                    out.push(b'}');
                }
                out.push(b' ');
                value(point, out);
                out.push(b'\n');
            }
        }
        Points::Histograms(histograms) => {
            let mut row_labels = Vec::new();
            for (row, histogram) in histograms.iter().enumerate() {
                row_labels.clear();
                labels(row, &mut row_labels);
                lines(name, &row_labels, histogram, format, out);
            }
        }
    }
}

/// Appends a family's HELP and TYPE.
pub(crate) fn header(family: &Family, format: Format, out: &mut Vec<u8>) {
    let (kind, name) = match (family.kind, format) {
        (Kind::Gauge, _) => ("gauge", &*family.name),
        (Kind::Histogram, _) => ("histogram", &*family.name),
        (Kind::Counter, Format::Text) => ("counter", &*family.name),
        (Kind::Counter, Format::OpenMetrics) => ("counter", family.name.strip_suffix("_total").unwrap_or(&family.name)),
    };
    help_and_type(name, &family.help, kind, format, out);
}

/// Appends HELP and TYPE of a family that is a part of a histogram and no histogram itself.
pub(crate) fn part_header(family: &Family, format: Format, out: &mut Vec<u8>) {
    let kind = match format {
        Format::Text => "untyped",
        Format::OpenMetrics => "unknown",
    };
    help_and_type(&family.name, &family.help, kind, format, out);
}

/// Appends a sample of a gauge or counter, or of a part of a histogram.
pub(crate) fn sample<'a>(name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>, point: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    let before = out.len();
    append_labels(labels, out);
    if out.len() > before {
        out.insert(before, b'{');
        out.push(b'}');
    }
    out.push(b' ');
    value(point, out);
    out.push(b'\n');
}

/// Appends all samples of a row of a histogram.
pub(crate) fn histogram<'a>(
    name: &str,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
    histogram: &Histogram,
    format: Format,
    out: &mut Vec<u8>,
) {
    let mut text = Vec::new();
    append_labels(labels, &mut text);
    lines(name.as_bytes(), &text, histogram, format, out);
}

fn append_labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>, out: &mut Vec<u8>) {
    for (position, (name, value)) in labels.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        escape(value, true, out);
        out.push(b'"');
    }
}

fn help_and_type(name: &str, help: &str, kind: &str, format: Format, out: &mut Vec<u8>) {
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    escape(help, format == Format::OpenMetrics, out);
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    out.extend_from_slice(kind.as_bytes());
    out.push(b'\n');
}

fn lines(name: &[u8], labels: &[u8], histogram: &Histogram, format: Format, out: &mut Vec<u8>) {
    let bounds = histogram.buckets.iter().copied().chain([(f64::INFINITY, histogram.count)]);
    for (bound, count) in bounds {
        out.extend_from_slice(name);
        out.extend_from_slice(b"_bucket{");
        out.extend_from_slice(labels);
        if !labels.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(b"le=\"");
        match format {
            Format::Text => value(bound, out),
            Format::OpenMetrics => float(bound, out),
        }
        out.extend_from_slice(b"\"} ");
        out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
        out.push(b'\n');
    }
    let mut tail = |suffix: &[u8], point: f64| {
        out.extend_from_slice(name);
        out.extend_from_slice(suffix);
        if !labels.is_empty() {
            out.push(b'{');
            out.extend_from_slice(labels);
            out.push(b'}');
        }
        out.push(b' ');
        value(point, out);
        out.push(b'\n');
    };
    tail(b"_sum", histogram.sum);
    #[expect(clippy::cast_precision_loss, reason = "a sample is a double")]
    tail(b"_count", histogram.count as f64);
}

/// A sample value: whole numbers without a point, as both formats allow and everybody reads.
#[expect(clippy::cast_possible_truncation, reason = "only whole numbers within the exact range are cast")]
pub(crate) fn value(value: f64, out: &mut Vec<u8>) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        float(value, out);
    }
}

fn float(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        // The debug form always has a point or an exponent: "1.0", "0.25", "1e300".
        write!(out, "{value:?}").unwrap_or_else(|_| unreachable!("a Vec takes all that is written to it"));
    }
}

fn escape(text: &str, quotes: bool, out: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            byte => out.push(byte),
        }
    }
}

/// The `name="value"` of each distinct value of a column, escaped once however many rows show it.
struct Fragments<'a> {
    buffer: Vec<u8>,
    ends: Vec<usize>,
    rows: &'a [u32],
}

impl<'a> Fragments<'a> {
    fn of(column: &'a Column) -> Self {
        let (texts, rows) = column.parts();
        let (mut buffer, mut ends) = (Vec::new(), vec![0]);
        for id in 0..texts.len() {
            buffer.extend_from_slice(column.name.as_bytes());
            buffer.extend_from_slice(b"=\"");
            escape(texts.get(id), true, &mut buffer);
            buffer.push(b'"');
            ends.push(buffer.len());
        }
        Self { buffer, ends, rows }
    }

    fn row(&self, row: usize) -> &[u8] {
        let id = self.rows[row] as usize;
        &self.buffer[self.ends[id]..self.ends[id + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(family: &Family, format: Format) -> String {
        let mut out = Vec::new();
        render(family, format, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_gauge_reads_the_same_in_both_formats() {
        let samples = [(vec!["a\"b\\c\nd", "1"], 2.0), (vec!["x", "2"], 0.5)];
        let family = Family::numbers("playarr_test", "Help.", Kind::Gauge, &["title", "season"], samples);
        let expected = "# HELP playarr_test Help.\n# TYPE playarr_test gauge\n\
            playarr_test{title=\"a\\\"b\\\\c\\nd\",season=\"1\"} 2\nplayarr_test{title=\"x\",season=\"2\"} 0.5\n";
        assert_eq!(rendered(&family, Format::Text), expected);
        assert_eq!(rendered(&family, Format::OpenMetrics), expected);
    }

    #[test]
    fn openmetrics_names_a_counter_without_total() {
        let family = Family::numbers("hits_total", "Hits.", Kind::Counter, &[], [(Vec::<&str>::new(), 3.0)]);
        assert_eq!(
            rendered(&family, Format::Text),
            "# HELP hits_total Hits.\n# TYPE hits_total counter\nhits_total 3\n"
        );
        assert_eq!(rendered(&family, Format::OpenMetrics), "# HELP hits Hits.\n# TYPE hits counter\nhits_total 3\n");
    }

    #[test]
    fn a_histogram_ends_in_infinity_and_openmetrics_bounds_are_floats() {
        let mut job = Column::new("job");
        job.push("x");
        let family = Family {
            name: "took_seconds".into(),
            help: "Time.".into(),
            kind: Kind::Histogram,
            columns: vec![job],
            points: Points::Histograms(vec![Histogram { buckets: vec![(1.0, 2), (2.5, 3)], sum: 7.5, count: 4 }]),
        };
        let expected = |one: &str| {
            format!(
                "# HELP took_seconds Time.\n# TYPE took_seconds histogram\n\
                 took_seconds_bucket{{job=\"x\",le=\"{one}\"}} 2\ntook_seconds_bucket{{job=\"x\",le=\"2.5\"}} 3\n\
                 took_seconds_bucket{{job=\"x\",le=\"+Inf\"}} 4\ntook_seconds_sum{{job=\"x\"}} 7.5\n\
                 took_seconds_count{{job=\"x\"}} 4\n"
            )
        };
        assert_eq!(rendered(&family, Format::Text), expected("1"));
        assert_eq!(rendered(&family, Format::OpenMetrics), expected("1.0"));
    }

    #[test]
    fn odd_numbers_are_written_as_go_reads_them() {
        let text = |number| {
            let mut out = Vec::new();
            value(number, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(f64::NAN), "NaN");
        assert_eq!(text(f64::NEG_INFINITY), "-Inf");
        assert_eq!(text(1e300), "1e300");
        assert_eq!(text(-0.25), "-0.25");
        assert_eq!(text(9_007_199_254_740_992.0), "9007199254740992");
    }

    #[test]
    fn a_quote_in_a_help_text_is_escaped_in_openmetrics_only() {
        let none = std::iter::empty::<(Vec<&str>, f64)>();
        let family = Family::numbers("playarr_custom_a", "Of \"us\".", Kind::Gauge, &[], none);
        let expected = |help: &str| format!("# HELP playarr_custom_a {help}\n# TYPE playarr_custom_a gauge\n");
        assert_eq!(rendered(&family, Format::Text), expected("Of \"us\"."));
        assert_eq!(rendered(&family, Format::OpenMetrics), expected("Of \\\"us\\\"."));
    }
}
