//! What the user of `MONGODB_URI` may do, against the roles of the package.

use mongodb::Database;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use playarr_jobs::database::{DatabaseError, ask};

use super::patience::PATIENCE;
use super::report::Findings;
use crate::config::Config;

const ROLE: &str = include_str!("../../../packaging/mongodb/role.json");
const READ_ONLY: &str = include_str!("../../../packaging/mongodb/role-read-only.json");

/// What the user may do.
pub(super) struct Rights {
    /// Whether it may do no more than the role that only reads.
    pub(super) reads_only: bool,
    /// What is missing: "insert on users".
    missing: Vec<String>,
}

pub(super) fn report(rights: &Result<Rights, DatabaseError>, findings: &mut Findings) {
    match rights {
        Err(error) => findings.wrong("rights", error.to_string()),
        Ok(Rights { reads_only: true, .. }) => findings.ok(
            "rights",
            "those of packaging/mongodb/role-read-only.json: events are refused and nothing is remembered",
        ),
        Ok(Rights { missing, .. }) if missing.is_empty() => {
            findings.ok("rights", "those of packaging/mongodb/role.json");
        }
        Ok(Rights { missing, .. }) => findings.problems(
            "rights",
            missing
                .iter()
                .map(|missing| {
                    format!("the user of MONGODB_URI may not {missing}; give it packaging/mongodb/role.json")
                })
                .collect(),
            "",
        ),
    }
}

/// Asks MongoDB what the user may do. Writing to see whether it works would change something.
pub(super) async fn of(config: &Config, database: &Database) -> Result<Rights, DatabaseError> {
    let status = doc! { "connectionStatus": 1, "showPrivileges": true };
    let status = ask(PATIENCE, database.run_command(status)).await?;
    let info = status.get_document("authInfo").cloned().unwrap_or_default();
    let has_user = info.get_array("authenticatedUsers").is_ok_and(|users| !users.is_empty());
    if !has_user {
        // Without access control anybody may do anything; with it, this is refused and says so.
        ask(PATIENCE, database.collection::<RawDocumentBuf>("titles").find_one(doc! {})).await?;
        return Ok(Rights { reads_only: false, missing: Vec::new() });
    }
    let held = documents(&info, "authenticatedUserPrivileges");
    let missing = missing(ROLE, &held, config);
    let reads_only = !missing.is_empty()
        && self::missing(READ_ONLY, &held, config).is_empty()
        && missing.len() == role(ROLE, config).len() - role(READ_ONLY, config).len();
    Ok(Rights { reads_only, missing })
}

/// What a role has and these privileges have not.
fn missing(text: &str, held: &[Document], config: &Config) -> Vec<String> {
    let database = &config.mongodb_db_name;
    let is_held = |(collection, action): &(String, String)| {
        held.iter().any(|one| covers(one, database, collection) && actions(one).any(|held| held == action))
    };
    let missing = role(text, config).into_iter().filter(|right| !is_held(right));
    missing
        .map(|(collection, action)| match collection.as_str() {
            "" => format!("{action} on the database {database}"),
            collection => format!("{action} on {collection}"),
        })
        .collect()
}

/// The collection and the action of each right of a role. Creating the first admin is needed by who asks for it.
fn role(text: &str, config: &Config) -> Vec<(String, String)> {
    let role: Document = serde_json::from_str(text).unwrap_or_default();
    let mut rights = Vec::new();
    for privilege in documents(&role, "privileges") {
        let resource = privilege.get_document("resource").cloned().unwrap_or_default();
        let collection = resource.get_str("collection").unwrap_or_default();
        let is_needed =
            |action: &&str| (collection, *action) != ("users", "insert") || config.default_admin_password.is_some();
        rights.extend(actions(&privilege).filter(is_needed).map(|action| (collection.to_owned(), action.to_owned())));
    }
    rights
}

fn covers(privilege: &Document, database: &str, collection: &str) -> bool {
    let Ok(resource) = privilege.get_document("resource") else { return false };
    let is = |field, name: &str| resource.get_str(field).is_ok_and(|found| found.is_empty() || found == name);
    resource.get_bool("anyResource").unwrap_or(false) || (is("db", database) && is("collection", collection))
}

fn actions(privilege: &Document) -> impl Iterator<Item = &str> {
    privilege.get_array("actions").into_iter().flatten().filter_map(|action| action.as_str())
}

fn documents(document: &Document, field: &str) -> Vec<Document> {
    let found = document.get_array(field).into_iter().flatten();
    found.filter_map(|one| one.as_document().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_to_make_an_admin_is_needed_by_who_asks_for_one() {
        let needed = |password: Option<&str>| {
            let config = Config::read(|name| match name {
                "MONGODB_URI" => Some("mongodb://127.0.0.1:1".to_owned()),
                "DEFAULT_ADMIN_PASSWORD" => password.map(str::to_owned),
                _ => None,
            });
            role(ROLE, &config.unwrap()).contains(&("users".to_owned(), "insert".to_owned()))
        };
        assert!(!needed(None));
        assert!(needed(Some("a password that is long enough")));
    }
}
