//! Executes one definition: its queries become rows, rows become series, series keep to the budget.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use mongodb::Database;
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, doc};
use mongodb::raw_batch_cursor::RawBatch;
use tokio::sync::mpsc;

use super::definition::{Counted, Definition, NestedField, Query};
use super::expression::labelable;
use super::reading::Reading;
use super::series::SeriesTable;
use super::series_budget::{self, Budgeted};
use super::source::{Source, SourceError, raw_field};
use crate::metric::{Text, label_text, label_value, sample_value};

/// Batches on their way from the database to the counting; more would only fill memory.
const BATCHES_IN_FLIGHT: usize = 2;

/// How many index counts of one collector are asked for at once.
const COUNTS_IN_FLIGHT: usize = 2;

/// With more distinct values than this, one pass over the documents beats a count for each.
const MAX_OPEN_VALUES: usize = 500;

/// Computes a gauge.
///
/// # Errors
/// When a query fails or the whole takes longer than `timeout`.
pub(crate) async fn collect(
    database: &Database,
    reading: &Reading,
    definition: &Definition,
    budget: usize,
    timeout: Duration,
) -> Result<Budgeted, SourceError> {
    let source = Source::new(database.clone(), reading.clone(), &definition.name, timeout);
    let work = async {
        if definition.without_views {
            source.refuse_views(&definition.collections()).await?;
        }
        let mut table = SeriesTable::new(definition.labels.len(), definition.merge);
        for query in &definition.queries {
            table = match query {
                Query::Fixed(rows) => {
                    rows.iter().for_each(|labels| table.add(labels, 0.0));
                    table
                }
                Query::Rows { collection, pipeline } => {
                    let (labels, most_bytes) = (definition.labels.clone(), definition.most_bytes);
                    let add = move |table: &mut SeriesTable, row: &RawDocument| add_row(table, &labels, row);
                    read(&source, collection, pipeline, table, most_bytes, add).await?
                }
                Query::Nested { collection, pipeline, arrays, labels } => {
                    let mut walk = Walk::new(arrays.clone(), labels);
                    let add = move |table: &mut SeriesTable, document: &RawDocument| walk.add(table, document, 0);
                    read(&source, collection, pipeline, table, definition.most_bytes, add).await?
                }
                Query::Counted(counted) => count(&source, counted, table).await?,
            };
        }
        Ok::<_, SourceError>(table)
    };
    // The server keeps to the deadline by itself; this is for a server that no longer answers.
    let table = tokio::time::timeout(timeout, work).await.map_err(|_| SourceError::Timeout(timeout))??;
    let definition = definition.clone();
    tokio::task::spawn_blocking(move || series_budget::fold(&table, &definition, budget))
        .await
        .map_err(|_| SourceError::Cancelled)
}

/// Feeds every document of a pipeline to `add`, on a thread of its own: the server prepares the next batch while
/// this one is counted, and requests are served meanwhile. Fails where the table takes more than `most_bytes`.
async fn read(
    source: &Source,
    collection: &str,
    pipeline: &[Document],
    mut table: SeriesTable,
    most_bytes: Option<usize>,
    mut add: impl FnMut(&mut SeriesTable, &RawDocument) + Send + 'static,
) -> Result<SeriesTable, SourceError> {
    let (sender, mut receiver) = mpsc::channel::<RawBatch>(BATCHES_IN_FLIGHT);
    let counting = tokio::task::spawn_blocking(move || {
        while let Some(batch) = receiver.blocking_recv() {
            for document in batch.doc_slices()? {
                if let Some(document) = document?.as_document() {
                    add(&mut table, document);
                }
            }
            if most_bytes.is_some_and(|most| table.bytes() > most) {
                return Err(SourceError::TooManySeries { series: table.len() });
            }
        }
        Ok(table)
    });
    let mut batches = source.aggregate(collection, pipeline).await?;
    while let Some(batch) = batches.next().await? {
        if sender.send(batch).await.is_err() {
            break; // the counting failed and says why below
        }
    }
    drop(sender);
    counting.await.map_err(|_| SourceError::Cancelled)?
}

fn add_row(table: &mut SeriesTable, labels: &[Text], row: &RawDocument) {
    let Some(value) = sample_value(raw_field(row, "value")) else { return };
    let labels: Vec<_> = labels.iter().map(|label| label_value(raw_field(row, label))).collect();
    table.add(&labels, value);
}

/// Walks the nested arrays of a document; each innermost object adds one to the series of the labels met on the
/// way to it.
struct Walk {
    arrays: Vec<Text>,
    /// For each depth the labels read there: which label, from which field.
    fields: Vec<Vec<(usize, Text)>>,
    key: Vec<u32>,
}

