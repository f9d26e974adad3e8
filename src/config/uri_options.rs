//! The options of a connection string: every one that Playarr's driver (Node 6) accepts, and how they are handled here.

use Handling::{File, Number, Pass, Unused};

/// How an option is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handling {
    /// The driver takes it as it is.
    Pass,
    /// The driver takes it as a number. Node's driver reads the digits at the beginning and ignores the rest.
    Number,
    /// The driver takes it as the path of a PEM file.
    File,
    /// It has no effect in this service, for this reason.
    Unused(&'static str),
}

/// The names are compared without regard to case.
pub(super) fn handling(name: &str) -> Option<Handling> {
    OPTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, handling)| *handling)
}

/// The option that was probably meant.
pub(super) fn similar(name: &str) -> Option<&'static str> {
    const SIMILAR_ENOUGH: f64 = 0.84;
    let name = name.to_lowercase();
    let similarity = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &name);
    let ranked = OPTIONS.iter().map(|(known, _)| (similarity(known), *known));
    let (similarity, known) = ranked.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (similarity >= SIMILAR_ENOUGH).then_some(known)
}

const WRITES: &str = "what must not be lost is always written with w=majority and j=true";
const READS: &str = "gauges are read from a secondary where there is one, all else from the primary";
const TIMES: &str = "each operation has a time limit of its own";
const COMPRESSION: &str = "replies are not compressed";
const PROXY: &str = "servers are connected to directly";
const NODE: &str = "it concerns Node's driver only";
const LOGGING: &str = "LOG_LEVEL says what is logged";

const OPTIONS: &[(&str, Handling)] = &[
    ("appName", Pass),
    ("authMechanism", Pass),
    ("authMechanismProperties", Unused("the mechanisms that are supported have no properties")),
    ("authSource", Pass),
    ("autoSelectFamily", Unused(NODE)),
    ("autoSelectFamilyAttemptTimeout", Unused(NODE)),
    ("bsonRegExp", Unused(NODE)),
    ("checkKeys", Unused(NODE)),
    ("compressors", Unused(COMPRESSION)),
    ("connectTimeoutMS", Number),
    ("dbName", Unused("MONGODB_DB_NAME names the database")),
    ("directConnection", Pass),
    ("enableUtf8Validation", Unused("texts that are not valid UTF-8 are read as well as possible")),
    ("family", Unused("IPv4 and IPv6 are both tried")),
    ("fieldsAsRaw", Unused(NODE)),
    ("forceServerObjectId", Unused(NODE)),
    ("fsync", Unused(WRITES)),
    ("heartbeatFrequencyMS", Number),
    ("ignoreUndefined", Unused(NODE)),
    ("j", Unused(WRITES)),
    ("journal", Unused(WRITES)),
    ("keepAlive", Unused("connections are always kept alive")),
    ("keepAliveInitialDelay", Unused("connections are always kept alive")),
    ("loadBalanced", Pass),
    ("localThresholdMS", Number),
    ("maxConnecting", Number),
    ("maxIdleTimeMS", Number),
    ("maxPoolSize", Number),
    ("maxStalenessSeconds", Unused(READS)),
    ("minInternalBufferSize", Unused(NODE)),
    ("minHeartbeatFrequencyMS", Unused(NODE)),
    ("minPoolSize", Number),
    ("mongodbLogComponentSeverities", Unused(LOGGING)),
    ("mongodbLogMaxDocumentLength", Unused(LOGGING)),
    ("mongodbLogPath", Unused(LOGGING)),
    ("monitorCommands", Unused(NODE)),
    ("noDelay", Unused("connections never delay small packets")),
    ("promoteBuffers", Unused(NODE)),
    ("promoteLongs", Unused(NODE)),
    ("promoteValues", Unused(NODE)),
    ("proxyHost", Unused(PROXY)),
    ("proxyPassword", Unused(PROXY)),
    ("proxyPort", Unused(PROXY)),
    ("proxyUsername", Unused(PROXY)),
    ("raw", Unused(NODE)),
    ("readConcern", Unused(READS)),
    ("readConcernLevel", Unused(READS)),
    ("readPreference", Unused(READS)),
    ("readPreferenceTags", Unused(READS)),
    ("rejectUnauthorized", Unused("tlsAllowInvalidCertificates does what it did")),
    ("replicaSet", Pass),
    ("retryReads", Pass),
    ("retryWrites", Pass),
    ("serializeFunctions", Unused(NODE)),
    ("serverApi", Unused("no stable API version is needed")),
    ("serverMonitoringMode", Pass),
    ("serverSelectionTimeoutMS", Number),
    ("socketTimeoutMS", Unused(TIMES)),
    ("srvMaxHosts", Number),
    ("srvServiceName", Pass),
    ("ssl", Pass),
    ("timeoutMS", Unused(TIMES)),
    ("tls", Pass),
    ("tlsAllowInvalidCertificates", Pass),
    (
        "tlsAllowInvalidHostnames",
        Unused("the host name is always checked along with the certificate; tlsInsecure=true checks neither"),
    ),
    ("tlsCAFile", File),
    ("tlsCertificateKeyFile", File),
    ("tlsCertificateKeyFilePassword", Pass),
    ("tlsCRLFile", Unused("revocation lists are not read")),
    ("tlsInsecure", Pass),
    ("useBigInt64", Unused(NODE)),
    ("useNewUrlParser", Unused(NODE)),
    ("useUnifiedTopology", Unused(NODE)),
    ("uuidRepresentation", Unused("no UUIDs are read")),
    ("w", Unused(WRITES)),
    ("waitQueueTimeoutMS", Unused(TIMES)),
    ("writeConcern", Unused(WRITES)),
    ("wtimeout", Unused(WRITES)),
    ("wtimeoutMS", Unused(WRITES)),
    ("zlibCompressionLevel", Unused(COMPRESSION)),
];

/// Unused options with these values ask for what happens anyway, so nothing needs to be said.
pub(super) fn is_met_anyway(name: &str, value: &str) -> bool {
    [
        ("w", "majority"),
        ("j", "true"),
        ("journal", "true"),
        ("readPreference", "secondaryPreferred"),
        ("tlsAllowInvalidHostnames", "false"),
    ]
    .iter()
    .any(|(known, met)| known.eq_ignore_ascii_case(name) && *met == value)
}
