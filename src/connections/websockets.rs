//! How many WebSockets may be open.

/// Each costs some memory, and only admins open them.
pub(crate) const MAX_WEBSOCKETS: usize = 256;
