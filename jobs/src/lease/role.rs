//! What an instance is to the others.

/// What this instance is to the others on the same database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InstanceRole {
    /// It has not looked yet.
    #[default]
    Undecided,
    /// It refreshes for all.
    Holder,
    /// Another one refreshes, and this one shows its snapshots.
    Follower {
        /// The random id of the process that refreshes.
        holder: String,
    },
    /// It refreshes by itself: nobody holds the lease, and it cannot take it.
    Alone {
        /// Why not.
        reason: String,
    },
    /// The database does not say who refreshes.
    Unreached {
        /// Why not.
        reason: String,
    },
}

impl InstanceRole {
    /// Whether this instance counts. What it has counted is published only if nobody else does.
    #[must_use]
    pub fn refreshes(&self) -> bool {
        matches!(self, Self::Holder | Self::Alone { .. } | Self::Unreached { .. })
    }

    /// The name in the status.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Undecided => "starting",
            Self::Holder => "refreshes",
            Self::Follower { .. } => "follows",
            Self::Alone { .. } => "alone",
            Self::Unreached { .. } => "unknown",
        }
    }
}
