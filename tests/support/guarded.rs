//! A MongoDB that asks who one is.

use mongodb::Client;
use mongodb::bson::{Document, doc};
use playarr_sandbox::Mongod;

/// The role that is enough for everything.
pub(crate) const ROLE: &str = include_str!("../../packaging/mongodb/role.json");

/// A MongoDB with access control, a superuser, and a role of the package with a user who has it and nothing else.
/// Returns the connection string of that user, `playarr-metrics`, and a client of the superuser. Both have the password
/// `secret`.
pub(crate) async fn guarded(role: &str) -> (Mongod, String, Client) {
    let mongod = Mongod::builder().arguments(&["--auth"]).start().await.unwrap();
    // While there are no users, whoever is on this machine may create the first one.
    let uri = |user: &str, database: &str| {
        mongod.uri().replace("://", &format!("://{user}:secret@")) + "&authSource=" + database
    };
    let create = doc! { "createUser": "root", "pwd": "secret", "roles": ["root"] };
    Client::with_uri_str(mongod.uri()).await.unwrap().database("admin").run_command(create).await.unwrap();
    let root = Client::with_uri_str(uri("root", "admin")).await.unwrap();
    let role: Document = serde_json::from_str(role).unwrap();
    let playarr = root.database("playarr");
    playarr.run_command(role.clone()).await.unwrap();
    let user = doc! {
        "createUser": "playarr-metrics", "pwd": "secret",
        "roles": [{ "role": role.get_str("createRole").unwrap(), "db": "playarr" }],
    };
    playarr.run_command(user).await.unwrap();
    let own = uri("playarr-metrics", "playarr");
    (mongod, own, root)
}
