//! The families that other files of `live` know by name: they show them, or add to them without an event.
//!
//! They stand apart from [`FamilyId`], which the files of events import.

use super::family::FamilyId;
use super::{http, playback, users};

impl FamilyId {
    pub(in crate::live) const STREAM_REQUEST_DURATION: Self = Self::of(&playback::STREAM_REQUEST_DURATION);
    pub(in crate::live) const CACHE_OPERATIONS: Self = Self::of(&playback::CACHE_OPERATIONS);
    pub(in crate::live) const WEBSOCKET_CONNECTIONS: Self = Self::of(&users::WEBSOCKET_CONNECTIONS);
    pub(in crate::live) const HTTP_REQUESTS: Self = Self::of(&http::HTTP_REQUESTS);
    pub(in crate::live) const HTTP_REQUEST_DURATION: Self = Self::of(&http::HTTP_REQUEST_DURATION);
}
