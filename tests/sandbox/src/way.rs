//! The ways to a MongoDB.

use std::fmt;

/// Where a MongoDB comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// A server that runs already, named by `PLAYARR_TEST_MONGODB_URI`. Only our databases on it are ours.
    Given,
    /// A container of the official image.
    Docker,
    /// A `mongod` installed on this machine.
    Local,
    /// A `mongod` fetched from the Python package index.
    Fetched,
}

impl Way {
    /// Every way, in the order they are tried.
    pub const ALL: [Self; 4] = [Self::Given, Self::Docker, Self::Local, Self::Fetched];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "given",
            Self::Docker => "docker",
            Self::Local => "local",
            Self::Fetched => "fetched",
        })
    }
}
