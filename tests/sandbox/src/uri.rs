//! MongoDB URIs, as far as the driver does not handle them for us.

/// The URI without its user and password, for messages.
pub(crate) fn without_credentials(uri: &str) -> String {
    let (scheme, hosts, rest) = split(uri);
    let hosts = hosts.rsplit_once('@').map_or(hosts, |(_, hosts)| hosts);
    format!("{scheme}{hosts}{rest}")
}

/// The URI with a database as its path. Who may log in must not change with it: a URI that names
/// a user but no `authSource` authenticates against its path, or else against `admin`.
pub(crate) fn with_database(uri: &str, database: &str) -> String {
    let (scheme, hosts, rest) = split(uri);
    let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
    let has_source = options.to_ascii_lowercase().split('&').any(|option| option.starts_with("authsource="));
    let source = match path.trim_start_matches('/') {
        _ if has_source || !hosts.contains('@') => String::new(),
        "" => "authSource=admin".to_owned(),
        path => format!("authSource={path}"),
    };
    let options: Vec<&str> = [options, &source].into_iter().filter(|part| !part.is_empty()).collect();
    let mark = if options.is_empty() { "" } else { "?" };
    format!("{scheme}{hosts}/{database}{mark}{}", options.join("&"))
}

/// Scheme, user and hosts, and what follows. In user and password `/` and `?` are always escaped.
fn split(uri: &str) -> (&str, &str, &str) {
    let start = uri.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = uri.split_at(start);
    let (hosts, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    (scheme, hosts, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_becomes_the_path_and_options_stay() {
        assert_eq!(with_database("mongodb://h:1", "t"), "mongodb://h:1/t");
        assert_eq!(with_database("mongodb://h:1/", "t"), "mongodb://h:1/t");
        assert_eq!(with_database("mongodb://h:1,i:2/old?a=b", "t"), "mongodb://h:1,i:2/t?a=b");
        assert_eq!(with_database("mongodb://h?a=b", "t"), "mongodb://h/t?a=b");
    }

    #[test]
    fn a_user_logs_in_where_the_given_uri_said() {
        assert_eq!(with_database("mongodb://u:p@h", "t"), "mongodb://u:p@h/t?authSource=admin");
        assert_eq!(with_database("mongodb://u:p@h/own?a=b", "t"), "mongodb://u:p@h/t?a=b&authSource=own");
        assert_eq!(with_database("mongodb://u:p@h/own?AuthSource=x", "t"), "mongodb://u:p@h/t?AuthSource=x");
    }

    #[test]
    fn messages_show_no_password() {
        assert_eq!(without_credentials("mongodb+srv://u:p@h/db?a=b"), "mongodb+srv://h/db?a=b");
        assert_eq!(without_credentials("nonsense"), "nonsense");
    }
}
