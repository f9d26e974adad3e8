//! Sessions: which tokens count, for whom, and from where.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use mongodb::bson::{Document, doc};
use reqwest::header::{COOKIE, ORIGIN, REFERER, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};

use crate::support::exposition::value;
use crate::support::library::fixtures;
use crate::support::service::Service;

const KEY: &str = "a key shared by Playarr and this service, 0123456789";

/// `{"sub":"admin","role":"admin","exp":4102444800}` (the year 2100), signed with [`KEY`] by PyJWT 2.15.1.
const PYJWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiIsImV4cCI6NDEwMjQ0NDgwMH0.\
    CyST5Iiy5DdfAo9opKlcmGHDmnuhN7SqcrBqaATLsRo";
/// The same with HS384 and HS512.
const PYJWT_384: &str = "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.\
    eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiIsImV4cCI6NDEwMjQ0NDgwMH0.\
    DPdu5lys9B2tTpDLdsOVM2DLam3b2hjHfkd9eHdHS6kCAbNe2p2hqM8GycaEU3Fq";
const PYJWT_512: &str = "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.\
    eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiIsImV4cCI6NDEwMjQ0NDgwMH0.\
    YiU5gCMMjg7Ajk-zA4Bs3ePVTKbJZqtxvWOfNwRDHb5kw0v8gansgMA_BRCd_6abA0Te-VM-LyFMrR2ot6JOGg";
/// By Node's jsonwebtoken, as Playarr has it make them, which adds `iat`.
const NODE: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiIsImV4cCI6NDEwMjQ0NDgwMCwiaWF0IjoxNzk1MzYzOTc4fQ.\
    ytPnw053XYd_jAfzd8j7WIXCd8xGACGxFCeohGq8Dx4";
/// By the same, with a key id in the header and other claims.
const NODE_EXTRA: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjEifQ.\
    eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiIsImV4cCI6NDEwMjQ0NDgwMCwiaWF0IjoxNzAwMDAwMDAwLCJleHRyYSI6eyJhIjpb\
    MSxudWxsXX19.\
    TUgcFJDOo4juztRYKHDcwyFVCMok2imFc9F0z6mmQwQ";

