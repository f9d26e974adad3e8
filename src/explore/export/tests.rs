use playarr_jobs::metric::{Column, Histogram, Points};
use playarr_jobs::refresh::Snapshot;

use super::*;
use crate::custom::RunningMetrics;
use crate::selector::Selector;

fn view() -> View {
    let mut job = Column::new("job");
    job.push("x");
    job.push("y");
    let observed = |count| Histogram { buckets: vec![(0.5, 1), (1.0, 2)], sum: 2.5, count };
    let took = Family {
        name: "took_seconds".into(),
        help: "Time.".into(),
        kind: Kind::Histogram,
        columns: vec![job],
        points: Points::Histograms(vec![observed(3), observed(4)]),
    };
    let samples = [(vec!["=1", "a\"b"], 2.0), (vec!["z", ""], -0.5)];
    let titles = Family::numbers("titles", "Titles.", Kind::Gauge, &["type", "name"], samples);
    View::of(&Snapshot::default(), &RunningMetrics::new(), [titles, took].map(Arc::new))
}

fn exported(format: ExportFormat, selectors: &[&str]) -> String {
    let view = view();
    let selectors: Vec<_> = selectors.iter().map(|text| Selector::parse(text).unwrap()).collect();
    let chosen = view.choose(&selectors).unwrap();
    String::from_utf8(Export::new(&view, chosen, format).flatten().collect()).unwrap()
}

#[test]
fn a_histogram_chosen_whole_stays_one() {
    let text = exported(ExportFormat::Text, &[r#"{job="y"}"#]);
    assert_eq!(
        text,
        "# Generation 0, taken at \n# HELP took_seconds Time.\n# TYPE took_seconds histogram\n\
         took_seconds_bucket{job=\"y\",le=\"0.5\"} 1\ntook_seconds_bucket{job=\"y\",le=\"1\"} 2\n\
         took_seconds_bucket{job=\"y\",le=\"+Inf\"} 4\ntook_seconds_sum{job=\"y\"} 2.5\n\
         took_seconds_count{job=\"y\"} 4\n"
    );
}

#[test]
fn a_part_of_a_histogram_is_no_histogram() {
    assert_eq!(
        exported(ExportFormat::OpenMetrics, &["took_seconds_count", r#"{le="1",job="x"}"#]),
        "# HELP took_seconds_bucket Time.\n# TYPE took_seconds_bucket unknown\n\
         took_seconds_bucket{job=\"x\",le=\"1.0\"} 2\n# HELP took_seconds_count Time.\n\
         # TYPE took_seconds_count unknown\ntook_seconds_count{job=\"x\"} 3\ntook_seconds_count{job=\"y\"} 4\n# EOF\n"
    );
}

#[test]
fn a_table_has_a_column_for_each_label_that_occurs() {
    let csv = exported(ExportFormat::Csv, &["titles", r#"took_seconds_sum{job="x"}"#]);
    let records: Vec<_> = csv.split("\r\n").collect();
    assert_eq!(records[0], "metric,type,value,unit,generation,taken_at,label_type,name,job");
    assert!(records[1].starts_with("titles,gauge,2,,0,") && records[1].ends_with("Z,'=1,\"a\"\"b\","));
    assert!(records[2].starts_with("titles,gauge,-0.5,,0,") && records[2].ends_with("Z,z,,"));
    assert!(records[3].starts_with("took_seconds_sum,histogram,2.5,,0,") && records[3].ends_with("Z,,,x"));
    assert_eq!(records[4..], [""]);
}

#[test]
fn json_is_whole_and_each_line_is_too() {
    let document: serde_json::Value = serde_json::from_str(&exported(ExportFormat::Json, &["titles"])).unwrap();
    assert_eq!((document["total"].as_u64(), document["generation"].as_u64()), (Some(2), Some(0)));
    assert_eq!(document["series"][0]["labels"]["name"], "a\"b");
    assert_eq!(document["series"][1]["value"], -0.5);
    let nothing: serde_json::Value = serde_json::from_str(&exported(ExportFormat::Json, &["nothing"])).unwrap();
    assert_eq!(nothing["series"], serde_json::json!([]));
    let lines = exported(ExportFormat::Ndjson, &["titles"]);
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["metric"], &lines[0]["generation"]), (&"titles".into(), &0.into()));
}

#[test]
fn compressed_parts_are_one_member() {
    use std::io::Read;
    let parts: Vec<Vec<u8>> = (0..2_000_u32).map(|number| number.to_string().repeat(50).into_bytes()).collect();
    let member: Vec<u8> = compressed(parts.clone().into_iter()).flatten().collect();
    let mut read = Vec::new();
    let mut decoder = flate2::bufread::GzDecoder::new(&*member);
    decoder.read_to_end(&mut read).unwrap();
    assert_eq!(read, parts.concat());
    assert!(decoder.into_inner().is_empty());
}
