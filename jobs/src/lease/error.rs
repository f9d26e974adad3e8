//! Why the lease cannot be read or written.

use crate::database::DatabaseError;

/// The lease cannot be read or written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LeaseError {
    /// The database does not answer or refuses.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It was written by another version.
    #[error(
        "the document {{_id: \"refresh_lease\"}} in playarr_metrics has a form that this version does not know, and is \
         left alone; run the same version in all instances, or delete the document"
    )]
    UnknownForm,
    /// It is not as this program writes it.
    #[error(
        "the document {{_id: \"refresh_lease\"}} in playarr_metrics is damaged (its {0} is missing, of another type or \
         out of range); delete the document, and it is written anew"
    )]
    Damaged(&'static str),
}
