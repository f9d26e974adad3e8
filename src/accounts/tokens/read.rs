//! How the documents of tokens are read, and how long the database may take.

use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::options::{ReadPreference, SelectionCriteria};
use playarr_jobs::database::{DatabaseError, ask};

/// How long one answer of the database may take.
pub(super) const ASK_TIME: Duration = Duration::from_secs(5);
/// How long a majority may take to confirm a write; less than [`ASK_TIME`], so that the server's own answer arrives.
pub(super) const WRITE_TIME: Duration = Duration::from_secs(4);
/// How long the server may work on a read.
const READ_TIME: Duration = Duration::from_secs(2);

/// Which servers may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadFrom {
    /// The primary: it has what was committed last.
    Primary,
    /// A secondary as well where there is no primary. It may lag, so this is only for who knows nothing yet.
    Anywhere,
}

/// A document as a majority has it.
pub(super) async fn read(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    source: ReadFrom,
) -> Result<Option<RawDocumentBuf>, DatabaseError> {
    let preference = match source {
        ReadFrom::Primary => ReadPreference::Primary,
        ReadFrom::Anywhere => ReadPreference::PrimaryPreferred { options: None },
    };
    let find = collection
        .find_one(doc! { "_id": id })
        .selection_criteria(SelectionCriteria::ReadPreference(preference))
        .max_time(READ_TIME);
    ask(ASK_TIME, find).await
}
