//! What an answer tells the router, in its extensions. Clients do not see it.

/// The text of an error: a browser gets a page with it.
#[derive(Clone)]
pub(in crate::http) struct ErrorText(pub(in crate::http) String);

/// Why somebody could not prove who they are. It is counted by the route's template.
#[derive(Clone, Copy)]
pub(in crate::http) struct AuthenticationReason(pub(in crate::http) &'static str);
