//! Who counts an answer among the requests.

/// Who records an answer as a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum CountedBy {
    /// The router, at once.
    Router,
    /// The handler, once the answer has been sent.
    Handler,
}
