//! What Playarr does not report by itself, so that an empty panel is not taken for good news.
//!
//! Seen in Playarr's source at commit 84b0f4b. `clients/node/README.md` has the lines that report the rest.

/// What Playarr does not report of a family, as a sentence.
pub(in crate::catalog) fn note(family: &str) -> Option<&'static str> {
    match family {
        "playarr_provider_sync_total" | "playarr_provider_sync_duration_seconds" => Some(
            "Playarr reports no synchronisations by itself, only the jobs that make them; clients/node/README.md has \
             the lines that report them.",
        ),
        "playarr_provider_api_errors_total" => Some(
            "Of failed requests Playarr by itself reports only those that timed out; clients/node/README.md has the \
             lines that report the others.",
        ),
        "playarr_provider_api_requests_total" | "playarr_provider_api_request_duration_seconds" => Some(
            "Playarr by itself reports only requests that succeeded; clients/node/README.md has the lines that report \
             the others.",
        ),
        "playarr_managed_errors_total" => {
            Some("Playarr reports no handled errors by itself; clients/node/README.md has the lines that report them.")
        }
        "playarr_websocket_connections" => Some(
            "Playarr does not report its own connections by itself, so these are those of this service; \
             clients/node/README.md has the lines that report the others.",
        ),
        _ => None,
    }
}

/// A description with the note at its end, if there is one.
pub(super) fn with_note(description: &str, note: Option<&str>) -> String {
    note.map_or_else(|| description.to_owned(), |note| format!("{description} {note}"))
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;

    #[test]
    fn each_note_is_about_a_family_that_exists() {
        let catalog = Catalog::default();
        assert_eq!(catalog.entries.iter().filter(|entry| entry.note.is_some()).count(), 7);
    }
}
