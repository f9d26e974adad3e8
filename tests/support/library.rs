//! A Playarr database in memory: read from the fixtures, written to MongoDB, read back.

use std::collections::BTreeMap;

use mongodb::{
    Database, IndexModel,
    bson::{Document, doc},
    error::{ErrorKind, Result},
    options::IndexOptions,
};

/// Collection name to its documents.
pub(crate) type Library = BTreeMap<String, Vec<Document>>;

const COLLECTIONS: [&str; 7] =
    ["titles", "provider_titles", "iptv_providers", "channels", "users", "settings", "job_history"];

/// The collections of a library, one file of the fixtures each.
pub(crate) fn collections() -> impl Iterator<Item = &'static str> {
    COLLECTIONS.into_iter()
}

/// The library of `fixtures/`: a small home library with every awkward case in it.
///
/// # Panics
/// If a file is missing or is no JSON array of extended JSON documents: a broken fixture is a bug.
pub(crate) fn fixtures() -> Library {
    collections()
        .map(|collection| {
            let path = format!("{}/fixtures/{collection}.json", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            // Deserializing a BSON document from JSON understands both forms of extended JSON.
            let documents = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
            (collection.to_owned(), documents)
        })
        .collect()
}

/// The fixtures, and shows with so many series between them, whose names are of this length.
pub(crate) fn fixtures_with(series: usize, name_length: usize) -> Library {
    const SEASONS: usize = 50;
    let mut library = fixtures();
    let shows = (0..series.div_ceil(SEASONS)).map(|show| {
        let season = |season: usize| doc! { "season": season as i32, "sources": [{ "provider_id": "p" }] };
        let media: Vec<_> = (0..SEASONS).map(season).collect();
        let title = format!("{show} {}", "x".repeat(name_length));
        doc! { "title_key": format!("many-{show}"), "type": "tvshows", "title": title, "media": media }
    });
    library.entry("titles".to_owned()).or_default().extend(shows);
    library
}

/// Writes every document of the library.
pub(crate) async fn load(database: &Database, library: &Library) -> Result<()> {
    for (collection, documents) in library {
        if !documents.is_empty() {
            database.collection::<Document>(collection).insert_many(documents).await?;
        }
    }
    Ok(())
}

/// Creates Playarr's indexes, then writes what they admit of the library: a duplicate key or a second list in
/// one index entry loses the document. What got in is read back, for it is what a count must be compared with.
pub(crate) async fn load_indexed(database: &Database, library: &Library) -> Result<Library> {
    create_playarr_indexes(database).await?;
    for (collection, documents) in library {
        if documents.is_empty() {
            continue;
        }
        let written = database.collection::<Document>(collection).insert_many(documents).ordered(false).await;
        if let Err(error) = written {
            match error.kind.as_ref() {
                ErrorKind::InsertMany(failure) if failure.write_concern_error.is_none() => {}
                _ => return Err(error),
            }
        }
    }
    read(database).await
}

/// Reads every document back.
pub(crate) async fn read(database: &Database) -> Result<Library> {
    let mut library = Library::new();
    for collection in collections() {
        let documents = library.entry(collection.to_owned()).or_default();
        let mut cursor = database.collection::<Document>(collection).find(doc! {}).await?;
        while cursor.advance().await? {
            documents.push(cursor.deserialize_current()?);
        }
    }
    Ok(library)
}

/// The indexes Playarr itself creates.
pub(crate) async fn create_playarr_indexes(database: &Database) -> Result<()> {
    let plain = IndexOptions::default;
    let unique = || IndexOptions::builder().unique(true).build();
    let unique_sparse = || IndexOptions::builder().unique(true).sparse(true).build();
    let indexes = [
        ("titles", doc! { "title_key": 1 }, unique()),
        ("titles", doc! { "type": 1, "title": 1 }, plain()),
        ("titles", doc! { "media.sources.provider_id": 1 }, plain()),
        ("titles", doc! { "type": 1, "media.sources.provider_id": 1 }, plain()),
        ("provider_titles", doc! { "provider_id": 1, "title_key": 1 }, unique()),
        ("provider_titles", doc! { "provider_id": 1, "type": 1 }, plain()),
        ("provider_titles", doc! { "provider_id": 1, "ignored": 1 }, plain()),
        ("provider_titles", doc! { "provider_id": 1, "type": 1, "ignored": 1 }, plain()),
        ("provider_titles", doc! { "title_key": 1 }, plain()),
        ("iptv_providers", doc! { "id": 1 }, unique()),
        ("channels", doc! { "provider_id": 1, "channel_id": 1 }, unique()),
        ("channels", doc! { "provider_id": 1 }, plain()),
        ("users", doc! { "username": 1 }, unique()),
        ("users", doc! { "api_key": 1 }, unique_sparse()),
        ("job_history", doc! { "job_name": 1 }, plain()),
    ];
    for (collection, keys, options) in indexes {
        let index = IndexModel::builder().keys(keys).options(options).build();
        database.collection::<Document>(collection).create_index(index).await?;
    }
    Ok(())
}