const FAR: i64 = 4_102_444_800;

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token with this header and these claims, properly signed with HMAC-SHA256 whatever the header says.
fn signed(key: &str, header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap().chain_update(&signed);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn token(claims: &Value) -> String {
    signed(KEY, &json!({ "alg": "HS256", "typ": "JWT" }), claims)
}

async fn service() -> Service {
    Service::with(fixtures()).setting("JWT_SECRET_KEY", KEY).ready().await
}

/// The status of a route that any active user may ask, with this cookie header.
async fn verify(service: &Service, cookies: &str) -> StatusCode {
    service.get("/api/auth/verify").header(COOKIE, cookies).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_made_by_other_libraries_with_our_key_count() {
    let service = service().await;
    let fraction = token(&json!({ "sub": "admin", "exp": 4_102_444_800.5 }));
    let no_type = signed(KEY, &json!({ "alg": "HS256" }), &json!({ "sub": "admin", "exp": FAR, "nbf": 1 }));
    for session in [PYJWT, NODE, NODE_EXTRA, &fraction, &no_type] {
        assert_eq!(verify(&service, &format!("access_token={session}")).await, StatusCode::OK, "{session}");
        let show = service.get("/api/settings/metrics").header(COOKIE, format!("access_token={session}"));
        assert_eq!(show.send().await.unwrap().status(), StatusCode::OK, "{session}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookie_is_found_among_others() {
    let service = service().await;
    for cookies in [
        format!("theme=dark; access_token={PYJWT}; x=y=z"),
        format!("access_token={PYJWT};theme=dark"),
        format!("  access_token=\"{PYJWT}\""),
        format!("access_token=of-another-path; access_token={PYJWT}"),
        format!("broken; =; access_token={PYJWT}"),
        format!("name=Jürgen; access_token={PYJWT}"),
    ] {
        assert_eq!(verify(&service, &cookies).await, StatusCode::OK, "{cookies}");
    }
    for cookies in [format!("Access_Token={PYJWT}"), format!("access_token2={PYJWT}"), PYJWT.to_owned()] {
        assert_eq!(verify(&service, &cookies).await, StatusCode::UNAUTHORIZED, "{cookies}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_other_token_is_refused() {
    let service = service().await;
    let claims = json!({ "sub": "admin", "role": "admin", "exp": FAR });
    let good = token(&claims);
    let (unsigned, signature) = good.rsplit_once('.').unwrap();
    let (header, body) = unsigned.split_once('.').unwrap();
    let none = part(&json!({ "alg": "none", "typ": "JWT" }));
    let hs512 = part(&json!({ "alg": "HS512" }));
    let by_512 = Hmac::<Sha512>::new_from_slice(KEY.as_bytes()).unwrap().chain_update(format!("{hs512}.{body}"));
    let by_512 = URL_SAFE_NO_PAD.encode(by_512.finalize().into_bytes());
    let with_header = |header: &Value| signed(KEY, header, &claims);
    let refused = [
        ("alg none", format!("{none}.{body}.")),
        ("alg none, signed", with_header(&json!({ "alg": "none" }))),
        ("alg None, unsigned", format!("{}.{body}.", part(&json!({ "alg": "None" })))),
        ("unsigned", format!("{unsigned}.")),
        ("without a signature", unsigned.to_owned()),
        ("another algorithm, by PyJWT", PYJWT_384.to_owned()),
        ("another algorithm, by PyJWT", PYJWT_512.to_owned()),
        ("another algorithm", format!("{hs512}.{body}.{by_512}")),
        ("another algorithm in name", with_header(&json!({ "alg": "HS512" }))),
        ("a public key algorithm in name", with_header(&json!({ "alg": "RS256" }))),
        ("hs256 in small letters", with_header(&json!({ "alg": "hs256" }))),
        ("no algorithm", with_header(&json!({ "typ": "JWT" }))),
        ("an extension that must be understood", with_header(&json!({ "alg": "HS256", "crit": ["b64"] }))),
        (
            "a foreign key",
            signed("another key, just as long as the one of Playarr 0123", &json!({ "alg": "HS256" }), &claims),
        ),
        ("an empty key", signed("", &json!({ "alg": "HS256" }), &claims)),
        ("expired", token(&json!({ "sub": "admin", "role": "admin", "exp": 1_700_000_000 }))),
        ("expired long ago", token(&json!({ "sub": "admin", "exp": -1 }))),
        ("without an end", token(&json!({ "sub": "admin", "role": "admin" }))),
        ("an end that is no number", token(&json!({ "sub": "admin", "exp": "4102444800" }))),
        ("not valid yet", token(&json!({ "sub": "admin", "exp": FAR, "nbf": FAR - 1 }))),
        ("nobody's", token(&json!({ "role": "admin", "exp": FAR }))),
        ("a subject that is no text", token(&json!({ "sub": { "$ne": "" }, "exp": FAR }))),
        ("an unknown user", token(&json!({ "sub": "mallory", "role": "admin", "exp": FAR }))),
        ("claims that are no object", token(&json!("admin"))),
        ("other claims", format!("{header}.{}.{signature}", part(&json!({ "sub": "erin", "exp": FAR })))),
        ("a padded signature", format!("{good}=")),
        ("a signature cut short", good[..good.len() - 2].to_owned()),
        ("four parts", format!("{good}.x")),
        ("something before it", format!("x.{good}")),
        ("a very long one", token(&json!({ "sub": "admin", "exp": FAR, "x": "x".repeat(5000) }))),
        ("dots", "..".to_owned()),
        ("nothing", String::new()),
    ];
    for (what, session) in refused {
        assert_eq!(verify(&service, &format!("access_token={session}")).await, StatusCode::UNAUTHORIZED, "{what}");
    }
    assert_eq!(verify(&service, &format!("access_token={good}")).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_sessions_are_the_processs_own() {
    let (one, other) = (Service::with(fixtures()).ready().await, Service::with(fixtures()).ready().await);
    let session = one.session("admin", "admin-password").await;
    assert_eq!(verify(&one, &session).await, StatusCode::OK);
    assert_eq!(verify(&other, &session).await, StatusCode::UNAUTHORIZED);
    assert_eq!(verify(&one, &format!("access_token={PYJWT}")).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_demoted_deactivated_or_deleted_is_out_at_once_whatever_the_session_says() {
    let service = service().await;
    let users = service.database.collection::<Document>("users");
    let session = format!("access_token={PYJWT}");
    let show =
        || async { service.get("/api/settings/metrics").header(COOKIE, &session).send().await.unwrap().status() };
    let set = |fields: Document| {
        let users = users.clone();
        async move { users.update_one(doc! { "username": "admin" }, doc! { "$set": fields }).await.unwrap() }
    };
    assert_eq!(show().await, StatusCode::OK);
    set(doc! { "role": "user" }).await;
    assert_eq!((show().await, verify(&service, &session).await), (StatusCode::FORBIDDEN, StatusCode::OK));
    set(doc! { "role": "admin", "status": "inactive" }).await;
    assert_eq!((show().await, verify(&service, &session).await), (StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED));
    set(doc! { "status": "active" }).await;
    assert_eq!(show().await, StatusCode::OK);
    users.update_one(doc! { "username": "admin" }, doc! { "$unset": { "status": 1 } }).await.unwrap();
    assert_eq!(show().await, StatusCode::FORBIDDEN, "an account without a status is not in use");
    users.delete_one(doc! { "username": "admin" }).await.unwrap();
    assert_eq!(show().await, StatusCode::UNAUTHORIZED);
    let alice = token(&json!({ "sub": "alice", "role": "admin", "exp": FAR }));
    let claimed = service.get("/api/settings/metrics").header(COOKIE, format!("access_token={alice}"));
    assert_eq!(claimed.send().await.unwrap().status(), StatusCode::FORBIDDEN, "the role is looked up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_cannot_make_use_of_a_session() {
    let service = service().await;
    let host = service.url.strip_prefix("http://").unwrap().to_owned();
    let port = host.rsplit_once(':').unwrap().1.to_owned();
    let own = [
        vec![("origin", format!("http://{host}"))],
        vec![("origin", format!("https://{host}"))],
        vec![("sec-fetch-site", "same-origin".to_owned())],
        vec![("referer", format!("http://{host}/settings/metrics"))],
        vec![("host", "metrics.example".to_owned()), ("origin", "https://metrics.example".to_owned())],
        vec![("host", "Metrics.Example:443".to_owned()), ("origin", "https://metrics.example".to_owned())],
        vec![("host", "metrics.example".to_owned()), ("origin", "http://metrics.example:80".to_owned())],
        vec![
            ("x-forwarded-for", "203.0.113.1".to_owned()),
            ("x-forwarded-host", "metrics.example".to_owned()),
            ("origin", "https://metrics.example".to_owned()),
        ],
        vec![("host", "metrics.example:8443".to_owned()), ("origin", "https://metrics.example:8443".to_owned())],
    ];
    let other = [
        vec![],
        vec![("origin", "https://evil.example".to_owned())],
        vec![("origin", "null".to_owned())],
        vec![("origin", String::new())],
        vec![("origin", format!("http://{host}.evil.example"))],
        vec![("origin", format!("http://evil.example/{host}"))],
        vec![("origin", format!("http://{host}@evil.example"))],
        vec![("origin", format!("ftp://{host}"))],
        vec![("origin", "http://127.0.0.1:1".to_owned())],
        vec![("origin", format!("http://localhost:{port}"))],
        vec![("host", "metrics.example".to_owned()), ("origin", "https://metrics.example:8443".to_owned())],
        vec![("origin", "https://evil.example".to_owned()), ("sec-fetch-site", "same-origin".to_owned())],
        vec![("sec-fetch-site", "cross-site".to_owned())],
        vec![("sec-fetch-site", "same-site".to_owned())],
        vec![("sec-fetch-site", "none".to_owned())],
        vec![("sec-fetch-site", "cross-site".to_owned()), ("referer", format!("http://{host}/"))],
        vec![("referer", "https://evil.example/".to_owned())],
        vec![("origin", "https://metrics.example".to_owned()), ("x-forwarded-host", "metrics.example".to_owned())],
    ];
    let before = service.token().await;
    for route in ["/api/settings/metrics/regenerate?token=ingest", "/api/metrics/refresh?wait=false"] {
        let ask = async |headers: &[(&str, String)], proof: (&str, &str)| {
            let mut request = service.post(route).header(proof.0, proof.1);
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            request.send().await.unwrap().status()
        };
        let session = format!("access_token={PYJWT}");
        for headers in &own {
            assert!(ask(headers, ("cookie", &session)).await.is_success(), "{route} {headers:?}");
        }
        for headers in &other {
            let status = ask(headers, ("cookie", &session)).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{route} {headers:?}");
            assert!(ask(headers, ("x-api-key", "admin001")).await.is_success(), "no browser sends a key by itself");
        }
    }
    assert_eq!(service.token().await, before);
    // Signing somebody in or out from elsewhere is refused as well, where the browser says so.
    for route in ["/api/auth/logout", "/api/auth/login"] {
        let body = json!({ "username": "admin", "password": "admin-password" });
        let elsewhere = service.post(route).json(&body).header(ORIGIN, "https://evil.example");
        let elsewhere = elsewhere.header(REFERER, &service.url).send().await.unwrap();
        assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN);
        assert!(!elsewhere.headers().contains_key("set-cookie"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_invites_pages_of_other_sites() {
    let service = service().await;
    for route in ["/api/settings/metrics/regenerate", "/api/auth/login", "/api/metrics/status"] {
        let request = service.client.request(Method::OPTIONS, format!("{}{route}", service.url));
        let request = request
            .header(ORIGIN, "https://evil.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-api-key,content-type");
        let response = request.send().await.unwrap();
        assert!(response.status().is_client_error());
        assert!(!response.headers().keys().any(|name| name.as_str().starts_with("access-control")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_nobody_can_have_is_refused_without_asking_the_database() {
    let service = Service::with(fixtures()).ready().await;
    let users = service.database.collection::<Document>("users");
    for (length, status) in [(128, StatusCode::OK), (129, StatusCode::UNAUTHORIZED)] {
        let key = "k".repeat(length);
        users.update_one(doc! { "username": "admin" }, doc! { "$set": { "api_key": &key } }).await.unwrap();
        let asked = service.get("/api/auth/verify").header("x-api-key", &key).send().await.unwrap();
        assert_eq!(asked.status(), status, "{length} bytes");
    }
    let labels = [("endpoint", "/api/auth/verify"), ("reason", "bad_api_key")];
    service.until_value("playarr_authentication_failures_total", &labels, 1.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_on_pages_count_as_well() {
    let service = Service::with(fixtures()).ready().await;
    let ask = async || {
        let request = service.get("/settings/metrics").header("x-api-key", "nobodys1");
        request.header("x-forwarded-for", "203.0.113.1").send().await.unwrap()
    };
    // Who is nobody is sent on to sign in, which looks at the key again.
    for _ in 0..10 {
        assert_eq!(ask().await.status(), StatusCode::OK);
    }
    let refused = ask().await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(RETRY_AFTER));
    for (endpoint, reason, expected) in [
        ("/settings/metrics", "bad_api_key", 10.0),
        ("/login", "bad_api_key", 10.0),
        ("/settings/metrics", "too_many_failures", 1.0),
    ] {
        let labels = [("endpoint", endpoint), ("reason", reason)];
        service.until_value("playarr_authentication_failures_total", &labels, expected).await;
    }
    let labels = [("endpoint", "/settings/metrics"), ("reason", "missing")];
    assert_eq!(value(&service.series().await, "playarr_authentication_failures_total", &labels), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_of_a_mebibyte_are_not_read() {
    let service = Service::with(fixtures()).ready().await;
    let long = service.get("/api/auth/verify").header("x-api-key", "k".repeat(1 << 20));
    if let Ok(answer) = long.send().await {
        assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    assert_eq!(service.get("/-/healthy").send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_api_keys_is_slowed_and_right_ones_are_not() {
    let service = service().await;
    let ask = async |key: &str, from: &str| {
        let request = service.get("/api/auth/verify").header("x-api-key", key);
        request.header("x-forwarded-for", from).send().await.unwrap()
    };
    for n in 0..20 {
        assert_eq!(ask(&format!("guess{n:03}"), "203.0.113.1").await.status(), StatusCode::UNAUTHORIZED);
    }
    let refused = ask("guess999", "203.0.113.1").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let two_lines = service.get("/api/auth/verify").header("x-api-key", "guess999");
    let two_lines = two_lines.header("x-forwarded-for", "203.0.113.7").header("x-forwarded-for", "203.0.113.1");
    assert_eq!(two_lines.send().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS, "the last line counts");
    assert!(refused.headers().contains_key(RETRY_AFTER));
    assert_eq!(ask("admin001", "203.0.113.1").await.status(), StatusCode::OK, "a right key is never refused");
    for _ in 0..100 {
        assert_eq!(ask("admin001", "203.0.113.2").await.status(), StatusCode::OK);
    }
    let login = json!({ "username": "admin", "password": "admin-password" });
    let login = service.post("/api/auth/login").json(&login).header("x-forwarded-for", "203.0.113.1");
    assert_eq!(login.send().await.unwrap().status(), StatusCode::OK, "a stale key locks nobody out of the login");
    let key_over_session = service.get("/api/auth/verify").header(COOKIE, format!("access_token={PYJWT}"));
    let key_over_session = key_over_session.header("x-api-key", "nobodys1").send().await.unwrap();
    assert_eq!(key_over_session.status(), StatusCode::UNAUTHORIZED, "the key counts");
}