impl Walk {
    fn new(arrays: Vec<Text>, labels: &[NestedField]) -> Self {
        let mut fields = vec![Vec::new(); arrays.len() + 1];
        for (label, NestedField { depth, field }) in labels.iter().enumerate() {
            fields[*depth].push((label, field.clone()));
        }
        Self { arrays, fields, key: vec![0; labels.len()] }
    }

    fn add(&mut self, table: &mut SeriesTable, object: &RawDocument, depth: usize) {
        for (label, name) in &self.fields[depth] {
            self.key[*label] = table.intern(*label, &label_value(raw_field(object, name)));
        }
        let Some(array) = self.arrays.get(depth) else {
            table.add_key(&self.key, 1.0);
            return;
        };
        let elements = raw_field(object, array).and_then(RawBsonRef::as_array);
        for element in elements.into_iter().flatten() {
            // An element that cannot be read is no object.
            if let Some(object) = element.ok().and_then(RawBsonRef::as_document) {
                self.add(table, object, depth + 1);
            }
        }
    }
}

/// Counts documents by their fields: each pair of usual values by counting index keys, and all other documents by a
/// pipeline.
///
/// Each document is counted exactly once, even if it was inserted in between: the pipeline matches what the counts
/// leave out, by the same lists of values.
async fn count(source: &Source, counted: &Counted, mut table: SeriesTable) -> Result<SeriesTable, SourceError> {
    let Counted { collection, filter, open, closed, usual } = counted;
    let closed_field: &str = closed;
    let with = |fields: Document| {
        let mut filter = filter.clone();
        filter.extend(fields);
        filter
    };

    let mut probe = doc! { closed_field: usual[0] };
    if let Some(open) = open {
        probe.insert(&**open, "");
    }
    if !source.counts_by_index(collection, with(probe)).await? {
        return group(source, counted, filter.clone(), table).await;
    }

    let (open_values, unusual) = match open {
        None => (vec![(doc! {}, None)], doc! { closed_field: { "$nin": usual } }),
        Some(open) => {
            let open: &str = open;
            let Some(texts) = source.distinct_texts(collection, open, MAX_OPEN_VALUES).await? else {
                return group(source, counted, filter.clone(), table).await;
            };
            let unusual = doc! { "$or": [
                { open: { "$nin": &texts } },
                { open: { "$in": &texts }, closed_field: { "$nin": usual } },
            ] };
            (texts.into_iter().map(|text| (doc! { open: &text }, Some(text))).collect(), unusual)
        }
    };
    let mut counts = Vec::new();
    for (fields, text) in &open_values {
        for usual in usual {
            let mut fields = fields.clone();
            fields.insert(closed_field, *usual);
            let filter = with(fields);
            counts.push(async move {
                let count = source.count(collection, filter).await?;
                Ok::<_, SourceError>((text.as_deref(), *usual, count))
            });
        }
    }
    let counts: Vec<_> = futures_util::stream::iter(counts).buffer_unordered(COUNTS_IN_FLIGHT).try_collect().await?;
    for (text, usual, count) in counts {
        if count > 0 {
            let labels: Vec<_> = text.map(label_text).into_iter().chain([usual.into()]).collect();
            #[expect(clippy::cast_precision_loss, reason = "no collection has 2^53 documents")]
            table.add(&labels, count as f64);
        }
    }
    group(source, counted, with(unusual), table).await
}

/// Counts the documents that match by one pass over them.
async fn group(
    source: &Source,
    counted: &Counted,
    filter: Document,
    table: SeriesTable,
) -> Result<SeriesTable, SourceError> {
    let Counted { collection, open, closed, .. } = counted;
    let fields = open.iter().chain([closed]);
    let keys: Document = fields.clone().map(|field| (field.to_string(), labelable(field))).collect();
    let mut projection = doc! { "_id": 0, "value": 1 };
    projection.extend(fields.clone().map(|field| (field.to_string(), Bson::String(format!("$_id.{field}")))));
    // `ignored: true` in a filter also takes arrays that hold a true.
    let exact: Vec<Document> =
        counted.filter.iter().map(|(field, value)| doc! { "$eq": [format!("${field}"), value] }).collect();
    let pipeline = [
        doc! { "$match": filter },
        doc! { "$match": { "$expr": { "$and": exact } } },
        doc! { "$group": { "_id": keys, "value": { "$sum": 1 } } },
        doc! { "$project": projection },
    ];
    let labels: Vec<Text> = fields.cloned().collect();
    let add = move |table: &mut SeriesTable, row: &RawDocument| add_row(table, &labels, row);
    read(source, collection, &pipeline, table, None, add).await
}
