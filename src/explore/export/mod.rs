//! Chosen series as a file, written a part at a time, so that half a million of them take no more memory than a few.

mod csv;
mod gzip;
mod json;
mod text;

use std::str::FromStr;
use std::sync::Arc;

use playarr_jobs::metric::{Family, Kind, Text};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::families::time;
use super::view::View;
use crate::exposition::Format;
use crate::selector::{Chosen, RowSet};

pub(crate) use csv::cell as csv_cell;
pub(crate) use gzip::compressed;

/// About how many bytes are written at once.
const CHUNK: usize = 64 << 10;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames, clap::ValueEnum)]
#[strum(serialize_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub(crate) enum ExportFormat {
    /// One JSON document.
    Json,
    /// A JSON document a line, one for each series.
    Ndjson,
    /// A table (RFC 4180).
    Csv,
    /// The Prometheus text format.
    Text,
    /// OpenMetrics.
    OpenMetrics,
}

/// A text that is no form of an export.
#[derive(Debug, thiserror::Error)]
#[error("format={0:?} is not supported; accepted: json, ndjson, csv, text, openmetrics")]
pub(crate) struct FormatError(String);

impl ExportFormat {
    /// Reads the name of a form.
    ///
    /// # Errors
    /// When there is none of this name.
    pub(crate) fn parse(text: &str) -> Result<Self, FormatError> {
        Self::from_str(text).map_err(|_| FormatError(text.to_owned()))
    }

    /// The value of the `Content-Type` header.
    #[must_use]
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Text => Format::Text.content_type(),
            Self::OpenMetrics => Format::OpenMetrics.content_type(),
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Text => "prom",
            Self::OpenMetrics => "openmetrics.txt",
        }
    }
}

/// The name of a file with an export of this generation.
#[must_use]
pub(crate) fn file_name(format: ExportFormat, generation: u64) -> String {
    format!("playarr-metrics-{generation}.{}", format.extension())
}

/// Chosen series, encoded a part at a time.
pub(crate) struct Export {
    encoder: Encoder,
    about: About,
    parts: Vec<ExportedFamily>,
    at: At,
}

/// What an export says of itself.
struct About {
    generation: u64,
    /// When the snapshot was taken; empty before the first.
    taken_at: String,
}

/// Series of a name, or a histogram.
struct ExportedFamily {
    family: Arc<Family>,
    rows: RowSet,
    shape: Shape,
    /// The type, as it is written beside each series.
    kind: &'static str,
    unit: Text,
    taken_at: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// Gauges or counters, or in formats of numbers a part of a histogram.
    Numbers,
    /// Histograms, all of their samples.
    Histograms,
    /// A part of a histogram, without the rest.
    Rest,
}

enum Encoder {
    Json,
    Ndjson,
    Csv { labels: Vec<Text> },
    Text(Format),
}

/// What is written next.
#[derive(Clone, Copy)]
enum At {
    Beginning,
    /// A part, from this row on.
    Row(usize, usize),
    End,
    Over,
}

impl Export {
    /// An export of the series that were chosen of a view.
    #[must_use]
    pub(crate) fn new(view: &View, chosen: Vec<Chosen>, format: ExportFormat) -> Self {
        let encoder = match format {
            ExportFormat::Json => Encoder::Json,
            ExportFormat::Ndjson => Encoder::Ndjson,
            ExportFormat::Csv => Encoder::Csv { labels: csv::labels(&chosen) },
            ExportFormat::Text => Encoder::Text(Format::Text),
            ExportFormat::OpenMetrics => Encoder::Text(Format::OpenMetrics),
        };
        let shaped = match encoder {
            Encoder::Text(_) => text::shaped(&view.families, chosen),
            _ => chosen.into_iter().map(|chosen| (chosen, Shape::Numbers)).collect(),
        };
        let part = |(chosen, shape): (Chosen, Shape)| {
            let facts = &view.facts[chosen.stored.position];
            ExportedFamily {
                kind: chosen.stored.kind.as_str(),
                family: chosen.stored.family,
                rows: chosen.rows,
                shape,
                unit: facts.unit.clone(),
                taken_at: time(facts.taken_at),
            }
        };
        let taken_at = view.taken_at.map(time).unwrap_or_default();
        let about = About { generation: view.generation, taken_at };
        Self { encoder, about, parts: shaped.into_iter().map(part).collect(), at: At::Beginning }
    }

    /// How many rows there are to write, for showing progress.
    #[must_use]
    pub(crate) fn rows(&self) -> usize {
        self.parts.iter().map(|part| part.rows.len()).sum()
    }

    fn step(&mut self, out: &mut Vec<u8>) {
        self.at = match self.at {
            At::Beginning => {
                match &self.encoder {
                    Encoder::Json => json::begin(&self.about, self.rows(), out),
                    Encoder::Csv { labels } => csv::header(labels, out),
                    Encoder::Text(Format::Text) => text::comment(&self.about, out),
                    Encoder::Ndjson | Encoder::Text(_) => {}
                }
                At::Row(0, 0)
            }
            At::Row(position, from) => match self.parts.get(position) {
                None => At::End,
                Some(part) => match part.rows.next(from) {
                    None => At::Row(position + 1, 0),
                    Some(row) => {
                        let is_first = Some(row) == part.rows.next(0);
                        match &self.encoder {
                            Encoder::Json => {
                                out.extend_from_slice(if position == 0 && is_first { b"\n" } else { b",\n" });
                                json::series(part, row, None, out);
                            }
                            Encoder::Ndjson => {
                                json::series(part, row, Some(&self.about), out);
                                out.push(b'\n');
                            }
                            Encoder::Csv { labels } => csv::record(part, row, &self.about, labels, out),
                            Encoder::Text(format) => text::row(part, row, is_first, *format, out),
                        }
                        At::Row(position, row + 1)
                    }
                },
            },
            At::End => {
                match &self.encoder {
                    Encoder::Json => out.extend_from_slice(b"\n]}\n"),
                    Encoder::Text(format) => out.extend_from_slice(format.end()),
                    Encoder::Ndjson | Encoder::Csv { .. } => {}
                }
                At::Over
            }
            At::Over => At::Over,
        }
    }
}

impl Iterator for Export {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(CHUNK + CHUNK / 8);
        while out.len() < CHUNK && !matches!(self.at, At::Over) {
            self.step(&mut out);
        }
        (!out.is_empty()).then_some(out)
    }
}

/// Whether a family is a histogram.
fn is_histogram(family: &Family) -> bool {
    family.kind == Kind::Histogram
}

#[cfg(test)]
mod tests;
