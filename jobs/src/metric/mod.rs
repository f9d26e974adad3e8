//! What a metric is: families of samples, the rule for label values, the definition of a family, and what an operator
//! watches of it. Both crates use it; it knows no database, no text format and no HTTP.

mod family;
#[cfg(test)]
mod fuzz;
mod label_value;
mod monitoring;
mod spec;

pub use family::{Column, Family, Histogram, Kind, Points, Text, Texts};
pub use label_value::{OTHER, UNKNOWN, label_text, label_value, sample_value};
pub use monitoring::{Alert, Level, Monitoring, Panel, PanelKind, Recording, Section, Severity, Unit};
pub use spec::{LabelSpec, Spec};
