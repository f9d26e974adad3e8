//! Connection strings as people write them.

use super::*;

fn complaint(text: &str) -> String {
    let complaint = parse(text.trim()).expect_err(text).to_string();
    assert!(!complaint.contains("hunter2") && !complaint.contains("not a MongoDB connection string"), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    complaint
}

fn parsed(text: &str) -> MongoUri {
    mongodb_uri().parse(text).unwrap_or_else(|complaint| panic!("{text}: {complaint}"))
}

#[test]
fn what_playarrs_driver_takes_is_taken() {
    for text in [
        "mongodb://host",
        "mongodb://host/",
        "mongodb://host?retryWrites=true",
        "mongodb://host:27017/playarr?",
        "mongodb://host/?appName=a&",
        "mongodb://a:1,b:2,c/?replicaSet=rs0",
        "mongodb://[::1]:27017,[fe80::1]/",
        "mongodb://%2Ftmp%2Fmongodb-27017.sock/playarr",
        "mongodb://user@host/",
        "mongodb://user:@host/",
        "mongodb://@host/",
        "mongodb://user:p%40ss%3Aw%2Frd@host/?authSource=admin",
        "mongodb://us er:pass word@host",
        "mongodb+srv://user:hunter2@cluster0.example.net/?retryWrites=true&w=majority&appName=Cluster0",
        "mongodb://host/?RETRYWRITES=false&READPREFERENCE=nearest",
        "mongodb://host/?appName=My+App",
        "mongodb://host/?connectTimeoutMS=5000ms&maxPoolSize=10.5",
        "mongodb://host/?maxPoolSize=0",
        "mongodb://u:p@host/?authMechanism=scram-sha-256",
        "mongodb://u:p@host/?tls=false&tlsAllowInvalidCertificates=true",
        "mongodb://host/?readPreferenceTags=dc:east&readPreferenceTags=&readPreference=nearest",
        "mongodb://u:p@host/?appName=a@b",
        " \tmongodb://host/ \n",
    ] {
        let uri = parsed(text);
        assert_eq!(uri.warnings().iter().filter(|warning| warning.contains("retryWrites")).count(), 0, "{text}");
    }
    assert_eq!(parsed("mongodb://@host").reveal(), "mongodb://host/");
    let numbers = parsed("mongodb://host/?connectTimeoutMS=5000ms&maxPoolSize=10.5");
    assert_eq!(numbers.reveal(), "mongodb://host/?connectTimeoutMS=5000&maxPoolSize=10");
    // Node's driver corrects both.
    assert_eq!(parsed("mongodb://host/?heartbeatFrequencyMS=1").reveal(), "mongodb://host/?heartbeatFrequencyMS=500");
    let long = parsed(&format!("mongodb://host/?appName={}%C3%A4", "a".repeat(127)));
    assert_eq!(long.reveal(), format!("mongodb://host/?appName={}", "a".repeat(127)));
}

#[test]
fn an_option_that_has_no_use_here_is_dropped_with_a_warning_that_names_it() {
    for option in [
        "socketTimeoutMS=30000",
        "compressors=zlib",
        "compressors=zstd,snappy",
        "zlibCompressionLevel=9",
        "useNewUrlParser=true",
        "useUnifiedTopology=true",
        "wtimeout=1000",
        "wtimeoutMS=1000",
        "j=false",
        "journal=false",
        "timeoutMS=500",
        "family=4",
        "maxStalenessSeconds=90",
        "tlsAllowInvalidHostnames=true",
        "tlsCRLFile=/nowhere",
        "w=0",
        "w=1",
        "readPreference=secondary",
        "readConcernLevel=local",
        "waitQueueTimeoutMS=1",
        "proxyHost=proxy",
        "serverApi=1",
        "authMechanismProperties=SERVICE_NAME:hunter2",
        "maxPoolSize=0",
        "serverSelectionTimeoutMS=0",
        "keepAlive=true",
        "SocketTimeoutMs=1",
    ] {
        let name = option.split('=').next().unwrap();
        for (other, expected) in [("", ""), ("&retryReads=true", "?retryReads=true")] {
            let uri = parsed(&format!("mongodb://user:pw@host/?{option}{other}"));
            assert_eq!(uri.warnings().len(), 1, "{option}");
            assert!(uri.warnings()[0].contains(&format!("the option {name} ")), "{:?}", uri.warnings());
            assert_eq!(uri.reveal(), format!("mongodb://user:pw@host/{expected}"));
        }
    }
    for option in ["w=majority", "j=true", "authMechanism=DEFAULT", "readPreference=secondaryPreferred"] {
        let uri = parsed(&format!("mongodb://u:p@host/?{option}"));
        assert_eq!((uri.warnings(), uri.reveal()), (&[][..], "mongodb://u:p@host/"), "nothing is lost: {option}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, expected) in [
        ("http://user:hunter2@host", "it must start with mongodb:// or mongodb+srv://"),
        ("hunter2", "it must start with mongodb:// or mongodb+srv://"),
        ("mongodb://user:hunter2@x@host", "the user name or the password holds an unescaped '@'; write it as %40"),
        ("mongodb://user:hunter2/x@host", "the user name or the password holds an unescaped '/'; write it as %2F"),
        ("mongodb://user:hunter2:x@host", "the user name or the password holds an unescaped ':'; write it as %3A"),
        ("mongodb://user:hunter2#@host", "the user name or the password holds an unescaped '#'; write it as %23"),
        (
            "mongodb://user:hunter2?x@host",
            "there is an '@' after the '?'; in a password, write '?' as %3F; in an option, write '@' as %40",
        ),
        (
            "mongodb://user:hunter2%zz@host",
            "the user name or the password holds a '%' that is not followed by two hexadecimal digits; write it as %25",
        ),
        ("mongodb://", "a host name is missing"),
        ("mongodb:///db", "a host name is missing"),
        ("mongodb://a,,b", "a host name is missing"),
        ("mongodb://user:hunter2", "the port of the host user is not a number from 1 to 65535"),
        ("mongodb://host:0", "the port of the host host is not a number from 1 to 65535"),
        ("mongodb://host:65536/", "the port of the host host is not a number from 1 to 65535"),
        ("mongodb+srv://host:27017", "mongodb+srv:// takes one host name without a port"),
        ("mongodb+srv://a,b", "mongodb+srv:// takes one host name without a port"),
        ("mongodb://host/?replicaset", "the option replicaset has no value"),
        ("mongodb://host/?replicaSet=", "the option replicaSet has no value"),
        ("mongodb://host/?replicatSet=rs0", "the option replicatSet is not known; did you mean replicaSet?"),
        ("mongodb://host/?nonsense", "the option nonsense is not known"),
        ("mongodb://host/?tls=true&TLS=true", "the option TLS appears more than once"),
        ("mongodb://host/?tls=true&ssl=false", "the options tls and ssl contradict each other; remove one of them"),
        ("mongodb://host/?retryWrites=maybe", "connection string `retrywrites` option must be a boolean"),
        ("mongodb://host/?maxPoolSize=many", "the option maxPoolSize must be a number"),
        (
            "mongodb://u:p@host/?authMechanism=GSSAPI",
            "authMechanism=GSSAPI is not supported; SCRAM-SHA-256, SCRAM-SHA-1, MONGODB-X509, PLAIN are",
        ),
        (
            "mongodb://host/?tlsCAFile=/nowhere/ca.pem",
            "tlsCAFile=/nowhere/ca.pem: the file cannot be read: No such file or directory (os error 2)",
        ),
        ("mongodb://host/?tlsCAFile=/dev/null", "tlsCAFile=/dev/null: the file holds no certificate in PEM form"),
    ] {
        assert_eq!(complaint(text), expected, "{text}");
    }
    let boolean = complaint("mongodb://host/?tls=yes");
    assert!(boolean.contains("`tls` option must be a boolean"), "{boolean}");
    let database = complaint("mongodb://host/a$b");
    assert!(database.contains("database name"), "{database}");
}

#[test]
fn no_part_of_a_password_is_ever_shown() {
    for text in [
        "mongodb://user:hunter2@host/db",
        "mongodb://user:hunter2@x@host:1/?authMechanismProperties=TOKEN:hunter2",
        "mongo://user:hunter2@host",
        "hunter2",
        "mongodb+srv://user:hunter2/@host",
        "user:hunter2",
        "mongodb://user:hunter2",
        "mongodb://user:hunter2/rest",
        "mongodb://user:hunter2?@host",
        "mongodb://user:x?hunter2=y@host",
    ] {
        assert!(!redacted_uri(text).contains("hunter2"), "{}", redacted_uri(text));
    }
    assert_eq!(redacted_uri(" mongodb://host:27017/db?x=y"), "mongodb://host:27017");
    assert_eq!(redacted_uri("mongodb://u:p@a:1,b:2/db"), "mongodb://***@a:1,b:2");
}
