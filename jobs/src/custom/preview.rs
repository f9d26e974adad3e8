//! What a custom metric would show and cost, before anything of it is stored.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use mongodb::Database;

use super::compile::Compiled;
use super::cost::{ReadCost, ReadPlan};
use super::views::RunError;
use crate::collect::{Reading, collect};
use crate::database::ask;
use crate::metric::{Column, Family, Points, UNKNOWN};

/// How long a preview may take. A refresh gives each collector its own, longer time.
pub const PREVIEW_TIME: Duration = Duration::from_secs(5);

/// How many series a preview shows.
pub const PREVIEW_SERIES: usize = 20;

/// A run that takes longer deserves a warning.
const SLOW: Duration = Duration::from_secs(1);

/// A run that reads more documents deserves a warning.
const MANY_DOCUMENTS: u64 = 100_000;

/// What a custom metric would show.
#[derive(Debug)]
pub struct Preview {
    /// The first series, by their label values.
    pub sample: Family,
    /// How many series there would be.
    pub series: usize,
    /// How many more the budget would fold.
    pub folded: usize,
    /// The label with the most values, and how many it has among the series.
    pub largest_label: Option<(String, usize)>,
    /// How long one run took.
    pub duration: Duration,
    /// What one run reads.
    pub cost: ReadCost,
    /// What to think about, in whole sentences.
    pub warnings: Vec<String>,
}

/// Runs a custom metric once, and asks how MongoDB plans it.
///
/// # Errors
/// When it reads a view, fails, or takes longer than [`PREVIEW_TIME`].
pub async fn preview(database: &Database, compiled: &Compiled) -> Result<Preview, RunError> {
    let deadline = Instant::now() + PREVIEW_TIME;
    let (clock, reading) = (Instant::now(), Reading::at_any_time());
    let collected = collect(database, &reading, &compiled.definition, compiled.budget, PREVIEW_TIME).await;
    let duration = clock.elapsed();
    let collected = collected.map_err(|error| match error.is_timeout() {
        true => RunError { message: too_slow(compiled), is_unknown: false },
        false => error.into(),
    })?;
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
    // A preview that shows its series is worth more than one that fails because its cost is not known.
    let cost = ask(left, ReadPlan::explain(database, compiled, left)).await.map(|plan| plan.cost()).unwrap_or_default();
    let (family, folded) = (collected.family, collected.folded);
    let largest_label = largest_label(&family);
    let mut preview = Preview {
        sample: head(&family, PREVIEW_SERIES),
        series: family.len(),
        folded,
        largest_label,
        duration,
        cost,
        warnings: Vec::new(),
    };
    preview.warnings = warnings(&preview, compiled, &family);
    Ok(preview)
}

fn too_slow(compiled: &Compiled) -> String {
    format!(
        "the pipeline took longer than the {} s of a preview; a $match on an indexed field of {} as the first stage, \
         or a $group that needs fewer fields, makes it faster",
        PREVIEW_TIME.as_secs(),
        compiled.collection
    )
}

/// The first rows of a family.
fn head(family: &Family, rows: usize) -> Family {
    let rows = rows.min(family.len());
    let columns = family.columns.iter().map(|column| {
        let mut head = Column::new(column.name.clone());
        (0..rows).for_each(|row| head.push(column.value(row)));
        head
    });
    let points = match &family.points {
        Points::Numbers(values) => Points::Numbers(values[..rows].to_vec()),
        Points::Histograms(histograms) => Points::Histograms(histograms[..rows].to_vec()),
    };
    Family { columns: columns.collect(), points, ..family.clone() }
}

fn largest_label(family: &Family) -> Option<(String, usize)> {
    let sizes = family.columns.iter().map(|column| {
        let values: HashSet<_> = (0..family.len()).map(|row| column.value(row)).collect();
        (column.name.to_string(), values.len())
    });
    sizes.max_by_key(|(_, size)| *size)
}

fn warnings(preview: &Preview, compiled: &Compiled, family: &Family) -> Vec<String> {
    let mut warnings = Vec::new();
    let (collection, cost) = (&compiled.collection, &preview.cost);
    if family.is_empty() {
        warnings.push(
            "The pipeline gives no series: no document has a number in the field of the value. Are collection, fields \
             and value spelled as in the database?"
                .to_owned(),
        );
    }
    for column in &family.columns {
        if !family.is_empty() && (0..family.len()).all(|row| column.value(row) == UNKNOWN) {
            warnings.push(format!(
                "The label {} is {UNKNOWN} everywhere: no document has a text or a whole number in that field.",
                column.name
            ));
        }
    }
    if preview.folded > 0 {
        warnings.push(format!(
            "{} series are beyond the budget of {} and would be summed in series whose labels are _other. Raise the \
             budget, or drop a label{}.",
            grouped(preview.folded as u64),
            grouped(compiled.budget as u64),
            preview
                .largest_label
                .as_ref()
                .map_or_else(String::new, |(label, _)| format!(" ({label} has the most values)"))
        ));
    }
    let documents = cost.documents.filter(|documents| *documents >= MANY_DOCUMENTS);
    if let Some(documents) = documents.filter(|_| cost.is_scan) {
        let index = match compiled.match_fields().as_slice() {
            [] => "a $match on an indexed field as the first stage would read fewer".to_owned(),
            fields => format!("an index on {} would help", fields.join(", ")),
        };
        warnings.push(format!("It reads all {} documents of {collection} each refresh; {index}.", grouped(documents)));
    } else if let Some(documents) = documents {
        warnings.push(format!("It reads {} documents of {collection} each refresh.", grouped(documents)));
    }
    if compiled.joins() && cost.documents.is_some_and(|documents| documents > 1_000) {
        warnings.push(
            "It has a $lookup, which asks MongoDB once for each document that reaches it; group first, so that fewer \
             do."
            .to_owned(),
        );
    }
    if preview.duration >= SLOW {
        warnings.push(format!("It takes {:.1} s of MongoDB's time each refresh.", preview.duration.as_secs_f64()));
    }
    warnings
}

/// A number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let numbers = [0, 999, 1_000, 12_345, 900_000, 1_234_567];
        assert_eq!(numbers.map(grouped), ["0", "999", "1,000", "12,345", "900,000", "1,234,567"]);
    }
}
