//! Random messy databases: every field the gauges read is now and then missing, null or of any other type.
//!
//! The rest is drawn from small pools, so that many labels are equal, some of them across types.

use mongodb::bson::{
    Binary, Bson, DateTime, Document, JavaScriptCodeWithScope, Regex, Timestamp, doc, oid::ObjectId,
    spec::BinarySubtype,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::library::Library;

/// A database of a few hundred documents per collection; the same seed gives the same one.
///
/// It can be written to any MongoDB without unique indexes.
pub(crate) fn random_library(seed: u64) -> Library {
    let mut messy = Messy::new(seed);
    let mut library = Library::new();
    messy.fill(&mut library, "iptv_providers", Messy::provider);
    messy.fill(&mut library, "titles", Messy::title);
    messy.fill(&mut library, "provider_titles", Messy::provider_title);
    messy.fill(&mut library, "channels", Messy::channel);
    messy.fill(&mut library, "users", Messy::user);
    messy.fill(&mut library, "settings", Messy::setting);
    messy.fill(&mut library, "job_history", Messy::job);
    library
}

const PROVIDERS: [&str; 8] = ["agtv", "xtream-one", "nordic", "42", "7", "_other", "unknown", "AGTV"];
const SHOWS: [&str; 10] =
    ["Dark", "Fargo", "The Wire", "Severance", "24", "1899", "unknown", "_other", "Pokémon", "Poke\u{301}mon"];
const CATEGORIES: [&str; 7] = ["News", "Sports", "Kids", "4", "UK | Local (HD)", "news", "_other"];
const USERS: [&str; 7] = ["admin", "alice", "bob", "7", "ALICE", "unknown", "_other"];

/// Text that formats, pipelines and languages like to trip over.
const AWKWARD: [&str; 34] = [
    "",
    " ",
    " padded ",
    "say \"hi\"",
    "C:\\new\\table",
    "ends in \\",
    "two\nlines",
    "carriage\rreturn\r\n",
    "tab\tstop",
    "nul\0byte",
    "\u{1b}[31mred",
    "{brace}=\"x\",",
    "# EOF",
    "🎬",
    "👨‍👩‍👧‍👦 family",
    "\u{10ffff}",
    "مسلسل العائلة",
    "\u{202e}override",
    "\u{feff}mark\u{200b}\u{2028}\u{85}",
    "$title",
    "$$ROOT",
    "a.b",
    "0",
    "-0",
    "-1",
    "1.0",
    "01",
    "1e3",
    "NaN",
    "+Inf",
    "null",
    "true",
    "movies",
    "tvshows",
];

struct Messy {
    rng: StdRng,
    /// The chance of a value that is not as it should be. Some databases are messier than others.
    mess: f64,
    /// Makes keys and ids that must not repeat.
    serial: i64,
}

impl Messy {
    fn new(seed: u64) -> Messy {
        let mut rng = StdRng::seed_from_u64(seed);
        let mess = rng.random_range(0.02..0.35);
        Messy { rng, mess, serial: 0 }
    }

    fn fill(&mut self, library: &mut Library, collection: &str, build: fn(&mut Messy) -> Document) {
        let documents = self.rng.random_range(200..400);
        library.insert(collection.to_owned(), (0..documents).map(|_| build(self)).collect());
    }

    fn provider(&mut self) -> Document {
        let mut provider = self.with_id();
        // A provider of its own now and then, or there would be few series.
        let id = if self.chance(0.5) { self.pick(&PROVIDERS) } else { self.unique("provider") };
        self.set_label(&mut provider, "id", id);
        let name = self.pick(&["A provider", "Another", "Another", "7", "unknown"]);
        self.set_label(&mut provider, "name", name);
        let kind = self.pick(&["agtv", "xtream"]);
        self.set_label(&mut provider, "type", kind);
        let enabled = self.chance(0.8);
        self.set(&mut provider, "enabled", enabled);
        let deleted = self.chance(0.2);
        self.set(&mut provider, "deleted", deleted);
        let mut details = Document::new();
        self.set_number(&mut details, "active_connections");
        self.set_number(&mut details, "max_connections");
        let active = self.chance(0.8);
        self.set(&mut details, "active", active);
        self.set_number(&mut details, "expiration_date");
        self.set(&mut details, "last_checked", DateTime::from_millis(1_762_066_800_000));
        self.set(&mut provider, "provider_details", details);
        provider
    }

    fn provider_title(&mut self) -> Document {
        let mut title = self.with_id();
        let provider = self.pick(&PROVIDERS);
        self.set_label(&mut title, "provider_id", provider);
        let key = self.unique("movies");
        self.set(&mut title, "title_key", key);
        let media_type = self.media_type();
        self.set_label(&mut title, "type", media_type);
        let ignored = self.chance(0.3);
        self.set(&mut title, "ignored", ignored);
        title
    }

    fn title(&mut self) -> Document {
        let mut title = self.with_id();
        let media_type = self.media_type();
        let key = self.unique(&media_type);
        self.set(&mut title, "title_key", key);
        self.set_label(&mut title, "type", media_type);
        let name = self.pick(&SHOWS);
        self.set_label(&mut title, "title", name);
        let episodes = self.list(12, Messy::episode);
        self.set(&mut title, "media", episodes);
        title
    }

    fn episode(&mut self) -> Bson {
        let mut episode = doc! { "name": "main" };
        let season = self.rng.random_range(0..4).to_string();
        self.set_label(&mut episode, "season", season);
        self.set(&mut episode, "episode", 1);
        let sources = self.list(4, Messy::source);
        self.set(&mut episode, "sources", sources);
        episode.into()
    }

    fn source(&mut self) -> Bson {
        let mut source = Document::new();
        let provider = self.pick(&PROVIDERS);
        self.set_label(&mut source, "provider_id", provider);
        source.into()
    }

    fn channel(&mut self) -> Document {
        let mut channel = self.with_id();
        let provider = self.pick(&PROVIDERS);
        self.set_label(&mut channel, "provider_id", provider);
        let id = self.unique("channel");
        self.set(&mut channel, "channel_id", id);
        let category = self.pick(&CATEGORIES);
        self.set_label(&mut channel, "group_title", category);
        channel
    }

    fn user(&mut self) -> Document {
        let mut user = self.with_id();
        let name = if self.chance(0.3) { self.pick(&USERS) } else { self.unique("user") };
        self.set_label(&mut user, "username", name);
        if self.chance(0.7) {
            let key = self.unique("key");
            self.set(&mut user, "api_key", key);
        }
        let role = if self.chance(0.1) { "admin" } else { "user" };
        self.set(&mut user, "role", role);
        let status = if self.chance(0.7) { "active" } else { "inactive" };
        self.set(&mut user, "status", status);
        let mut watchlist = Document::new();
        for member in ["movies", "tvshows", "live"] {
            let keys = self.list(6, |messy| messy.unique(member).into());
            self.set(&mut watchlist, member, keys);
        }
        self.set(&mut user, "watchlist", watchlist);
        user
    }

    fn setting(&mut self) -> Document {
        let mut setting = doc! { "_id": self.unique("setting") };
        self.set(&mut setting, "value", "on");
        self.set(&mut setting, "createdAt", DateTime::from_millis(1_762_066_800_000));
        self.set(&mut setting, "lastUpdated", DateTime::from_millis(1_762_066_800_000));
        setting
    }

    fn job(&mut self) -> Document {
        let mut job = self.with_id();
        // Our own entry, for a run must be able to write it whatever it holds.
        let name = if self.chance(0.01) { "UpdateMetricsJob".to_owned() } else { self.unique("Job") };
        self.set(&mut job, "job_name", name);
        self.set(&mut job, "status", "completed");
        self.set(&mut job, "last_execution", DateTime::from_millis(1_762_066_800_000));
        self.set(&mut job, "execution_count", 3);
        self.set(&mut job, "last_result", doc! { "items": 3 });
        job
    }

    /// Sets the field to the valid value, or spoils it.
    fn set(&mut self, document: &mut Document, field: &str, valid: impl Into<Bson>) {
        let valid = valid.into();
        if !self.chance(self.mess) {
            document.insert(field, valid);
        } else if self.chance(0.7) {
            let spoiled = if self.chance(0.2) { Bson::Null } else { self.any(valid) };
            document.insert(field, spoiled);
        }
    }

    /// As `set`, for a field that becomes a label: numbers of every type, and text that is awkward or long.
    fn set_label(&mut self, document: &mut Document, field: &str, valid: impl Into<String>) {
        let valid = valid.into();
        let label = match (valid.parse::<i32>(), self.rng.random_range(0..100)) {
            (Ok(number), 0..70) => self.any_number(number),
            (_, 70..75) => self.pick(&AWKWARD).into(),
            (_, 75) => self.long_text().into(),
            (_, 76) => self.large_number(),
            _ => valid.into(),
        };
        self.set(document, field, label);
    }

    /// As `set`, for a field whose number becomes a value.
    ///
    /// Values of equal labels are summed in no certain order, so the sums must come out the same in each: whole
    /// numbers and halves, and one double so large that a power of two is all that is left.
    fn set_number(&mut self, document: &mut Document, field: &str) {
        let numbers = [
            Bson::Int32(0),
            Bson::Int32(3),
            Bson::Int32(-1),
            Bson::Int64(1_798_675_200),
            Bson::Int64(1 << 40),
            Bson::Double(2.0),
            Bson::Double(1.5),
            Bson::Double(-0.0),
            Bson::Double(1_798_675_200.5),
            Bson::Double(2_f64.powi(996)),
            Bson::Double(f64::NAN),
            Bson::Double(f64::INFINITY),
            Bson::Double(f64::NEG_INFINITY),
        ];
        // The last few are rare, or most sums would be huge.
        let choices = if self.chance(0.05) { numbers.len() } else { 9 };
        let number = numbers[self.rng.random_range(0..choices)].clone();
        if self.chance(self.mess) {
            // Any other number would have to sum up exactly, too.
            let spoiled = self.any(Bson::Null);
            if !matches!(spoiled, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_)) && self.chance(0.8) {
                document.insert(field, spoiled);
            }
        } else {
            document.insert(field, number);
        }
    }

    /// A value of any type; some of them hold the valid value without being it.
    fn any(&mut self, valid: Bson) -> Bson {
        let text = valid.as_str().unwrap_or("text").to_owned();
        match self.rng.random_range(0..32) {
            0 => Bson::Null,
            1 => Bson::Undefined,
            2 => Bson::Boolean(true),
            3 => Bson::Boolean(false),
            4 | 5 => {
                let number = self.rng.random_range(-2..5);
                self.any_number(number)
            }
            6 | 7 => self.large_number(),
            8 => Bson::Double(f64::NAN),
            9 => Bson::Double(f64::INFINITY),
            10 => Bson::Double(self.rng.random_range(-8..8).into()),
            11 => Bson::Double(0.5),
            12 => Bson::DateTime(DateTime::from_millis(self.rng.random_range(0..2_000_000_000_000))),
            13 => Bson::Timestamp(Timestamp { time: 1_762_066_800, increment: 1 }),
            14 => Bson::ObjectId(self.object_id()),
            15 => Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: text.into_bytes() }),
            16 => Bson::RegularExpression(Regex {
                pattern: "^tv".try_into().expect("no NUL in it"),
                options: "i".try_into().expect("no NUL in it"),
            }),
            17 => Bson::JavaScriptCode("1".to_owned()),
            18 => {
                Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope { code: "x".to_owned(), scope: doc! { "x": 1 } })
            }
            // MongoDB compares a symbol as the string it reads like.
            19 => Bson::Symbol(text),
            20 => Bson::MinKey,
            21 => Bson::MaxKey,
            22 => Bson::Array(vec![]),
            23 | 24 => Bson::Array(vec![valid]),
            25 => Bson::Array(vec![Bson::Array(vec![valid])]),
            26 => Bson::Array(vec![Bson::Null, valid.clone(), valid]),
            27 => Bson::Document(Document::new()),
            28 => Bson::Document(doc! { "0": valid }),
            29 => Bson::Document(doc! { "value": valid }),
            30 => self.pick(&AWKWARD).into(),
            _ => self.long_text().into(),
        }
    }

    /// The number in any type that MongoDB holds equal, or as text.
    fn any_number(&mut self, number: i32) -> Bson {
        match self.rng.random_range(0..6) {
            0 | 1 => Bson::Int32(number),
            2 => Bson::Int64(number.into()),
            3 => Bson::Double(number.into()),
            4 => decimal(&number.to_string()),
            _ => number.to_string().into(),
        }
    }

    fn large_number(&mut self) -> Bson {
        match self.rng.random_range(0..10) {
            0 => Bson::Int64(i64::MAX),
            1 => Bson::Int64(i64::MIN),
            2 => Bson::Int64((1 << 53) + 1),
            3 => Bson::Double(9_007_199_254_740_992.0),
            4 => Bson::Int32(i32::MIN),
            5 => Bson::Double(1e15),
            6 => Bson::Double(1e300),
            7 => Bson::Double(-0.0),
            8 => Bson::Double(1e-300),
            _ => decimal("1E+3"),
        }
    }

    /// Long enough to be cut. Two of them differ only after the cut, and one would be cut inside a character.
    fn long_text(&mut self) -> String {
        let start = "long ".repeat(205);
        match self.rng.random_range(0..5) {
            0 => format!("{}{}", &start[..1024], "a".repeat(1000)),
            1 => format!("{}{}", &start[..1024], "b".repeat(9000)),
            2 => start[..1024].to_owned(),
            3 => format!("{}{}", &start[..1023], "ö".repeat(500)),
            _ => format!("x{}", "🎬".repeat(300)),
        }
    }

    /// Up to `most` elements, each now and then no valid one or wrapped in a list of its own.
    fn list(&mut self, most: usize, element: impl Fn(&mut Messy) -> Bson) -> Vec<Bson> {
        let length = self.rng.random_range(0..=most);
        (0..length)
            .map(|_| {
                let valid = element(self);
                if self.chance(self.mess / 3.0) { self.any(valid) } else { valid }
            })
            .collect()
    }

    fn media_type(&mut self) -> String {
        let other = ["live", "Movies", "TVSHOWS", "1", "unknown", "_other"];
        match self.rng.random_range(0..20) {
            0..9 => "movies".to_owned(),
            9..19 => "tvshows".to_owned(),
            _ => self.pick(&other),
        }
    }

    fn with_id(&mut self) -> Document {
        doc! { "_id": self.object_id() }
    }

    fn object_id(&mut self) -> ObjectId {
        let mut bytes = [0; 12];
        self.serial += 1;
        bytes[..8].copy_from_slice(&self.serial.to_be_bytes());
        ObjectId::from_bytes(bytes)
    }

    fn unique(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}-{}", self.serial)
    }

    fn pick(&mut self, pool: &[&str]) -> String {
        pool[self.rng.random_range(0..pool.len())].to_owned()
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }
}

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse().expect("a decimal number"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_library() {
        // Compared as text, for NaN equals nothing.
        let text = |seed| format!("{:?}", random_library(seed));
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }

    #[test]
    fn every_type_of_value_turns_up() {
        let library = random_library(7);
        let values = library.values().flatten().flat_map(Document::values);
        let types: BTreeSet<u8> = values.map(|value| value.element_type() as u8).collect();
        // All of BSON but the DBPointer, which nobody can construct.
        assert_eq!(types.len(), 20, "{types:?}");
    }

    #[test]
    fn most_of_it_is_realistic() {
        let library = random_library(7);
        let shows = library["titles"].iter().filter(|title| matches!(title.get_str("type"), Ok("tvshows")));
        assert!(shows.filter(|show| show.get_array("media").is_ok()).count() > 50);
    }
}
