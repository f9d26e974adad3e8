//! The document of the lease.

use std::time::Duration;

use mongodb::bson::Document;

use super::error::LeaseError;

/// The `_id` of the document.
pub(super) const ID: &str = "refresh_lease";

/// The version of its form. A change that an earlier version cannot read takes the next number.
pub(super) const FORM: i32 = 1;

/// The highest fence and the highest number of a snapshot. With a thousand a second they are reached after 285,000
/// years, and the server still adds to them exactly.
pub(super) const MAX_NUMBER: i64 = 1 << 53;

/// How long the lease lasts.
pub(super) const LEASE_TIME: Duration = Duration::from_secs(10);

/// What the document says.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaseView {
    /// The random id of the process that holds the lease.
    pub holder: String,
    /// How often the lease has changed hands.
    pub fence: i64,
    /// Whether its time is over, by the clock of the server.
    pub is_over: bool,
    /// The last number of a snapshot that was given out.
    pub generation: u64,
    /// The requests of other instances.
    pub requests: RefreshRequests,
    /// What the holder says of itself.
    pub facts: Document,
}

/// Refreshes that instances ask the holder for, numbered in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RefreshRequests {
    /// The number of the newest.
    pub asked: i64,
    /// Whether one that has not begun is to count everything.
    pub is_full: bool,
    /// The newest that a refresh under way or done is for.
    pub begun: i64,
    /// The fence of the holder that began it.
    pub begun_by: i64,
    /// The newest whose refresh is done.
    pub done: i64,
    /// How far the refresh under way is.
    pub progress: Document,
    /// The report of the last one that is done; empty if it ended without.
    pub report: Document,
}

impl LeaseView {
    /// What a document says.
    ///
    /// # Errors
    /// When it is of another form, or damaged.
    pub(super) fn of(document: &Document) -> Result<Self, LeaseError> {
        match document.get_i32("form") {
            Ok(FORM) => {}
            Ok(_) => return Err(LeaseError::UnknownForm),
            Err(_) => return Err(LeaseError::Damaged("form")),
        }
        let number = |name| {
            let number = document.get_i64(name).ok().filter(|number| (0..=MAX_NUMBER).contains(number));
            number.ok_or(LeaseError::Damaged(name))
        };
        Ok(Self {
            holder: document.get_str("holder").map_err(|_| LeaseError::Damaged("holder"))?.to_owned(),
            fence: number("fence")?,
            is_over: document.get_bool("is_over").unwrap_or(false),
            generation: number("generation")?.cast_unsigned(),
            requests: document.get_document("requests").map(RefreshRequests::of).unwrap_or_default(),
            facts: document.get_document("facts").cloned().unwrap_or_default(),
        })
    }
}

impl RefreshRequests {
    fn of(document: &Document) -> Self {
        let number = |name| document.get_i64(name).unwrap_or_default();
        let part = |name| document.get_document(name).cloned().unwrap_or_default();
        Self {
            asked: number("asked"),
            is_full: document.get_bool("full").unwrap_or(false),
            begun: number("begun"),
            begun_by: number("begun_by"),
            done: number("done"),
            progress: part("progress"),
            report: part("report"),
        }
    }

    /// Whether the holder with this fence has to begin a refresh: for a new request, or for one that the holder before
    /// it has left.
    #[must_use]
    pub fn is_pending(&self, fence: i64) -> bool {
        self.asked > self.begun || (self.begun > self.done && self.begun_by != fence)
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, doc};

    use super::*;

    #[test]
    fn a_document_of_another_form_is_not_read() {
        let mut document = doc! { "form": FORM, "holder": "a", "fence": 3_i64, "generation": 7_i64, "is_over": true };
        let view = LeaseView::of(&document).unwrap();
        assert_eq!((&*view.holder, view.fence, view.generation, view.is_over), ("a", 3, 7, true));
        assert_eq!(view.requests, RefreshRequests::default());
        document.insert("form", FORM + 1);
        assert_eq!(LeaseView::of(&document), Err(LeaseError::UnknownForm));
    }

    #[test]
    fn what_nobody_writes_is_damaged_and_named() {
        let whole = doc! { "form": FORM, "holder": "a", "fence": 3_i64, "generation": 7_i64 };
        let damage = |name: &'static str, value: Bson| {
            let mut document = whole.clone();
            document.insert(name, value);
            assert_eq!(LeaseView::of(&document), Err(LeaseError::Damaged(name)));
        };
        // What the server makes of a sum beyond 64 bits is a double.
        for number in [Bson::Int64(i64::MAX), Bson::Int64(-1), Bson::Double(9.3e18), Bson::Null] {
            damage("fence", number.clone());
            damage("generation", number);
        }
        damage("holder", Bson::Int32(1));
        damage("form", Bson::Null);
    }

    #[test]
    fn a_request_is_pending_until_it_begins_and_again_when_its_holder_is_gone() {
        let mut requests = RefreshRequests { asked: 1, ..RefreshRequests::default() };
        assert!(requests.is_pending(5));
        (requests.begun, requests.begun_by) = (1, 5);
        assert!(!requests.is_pending(5) && requests.is_pending(6));
        requests.asked = 2;
        assert!(requests.is_pending(5), "it came while the other one ran");
        (requests.begun, requests.done) = (2, 2);
        assert!(!requests.is_pending(5) && !requests.is_pending(6));
    }
}
