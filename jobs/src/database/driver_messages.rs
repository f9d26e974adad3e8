//! Plain words for errors that the driver reports as a dump of its state.

/// The longest message of a server that is shown, in characters.
const MAX_MESSAGE: usize = 300;

/// Texts in the driver's errors, and the cause that they stand for. The first that matches counts.
const CAUSES: [(&[&str], &str); 9] = [
    (&["Connection refused"], "refuses connections"),
    (
        &["failed to lookup address", "DNS", "Name or service not known"],
        "cannot be found: its host name does not resolve",
    ),
    (&["SCRAM failure", "Authentication failed", "AuthenticationFailed"], "refuses the login"),
    (&["certificate", "UnknownIssuer"], "shows a TLS certificate that is not trusted"),
    (&["corrupt message", "InvalidContentType", "tls handshake eof"], "does not speak TLS"),
    (&["No route to host", "Network is unreachable", "HostUnreachable"], "cannot be reached over the network"),
    (&["Too many open files"], "cannot be connected to: this process has too many open files"),
    (&["timed out", "TimedOut", "deadline has elapsed"], "does not answer"),
    (&["Connection reset", "end of file", "early eof", "Broken pipe", "closed"], "closed the connection"),
];

/// What the server at the other end did, as the predicate of a sentence: "refuses connections".
pub(super) fn cause(text: &str) -> String {
    let known = CAUSES.iter().find(|(signs, _)| signs.iter().any(|sign| text.contains(sign)));
    known.map_or_else(|| format!("cannot be used: {}", without_dump(text)), |(_, words)| (*words).to_owned())
}

/// Whether a failed server selection comes from a login that is refused.
pub(super) fn is_login(message: &str) -> bool {
    message.contains("SCRAM failure")
}

/// What a failed server selection says: which servers there are, and what each of them does.
pub(super) fn unreachable(message: &str) -> String {
    let mut servers = message.split("{ Address: ").skip(1).peekable();
    if servers.peek().is_none() {
        if let Some((_, name)) = message.split_once("Set Name: ") {
            return not_in_set(name.split([',', ' ']).next().unwrap_or_default());
        }
        return "MongoDB has no servers at the address in MONGODB_URI".to_owned();
    }
    let (mut failing, mut available) = (Vec::new(), Vec::new());
    for server in servers {
        let address = server.split(", ").next().unwrap_or_default();
        match server.split_once(", Error: ") {
            Some((_, error)) => failing.push((address, cause(error))),
            None if server.contains("Type: Unknown") => {
                failing.push((address, "has not answered yet".to_owned()));
            }
            None => available.push((address, "answers but is not the primary".to_owned())),
        }
    }
    let all = available.iter().chain(&failing).map(|(address, cause)| (*address, cause.as_str()));
    each_server(all)
}

/// That the servers that were asked belong to no replica set, or to another one.
pub(super) fn not_in_set(name: &str) -> String {
    format!("no server in MONGODB_URI belongs to the replica set {name}, which replicaSet asks for")
}

/// What each server does: "MongoDB at a:27017 refuses connections; b:27017 does not answer".
pub(super) fn each_server<'a>(servers: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut parts: Vec<_> = servers.map(|(address, predicate)| format!("{address} {predicate}")).collect();
    // The driver lists them in any order, and one outage should always read the same.
    parts.sort_unstable();
    format!("MongoDB at {}", parts.join("; "))
}

/// What the user may not do. The server's message quotes the command, and with it what was to be written.
pub(super) fn not_authorized(message: &str) -> String {
    let command = message.split_once("to execute command { ").and_then(|(_, command)| {
        let (verb, rest) = command.split_once(": ")?;
        let collection = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
        Some(match collection {
            Some(collection) => {
                format!("MongoDB: the user may not run {verb} on the collection {collection}")
            }
            None => format!("MongoDB: the user may not run {verb}"),
        })
    });
    // Atlas words it so, without the command.
    let atlas = || message.contains("not allowed to do action").then(|| format!("MongoDB: {message}"));
    command.or_else(atlas).unwrap_or_else(|| "MongoDB: the user is not authorized for this".to_owned())
}

/// A server's message without its tail, should it be long.
pub(super) fn shortened(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}...", &message[..end]),
        None => message.to_owned(),
    }
}

/// The first sentence of an error: without the kind's prefix, labels, sources and replies, whose order changes, so that
/// one outage would read like many.
fn without_dump(text: &str) -> String {
    let text = text.strip_prefix("Kind: ").unwrap_or(text);
    let end = [", labels: ", ", source: ", ", server response: "].iter().filter_map(|tail| text.find(tail)).min();
    shortened(text[..end.unwrap_or(text.len())].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(servers: &str) -> String {
        let message = format!(
            "Server selection timeout: No available servers. Topology: {{ Type: Unknown, Servers: [ \
             {servers} ] }}"
        );
        unreachable(&message)
    }

    fn down(address: &str, error: &str, labels: &str) -> String {
        format!(
            "{{ Address: {address}, Type: Unknown, Error: Kind: I/O error: {error}, labels: {{{labels}}}, \
             source: None, server response: None }}"
        )
    }

    #[test]
    fn an_outage_is_one_short_sentence_and_always_the_same() {
        let refused = |labels| selection(&down("db:27017", "Connection refused (os error 111)", labels));
        assert_eq!(refused("\"A\", \"B\""), "MongoDB at db:27017 refuses connections");
        assert_eq!(refused("\"B\", \"A\""), refused("\"A\", \"B\""));
    }

    #[test]
    fn each_server_of_a_replica_set_is_named_with_what_it_does() {
        let servers = [
            down("c:27017", "Connection refused (os error 111)", ""),
            down("a:27017", "Connection refused (os error 111)", ""),
            down("b:27017", "timed out", ""),
        ];
        assert_eq!(
            selection(&servers.join(", ")),
            "MongoDB at a:27017 refuses connections; b:27017 does not answer; c:27017 refuses connections"
        );
        let secondary = "{ Address: a:27017, Type: RsSecondary, Average RTT: 1ms }";
        assert_eq!(
            selection(&format!("{secondary}, {}", servers[2])),
            "MongoDB at a:27017 answers but is not the primary; b:27017 does not answer"
        );
    }

    #[test]
    fn a_replica_set_that_no_server_belongs_to_is_named() {
        let message = "Server selection timeout: No available servers. Topology: { Type: ReplicaSetNoPrimary, Set \
                       Name: rs0, Servers: [  ] }";
        assert_eq!(unreachable(message), not_in_set("rs0"));
    }

    #[test]
    fn a_cause_that_is_not_known_is_shown_without_the_dump() {
        let text = "Kind: Internal error: odd, labels: {}, source: None, server response: None }";
        assert_eq!(cause(text), "cannot be used: Internal error: odd");
    }

    #[test]
    fn a_refused_command_is_named_without_what_it_would_have_written() {
        let message = "not authorized on playarr to execute command { update: \"settings\", updates: [ { q: { _id: \
                       \"metrics_token\" }, u: { $set: { value: \"hunter2\" } } } ] }";
        assert_eq!(not_authorized(message), "MongoDB: the user may not run update on the collection settings");
        assert!(!not_authorized("hunter2").contains("hunter2"));
    }
}
