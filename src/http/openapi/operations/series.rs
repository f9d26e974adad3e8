//! The routes of series: families, pages, cardinality and export.

use super::{JSON, MATCH, OPENMETRICS, TEXT_FORMAT, operation};
use crate::http::openapi::operation::ParameterKind::{Number, OneOf, Text};
use crate::http::openapi::operation::{DescribedAnswer, Operation, Parameter, Who};

const CSV: (&str, &str) = ("text/csv; charset=utf-8; header=present", "");

const TABLE_FORMAT: Parameter =
    Parameter { name: "format", about: "The form; `json` if absent.", kind: OneOf(&["json", "csv"]) };

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        parameters: &[
            MATCH,
            Parameter { name: "search", about: "A text in the name, the help or a label value.", kind: Text },
            Parameter {
                name: "history",
                about: "`true` for a `chart` of each gauge: its sums at the `times` of the history, and now.",
                kind: OneOf(&["true", "false"]),
            },
            TABLE_FORMAT,
        ],
        ..operation(
            "get",
            "/api/metrics/families",
            Who::AdminOrScraper,
            "every family, see [series](series.md)",
            &[DescribedAnswer { status: 200, about: "The families.", content: &[(JSON, "Families"), CSV] }],
        )
    },
    Operation {
        parameters: &[
            MATCH,
            Parameter {
                name: "sort",
                about: "`exposition` (the default), `value` or a label, with `-` before it to reverse it.",
                kind: Text,
            },
            Parameter { name: "limit", about: "The most series; 100 if absent.", kind: Number(1, 1_000) },
            Parameter { name: "after", about: "The `next` of the page before.", kind: Text },
        ],
        ..operation(
            "get",
            "/api/metrics/series",
            Who::AdminOrScraper,
            "[series](series.md) by selector, a page at a time; 410 if the page before was of a generation that is \
             gone",
            &[DescribedAnswer { status: 200, about: "A page of series.", content: &[(JSON, "SeriesPage")] }],
        )
    },
    Operation {
        parameters: &[
            MATCH,
            TABLE_FORMAT,
            Parameter {
                name: "table",
                about: "The table of a CSV file; `families` if absent.",
                kind: OneOf(&["families", "labels", "values", "folded"]),
            },
        ],
        ..operation(
            "get",
            "/api/metrics/cardinality",
            Who::AdminOrScraper,
            "what the [series](series.md) are many by, and what was folded",
            &[DescribedAnswer { status: 200, about: "The cardinality.", content: &[(JSON, "Cardinality"), CSV] }],
        )
    },
    Operation {
        parameters: &[
            MATCH,
            Parameter {
                name: "format",
                about: "The form; `json` if absent.",
                kind: OneOf(&["json", "ndjson", "csv", "text", "openmetrics"]),
            },
        ],
        ..operation(
            "get",
            "/api/metrics/export",
            Who::AdminOrScraper,
            "[series](series.md) as JSON, NDJSON, CSV, text or OpenMetrics",
            &[DescribedAnswer {
                status: 200,
                about: "The series, as a file.",
                content: &[(JSON, "ExportedSeries"), ("application/x-ndjson", ""), CSV, TEXT_FORMAT, OPENMETRICS],
            }],
        )
    },
];
