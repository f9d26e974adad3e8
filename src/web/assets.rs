//! Styles, scripts and icon of the pages, embedded in the program.

use std::sync::LazyLock;

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! assets {
    ($($kind:ident: $($name:literal)+;)+) => {
        &[$($(($name, $kind, include_str!(concat!("assets/", $name)))),+),+]
    };
}

const FILES: &[(&str, &str, &str)] = assets! {
    CSS: "base.css" "cards.css" "changes.css" "charts.css" "custom_metrics.css" "explore.css" "overview.css"
        "print.css" "settings_metrics.css" "shell.css";
    JAVASCRIPT: "activity.js" "ages.js" "api.js" "card.js" "changes.js" "chart_reader.js" "charts.js" "clock.js"
        "configuration.js" "connection.js" "copy.js" "custom_editor.js" "custom_metrics.js" "diagnosis.js"
        "doctor.js" "dom.js" "explore.js"
        "explore_cardinality.js" "explore_exports.js" "explore_families.js" "explore_series.js" "explore_url.js"
        "forget.js" "format.js" "health.js" "library.js" "login.js" "metrics.js" "overview.js" "providers.js" "retry.js"
        "selector_text.js" "session.js" "shell.js" "since_yesterday.js" "snapshot.js" "spark.js" "text.js" "theme.js"
        "timeline.js" "tokens.js" "url_state.js";
    SVG: "icon.svg";
};

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    FILES.iter().map(|&(name, content_type, body)| Asset { name, content_type, body, etag: etag(body) }).collect()
});

/// A file that pages load.
#[derive(Debug)]
pub(crate) struct Asset {
    name: &'static str,
    /// Its media type.
    pub(crate) content_type: &'static str,
    /// Its text.
    pub(crate) body: &'static str,
    /// An entity tag of its content, with the quotes.
    pub(crate) etag: String,
}

/// The asset with this file name.
#[must_use]
pub(crate) fn asset(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// Length and checksum tell the versions of a file apart.
fn etag(body: &str) -> String {
    format!("\"{:x}-{:08x}\"", body.len(), crc32fast::hash(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_in_the_folder_is_served_and_names_no_other_host() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/assets");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let asset = asset(&name).unwrap_or_else(|| panic!("{name} is missing in the list"));
            let foreign = asset.body.replace("http://www.w3.org/2000/svg", "");
            assert!(!foreign.contains("http://") && !foreign.contains("https://"), "{name}");
            assert!(!foreign.contains("innerHTML") && !foreign.contains("eval("), "{name}");
        }
    }

    #[test]
    fn scripts_load_only_scripts_that_are_there() {
        for (name, _, body) in FILES.iter().filter(|(_, kind, _)| *kind == JAVASCRIPT) {
            let imported = body.lines().filter(|line| line.starts_with("import ")).filter_map(|line| {
                let path = line.rsplit('"').nth(1)?;
                Some(path.strip_prefix("./").unwrap_or(path))
            });
            for imported in imported {
                assert!(asset(imported).is_some(), "{name} imports {imported}");
            }
        }
    }
}
