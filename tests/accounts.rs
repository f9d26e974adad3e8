//! Signing in and out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use reqwest::header::{CONTENT_TYPE, COOKIE, ORIGIN, RETRY_AFTER, SET_COOKIE};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::library::{create_playarr_indexes, fixtures};
use crate::support::service::Service;
use crate::support::until;

/// Passwords, each with hashes of its SHA-256 digest that other implementations made.
const HASHES: &[(&str, [&str; 5])] = &[
    // Python's bcrypt 5.0.0 (2a, 2b, and 2b called 2y as PHP does), then Node's bcrypt (2a, 2b): so in each group.
    (
        "correct horse battery staple",
        [
            "$2a$05$yaUot4m64FHmciwm9u8BEe1lax5ZqhPq4KCjjey9WZqYs5O77OEMS",
            "$2b$05$44HLs3B2QVmpwdOAoDdmYe45iP9UWwXPkJG.fChlO4vXVzOKYZTf6",
            "$2y$04$ET9Qxv9VLMjwRAsXuH5.fOzFFk4x5ecboh6vEEOfRlUIdRLk.rrYq",
            "$2a$05$WxxhhdJSeM.YnkT0XfTiduyskoLZrj4ITiQ3Vfn5kAE5oD/lLwP9q",
            "$2b$05$sSRLVFi.fF8Y2rWAZYPHZeBoKnGLf9Njfn0XDs0anTYXF/0lyXur6",
        ],
    ),
    (
        "pässwörd 🦊 \"quoted\" $2b$",
        [
            "$2a$05$zcmNeXiy.JjT.lIyJ3P6vugDqgB4NZ9Tkx75E1U8FajtaaNKwLOlG",
            "$2b$05$GCen4hn0UpkidYHXRZz2rOfvO5l4LA9Zu1r17veB2wV23HkQpn4CS",
            "$2y$04$o/V3Re.jfWHuH9UiZc3O0eI6TxjSHmLaMWNRahbx9J0azctyjJuey",
            "$2a$05$5hPY9NoFljea9asb8N7nf.bLp.Mobms/09R87ok7bI/IkLjGcyvpu",
            "$2b$05$W4HAPC3YE8XugMBZOjnfueOmHHmu5TyLl/wq4C17QR1o03XQSrv06",
        ],
    ),
    (
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
         xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        [
            "$2a$05$hhRb4ywPtOtaRBQWr4RF/uqGBwFJ6QKzu7gtuU9y9PsZBfOZu.sGy",
            "$2b$05$gVJzZZJ0P0pp0ySQfV60A.T2SHnsbrIg7QYh//Mer2t8feJyZNHMW",
            "$2y$04$7eHBVI75/SLCPmxKUSlhD.O0B07vbVJXGG66dGjo3dO5bUoe2rD..",
            "$2a$05$mKn/S8knY1XD2/5EYJ93tuZJ7sO3e8Y9foMQgXZf1YWKgGiag3RZG",
            "$2b$05$PxoygRZbsT5bkrszpMbQcOC7H1sx7L1ycan07YQOaGsjgOjxQCFYW",
        ],
    ),
    // The digest begins with a zero byte.
    (
        "first-32",
        [
            "$2a$05$5qZDxm2RV5jUpo178kSdyO3Z4FElWa3RfWGgHGcTf9tQguxRbq1E2",
            "$2b$05$YP0v0XWLSSlGjWuXUgnYgeZmjrfFJA7jaGQkZba/uHiYSwd2C1liW",
            "$2y$04$XuHkowX2y/wZkK6isVrRR.gaKNy0wpJHugyQTB78UzLmHJ01SAkeO",
            "$2a$05$gTVNmRjqO8iCmcPAQNrsTujZ4eVnCMPPUScjTfrig8IPZzLZLKLVa",
            "$2b$05$OblymoOO7O2YlO9mX77VbOnjAGRZOANkAo.KoQ8G5RMbh4Py6LFoC",
        ],
    ),
    // The digest has one in the middle.
    (
        "inside-1142",
        [
            "$2a$05$Goag6tb0Z7ZKqZfLL/CMgOJ/pTNO.bAnLowm5qCbt5tGDSFY/V1wy",
            "$2b$05$2umFYMGW6v0S/h5/vH/B9e3d7RFaxtYM6iHaDbFzMuxhzZylSZ8Ai",
            "$2y$04$Y6nP3X07VuFQXGFcg/CIMutos3evn0u.1qg62DwdNZx.7Zd/xeh1m",
            "$2a$05$it2GD4COW3IGaajJjsBMKOGuycZTpQxXvpWzYQLWPpkdesDUrl.iy",
            "$2b$05$4Zhy1PWUkcA59iQ2Dhoz2.u.hbCgNhqyZE/bT5ffEWrk6ZRlxmHzO",
        ],
    ),
    // And at the end.
    (
        "last-223",
        [
            "$2a$05$jajlgROSXcGQAPbNUpCKAeA8qtLKSBQRl8o202f9Y8QNlb5dZSCQa",
            "$2b$05$IVy893PXMAt8mmhqZG89v.MgLdGjEFbavPtAhMws5/uTAF5jMS4Pe",
            "$2y$04$QiROgLb5c4Du.kIzHobQK.nAHJnnPPBEPH0UZ38UuCdfTP5uJa1Jm",
            "$2a$05$u/gRkJTctziv.8cIxkL7beXMpC.pqs0zOUlfjmqgljOGgvs4pAWX2",
            "$2b$05$nSH3Wdfn6oh7oHT41PKbi.QijiQsSxeImOtMwJgb5jAIs3wwBwq8q",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_signs_in_and_uses_the_session() {
    let service = Service::with(fixtures()).ready().await;
    let response = service.login("admin", "admin-password").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    let expected = "; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800";
    assert!(cookie.starts_with("access_token=ey") && cookie.ends_with(expected), "{cookie}");
    let user = json!({ "username": "admin", "role": "admin" });
    assert_eq!(response.json::<Value>().await.unwrap(), json!({ "success": true, "user": user }));

    let session = service.session("admin", "admin-password").await;
    let verified = service.get("/api/auth/verify").header(COOKIE, &session).send().await.unwrap();
    assert_eq!(verified.json::<Value>().await.unwrap(), json!({ "valid": true, "user": user }));
    let token = service.get("/api/settings/metrics").header(COOKIE, &session).send().await.unwrap();
    assert_eq!(token.json::<Value>().await.unwrap()["value"], service.token().await);
    let refresh = service.post("/api/metrics/refresh").header(COOKIE, &session).header(ORIGIN, &service.url);
    assert_eq!(refresh.send().await.unwrap().status(), StatusCode::OK);

    let logout = service.post("/api/auth/logout").send().await.unwrap();
    let cookie = logout.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert_eq!(cookie, "access_token=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    assert_eq!(logout.json::<Value>().await.unwrap(), json!({ "success": true }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hashes_made_by_other_implementations_let_in_whoever_knows_the_password() {
    let service = Service::empty().ready().await;
    let users = service.database.collection::<Document>("users");
    let mut n = 0;
    for (password, hashes) in HASHES {
        for hash in hashes {
            n += 1;
            let username = format!("user {n}");
            users.insert_one(doc! { "username": &username, "password_hash": hash, "status": "active" }).await.unwrap();
            assert_eq!(service.login(&username, password).await.status(), StatusCode::OK, "{hash}");
            let from = format!("203.0.113.{n}");
            for wrong in [format!("{password}x"), password[..password.len() - 1].to_owned()] {
                let response = login_from(&service, &from, &username, &wrong).await;
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{hash}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_the_answer_is_the_same_and_takes_the_same_time() {
    let service = Service::with(fixtures()).ready().await;
    let users = service.database.collection::<Document>("users");
    let hash = bcrypt::hash([0; 32], 11).unwrap();
    let days = hash.replace("$2b$11$", "$2b$31$");
    assert_ne!(days, hash);
    users
        .insert_many([
            doc! { "username": "slow", "password_hash": &hash, "status": "active" },
            doc! { "username": "inactive", "password_hash": hash, "status": "inactive" },
            doc! { "username": "days", "password_hash": days },
            doc! { "username": "none" },
            doc! { "username": "number", "password_hash": 5 },
        ])
        .await
        .unwrap();
    // What a hash of the highest cost takes on this machine, with whatever else it does. That of `admin` by itself
    // would take a sixty-fourth, so an eighth tells the two apart.
    let full = (0..3).map(|_| {
        let started = Instant::now();
        bcrypt::bcrypt(11, [0; 16], &[0; 32]);
        started.elapsed()
    });
    let full = full.min().unwrap();
    let names = ["slow", "nobody", "inactive", "admin", "days", "none", "number", "dave", ""];
    for (n, username) in names.into_iter().enumerate() {
        for _ in 0..3 {
            let started = Instant::now();
            let response = login_from(&service, &format!("203.0.113.{n}"), username, "wrong").await;
            let took = started.elapsed();
            assert!(took > full / 8, "{username}: {took:?}, where {full:?} is usual");
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{username}");
            assert!(!response.headers().contains_key(SET_COOKIE));
            let body: Value = response.json().await.unwrap();
            assert_eq!(body, json!({ "error": "Invalid username or password" }), "{username}");
        }
    }
    for (reason, expected) in [("unknown_user", 3.0), ("bad_password", 24.0)] {
        let labels = [("endpoint", "/api/auth/login"), ("reason", reason)];
        service.until_value("playarr_authentication_failures_total", &labels, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inactive_user_with_the_right_password_does_not_get_in() {
    let service = Service::with(fixtures()).ready().await;
    let users = service.database.collection::<Document>("users");
    let inactive = doc! { "$set": { "status": "inactive" } };
    users.update_one(doc! { "username": "admin" }, inactive).await.unwrap();
    let response = service.login("admin", "admin-password").await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.json::<Value>().await.unwrap(), json!({ "error": "Invalid username or password" }));
    let no_admin = service.login("alice", "alice-password").await;
    assert_eq!(no_admin.json::<Value>().await.unwrap()["user"]["role"], "user");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_whose_status_is_not_exactly_active_has_no_login_no_session_and_no_api_key() {
    let service = Service::with(fixtures()).ready().await;
    let session = service.session("admin", "admin-password").await;
    let users = service.database.collection::<Document>("users");
    let admin = doc! { "username": "admin" };
    let statuses = [Bson::Null, Bson::Int32(1), "Active".into(), "".into(), vec!["active"].into()];
    let changes = statuses.map(|status| doc! { "$set": { "status": status } });
    for change in [doc! { "$unset": { "status": "" } }].into_iter().chain(changes) {
        users.update_one(admin.clone(), change.clone()).await.unwrap();
        let login = service.login("admin", "admin-password").await;
        assert_eq!(login.status(), StatusCode::UNAUTHORIZED, "{change}");
        assert_eq!(login.json::<Value>().await.unwrap(), json!({ "error": "Invalid username or password" }));
        for (name, proof) in [("cookie", session.as_str()), ("x-api-key", "admin001")] {
            let asked = service.get("/api/settings/metrics").header(name, proof).send().await.unwrap();
            assert!(asked.status().is_client_error(), "{change} {name}: {}", asked.status());
            let verified = service.get("/api/auth/verify").header(name, proof).send().await.unwrap();
            assert_eq!(verified.status(), StatusCode::UNAUTHORIZED, "{change} {name}");
        }
    }
    users.update_one(admin, doc! { "$set": { "status": "active" } }).await.unwrap();
    let other = login_from(&service, "203.0.113.9", "admin", "admin-password").await;
    assert_eq!(other.status(), StatusCode::OK);
}

/// The document with each `??` replaced by two bytes that are not UTF-8.
fn not_utf8(document: &Document) -> RawDocumentBuf {
    let mut bytes = document.to_vec().unwrap();
    while let Some(at) = bytes.windows(2).position(|pair| pair == b"??") {
        bytes[at..at + 2].copy_from_slice(b"\xff\xfe");
    }
    RawDocumentBuf::from_bytes(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_odd_fields_changes_nothing_for_others() {
    let service = Service::with(fixtures()).ready().await;
    let users = service.database.collection::<RawDocumentBuf>("users");
    let taken = users.find_one(doc! { "username": "admin" }).await.unwrap().unwrap();
    users.delete_one(doc! { "username": "admin" }).await.unwrap();
    // Before the admin, so that a look-up by an array's element would find these first.
    let odd = [
        doc! { "username": ["admin"], "api_key": ["admin001"] },
        doc! { "username": 1, "password_hash": 1, "role": 1, "status": 1, "api_key": 1 },
        doc! { "username": null, "password_hash": null, "role": null, "status": null },
        doc! { "username": "arrays", "password_hash": ["$2b$14$"], "role": ["admin"], "status": ["active"] },
        doc! { "username": "??", "password_hash": "??", "role": "??", "status": "??", "api_key": "??" },
        doc! { "username": "hash", "password_hash": "$2b$??", "status": "active", "api_key": "hash0001" },
        doc! { "username": "role", "role": "??", "status": "active", "api_key": "role0001" },
        doc! { "username": "status", "role": "admin", "status": "??", "api_key": "status01" },
    ];
    users.insert_many(odd.iter().map(not_utf8)).await.unwrap();
    users.insert_one(taken).await.unwrap();

    assert_eq!(service.login("admin", "admin-password").await.status(), StatusCode::OK);
    let wrong = service.login("hash", "wrong").await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED, "no hash that can be read");
    for (key, expected) in [
        ("admin001", StatusCode::OK),
        ("hash0001", StatusCode::FORBIDDEN),
        ("role0001", StatusCode::FORBIDDEN),
        ("status01", StatusCode::FORBIDDEN),
    ] {
        let asked = service.get("/api/settings/metrics").header("x-api-key", key).send().await.unwrap();
        assert_eq!(asked.status(), expected, "{key}");
    }
}

async fn login_from(service: &Service, address: &str, username: &str, password: &str) -> Response {
    let login = json!({ "username": username, "password": password });
    let request = service.post("/api/auth/login").header("x-forwarded-for", address);
    request.json(&login).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_fails_often_at_an_address_is_slowed_there_and_nowhere_else() {
    let service = Service::with(fixtures()).ready().await;
    let guesses = (0..100).map(|_| login_from(&service, "203.0.113.1", "admin", "guess"));
    let (mut wrong, mut refused) = (0, 0);
    for response in join_all(guesses).await {
        match response.status() {
            StatusCode::UNAUTHORIZED => wrong += 1,
            StatusCode::TOO_MANY_REQUESTS => {
                let wait: u64 = response.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
                assert!((1..=61).contains(&wait), "{wait}");
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!((20..=35).contains(&wrong) && refused >= 65, "{wrong} were looked at, {refused} were not");

    for (address, username) in [("203.0.113.2", "admin"), ("203.0.113.1", "alice"), ("127.0.0.1", "admin")] {
        let started = Instant::now();
        let other = login_from(&service, address, username, &format!("{username}-password")).await;
        assert_eq!(other.status(), StatusCode::OK, "{username} from {address}");
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
    let started = Instant::now();
    let right = login_from(&service, "203.0.113.1", "admin", "admin-password").await;
    assert_eq!(right.status(), StatusCode::OK, "the right one gets in there as well");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ipv6_network_is_one_address_and_the_claims_before_the_last_do_not_count() {
    let service = Service::with(fixtures()).ready().await;
    let from = |n: u32| format!("198.51.100.{n}, 2001:db8:1:2:{n}::1");
    let wrong = join_all((0..40).map(|n| {
        let (service, from) = (&service, from(n));
        async move { login_from(service, &from, "admin", "guess").await.status() }
    }))
    .await;
    let looked_at = wrong.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count();
    assert!((20..=35).contains(&looked_at), "{looked_at}");
    let other = login_from(&service, "2001:db8:1:3::1", "admin", "admin-password").await;
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_https_the_cookie_is_for_https_only() {
    let service = Service::with(fixtures()).setting("ACCESS_TOKEN_EXPIRE_DAYS", "30").ready().await;
    let login = json!({ "username": "admin", "password": "admin-password" });
    for (headers, secure) in [
        (vec![("x-forwarded-proto", "https")], true),
        (vec![("x-forwarded-proto", "http, HTTPS")], true),
        (vec![("x-forwarded-proto", "http")], false),
        (vec![("host", "metrics.example"), ("origin", "https://metrics.example")], true),
        (vec![("host", "metrics.example"), ("origin", "http://metrics.example")], false),
        (vec![], false),
    ] {
        let mut request = service.post("/api/auth/login").json(&login);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("; Max-Age=2592000"), "{cookie}");
        assert_eq!(cookie.contains("; Secure"), secure, "{headers:?} {cookie}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_login_is_refused_without_being_quoted() {
    let service = Service::with(fixtures()).ready().await;
    let right = json!({ "username": "admin", "password": "admin-password" }).to_string();
    let long = json!({ "username": "admin", "password": "hunter2".repeat(3000) }).to_string();
    for (content_type, body, status) in [
        (Some("application/json; charset=utf-8"), &*right, StatusCode::OK),
        (None, &right, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Some("text/plain"), &right, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            Some("application/x-www-form-urlencoded"),
            "username=admin&password=hunter2",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (Some("application/json"), &long, StatusCode::PAYLOAD_TOO_LARGE),
        (Some("application/json"), "", StatusCode::BAD_REQUEST),
        (Some("application/json"), "\"hunter2\"", StatusCode::BAD_REQUEST),
        (Some("application/json"), r#"{"username":"admin"}"#, StatusCode::BAD_REQUEST),
        (Some("application/json"), r#"{"username":{"$ne":""},"password":"hunter2"}"#, StatusCode::BAD_REQUEST),
        (Some("application/json"), r#"{"username":"admin","password":["hunter2"]}"#, StatusCode::BAD_REQUEST),
        (Some("application/json"), r#"{"username":"admin","password":"hunter2"#, StatusCode::BAD_REQUEST),
    ] {
        let mut request = service.post("/api/auth/login").body(body.to_owned());
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{content_type:?} {body:.60}");
        let answer = response.text().await.unwrap();
        assert!(!answer.contains("hunter2"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_nobody_is_told_that_the_password_is_wrong() {
    let mut mongod = playarr_sandbox::Mongod::start().await.unwrap();
    let uri = format!("{}&serverSelectionTimeoutMS=300", mongod.uri());
    let service = Service::with(fixtures()).server(&uri).ready().await;
    let session = service.session("admin", "admin-password").await;
    mongod.kill().await.unwrap();
    for _ in 0..25 {
        let response = service.login("admin", "admin-password").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "and no failure is counted");
        assert!(response.headers().contains_key(RETRY_AFTER));
        if response.text().await.unwrap().contains("MongoDB") {
            break;
        }
    }
    let verify = service.get("/api/auth/verify").header(COOKIE, &session).send().await.unwrap();
    assert_eq!(verify.status(), StatusCode::SERVICE_UNAVAILABLE);
    let show = service.get("/api/settings/metrics").header(COOKIE, &session).send().await.unwrap();
    assert_eq!(show.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_admin_is_made_once_however_many_instances_start_and_as_playarr_would() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let instances = join_all((0..5).map(|_| {
        Service::empty()
            .server(database.uri())
            .setting("MONGODB_DB_NAME", database.name())
            .setting("DEFAULT_ADMIN_USERNAME", "root")
            .setting("DEFAULT_ADMIN_PASSWORD", "first-password")
            .ready()
    }))
    .await;
    let users = instances[0].database.collection::<Document>("users");
    until("there is an admin", Duration::from_secs(20), || async { users.count_documents(doc! {}).await.unwrap() > 0 })
        .await;
    for instance in &instances {
        assert_eq!(instance.login("root", "first-password").await.status(), StatusCode::OK);
    }
    assert_eq!(users.count_documents(doc! {}).await.unwrap(), 1);
    let root = users.find_one(doc! {}).await.unwrap().unwrap();
    for (field, text) in [("username", "root"), ("role", "admin"), ("status", "active")] {
        assert_eq!(root.get_str(field).unwrap(), text);
    }
    assert!(root.get_object_id("_id").is_ok());
    let hash = root.get_str("password_hash").unwrap();
    assert!(hash.starts_with("$2b$10$") && hash.len() == 60, "{hash}");
    let key = root.get_str("api_key").unwrap();
    assert!(key.len() == 8 && key.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key}");
    assert_eq!(root.get_document("watchlist").unwrap(), &doc! { "movies": [], "tvshows": [], "live": [] });
    for moment in ["createdAt", "lastUpdated", "created_at", "updated_at"] {
        assert!(root.get_datetime(moment).is_ok(), "{moment}");
    }
    // Playarr's own indexes can be made over it.
    create_playarr_indexes(&instances[0].database).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_are_users_no_admin_is_made() {
    let service = Service::with(fixtures())
        .setting("DEFAULT_ADMIN_USERNAME", "root")
        .setting("DEFAULT_ADMIN_PASSWORD", "first-password")
        .ready()
        .await;
    assert_eq!(service.login("root", "first-password").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(service.login("admin", "first-password").await.status(), StatusCode::UNAUTHORIZED);
    let users = service.database.collection::<Document>("users");
    assert_eq!(users.count_documents(doc! { "username": "root" }).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_admin_is_made_when_the_database_comes_back() {
    let mut mongod = playarr_sandbox::Mongod::start().await.unwrap();
    let uri = format!("{}&serverSelectionTimeoutMS=300", mongod.uri());
    mongod.kill().await.unwrap();
    let service = Service::empty().server(&uri).setting("DEFAULT_ADMIN_PASSWORD", "first-password").start().await;
    let response = service.login("admin", "first-password").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    mongod.restart().await.unwrap();
    until("the admin can sign in", Duration::from_secs(60), || async {
        login_from(&service, &random_address(), "admin", "first-password").await.status() == StatusCode::OK
    })
    .await;
}

/// Another address each time, so that trying does not count against the last one.
fn random_address() -> String {
    let address: SocketAddr = ([10, rand::random(), rand::random(), rand::random()], 0).into();
    address.ip().to_string()
}
