//! Where the next page of series begins.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// The last series of a page. The next page begins after it, whatever happened to live series meanwhile.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Cursor {
    /// The generation that the page was made of.
    pub(super) generation: u64,
    /// How the series are sorted.
    pub(super) sort: String,
    /// The name of the series.
    pub(super) metric: String,
    /// The values of its labels, in their order.
    pub(super) labels: Vec<String>,
    /// The bits of its value.
    pub(super) value: u64,
}

/// A cursor that cannot be used.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum CursorError {
    /// It was not made by this service.
    #[error("\"after\" is not the \"next\" of an earlier answer; leave it out to begin with the first series")]
    Invalid,
    /// It was made for series in another order or of other selectors.
    #[error("\"after\" belongs to a request with another \"sort\" or \"match[]\"; leave it out to begin again")]
    OtherRequest,
    /// Another refresh has replaced the values.
    #[error(
        "generation {asked} is gone, and generation {current} has taken its place; leave out \"after\" to begin again"
    )]
    Gone {
        /// The generation of the cursor.
        asked: u64,
        /// The generation now.
        current: u64,
    },
}

impl Cursor {
    /// The cursor as a text for URLs.
    pub(super) fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads what [`Cursor::encode`] has written.
    pub(crate) fn decode(text: &str) -> Result<Self, CursorError> {
        let json = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Invalid)?;
        serde_json::from_slice(&json).map_err(|_| CursorError::Invalid)
    }
}
