//! Reading requests: who asks, with which token, for which format, and what they send.

pub(super) mod bearer;
pub(super) mod body;
pub(super) mod caller;
pub(super) mod negotiate;
