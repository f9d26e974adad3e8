//! Which format and encoding a client prefers (RFC 9110, sections 12.4 and 12.5).

use crate::exposition::Format;

/// The format for an `Accept` header.
///
/// OpenMetrics goes to those who ask for it by name and want the text format no more than that. The text format
/// goes to everybody else, even to those who asked for neither: an exposition they did not ask for is of more use
/// than an error.
#[must_use]
pub(in crate::http) fn format(accept: &str) -> Format {
    let (mut openmetrics, mut text, mut any) = (None, None, None);
    for range in accept.split(',').filter_map(MediaRange::parse) {
        let best = match range.media_type {
            media_type if is(media_type, "application/openmetrics-text") && range.has_version("1.0.0") => {
                &mut openmetrics
            }
            media_type if is(media_type, "text/plain") && range.has_version("0.0.4") => &mut text,
            media_type if is(media_type, "text/*") => &mut text,
            "*/*" => &mut any,
            _ => continue,
        };
        *best = Some(best.unwrap_or(0).max(range.quality));
    }
    // The more specific range decides, whatever weight a wildcard has: Prometheus 2.49 sends `*/*;q=2`.
    let text = text.or(any).unwrap_or(0);
    match openmetrics {
        Some(quality) if quality > 0 && quality >= text => Format::OpenMetrics,
        _ => Format::Text,
    }
}

/// Whether an `Accept-Encoding` header takes gzip.
#[must_use]
pub(in crate::http) fn accepts_gzip(accept_encoding: &str) -> bool {
    let (mut gzip, mut any) = (None, None);
    for coding in accept_encoding.split(',') {
        let mut parts = coding.split(';').map(str::trim);
        match parts.next().unwrap_or_default() {
            name if is(name, "gzip") || is(name, "x-gzip") => gzip = Some(quality(parts)),
            "*" => any = Some(quality(parts)),
            _ => {}
        }
    }
    gzip.or(any).unwrap_or(0) > 0
}

/// Whether somebody looks at the answer in a browser: an `Accept` header takes HTML by name, and JSON is not liked
/// better.
#[must_use]
pub(in crate::http) fn prefers_html(accept: &str) -> bool {
    let (mut html, mut json) = (0, 0);
    for range in accept.split(',').filter_map(MediaRange::parse) {
        if is(range.media_type, "text/html") || is(range.media_type, "application/xhtml+xml") {
            html = html.max(range.quality);
        } else if is(range.media_type, "application/json") {
            json = json.max(range.quality);
        }
    }
    html > 0 && html >= json
}

struct MediaRange<'a> {
    media_type: &'a str,
    version: Option<&'a str>,
    /// In thousandths.
    quality: u16,
}

impl<'a> MediaRange<'a> {
    fn parse(range: &'a str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().filter(|media_type| !media_type.is_empty())?;
        let version = parts.clone().find_map(|parameter| value_of(parameter, "version"));
        Some(Self { media_type, version, quality: quality(parts) })
    }

    fn has_version(&self, version: &str) -> bool {
        self.version.is_none_or(|asked| asked.trim_matches('"') == version)
    }
}

/// The weight (`q`) in thousandths, at most 1000. It is 1000 if `q` is missing and 0 if it is not a number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 1000")]
fn quality<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u16 {
    let Some(weight) = parameters.find_map(|parameter| value_of(parameter, "q")) else { return 1000 };
    weight.parse::<f32>().map_or(0, |weight| (weight.clamp(0.0, 1.0) * 1000.0).round() as u16)
}

fn value_of<'a>(parameter: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = parameter.split_once('=')?;
    is(found.trim(), name).then(|| value.trim())
}

fn is(found: &str, expected: &str) -> bool {
    found.eq_ignore_ascii_case(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP_TO_2_48: &str = "application/openmetrics-text;version=1.0.0,\
        application/openmetrics-text;version=0.0.1;q=0.75,\
        text/plain;version=0.0.4;q=0.5,\
        */*;q=0.1";
    const FROM_3_4: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
        application/openmetrics-text;version=0.0.1;q=0.5,\
        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
        text/plain;version=0.0.4;q=0.3,\
        */*;q=0.2";

    #[test]
    fn prometheus_of_any_version_gets_openmetrics() {
        let in_2_49 = UP_TO_2_48.replace("*/*;q=0.1", "*/*;q=2");
        for accept in [UP_TO_2_48, &in_2_49, FROM_3_4] {
            assert_eq!(format(accept), Format::OpenMetrics, "{accept}");
        }
    }

    #[test]
    fn who_does_not_ask_for_openmetrics_gets_the_text_format() {
        for accept in [
            "*/*",
            "",
            "text/plain",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;q=0.3,text/plain;q=0.9",
            "application/openmetrics-text;q=0.3, */*",
            "application/json",
            ";;q=,,",
        ] {
            assert_eq!(format(accept), Format::Text, "{accept}");
        }
        assert_eq!(format("APPLICATION/OpenMetrics-Text; Version=1.0.0; Q=1"), Format::OpenMetrics);
        assert_eq!(format("application/openmetrics-text, */*"), Format::OpenMetrics);
    }

    #[test]
    fn a_page_is_for_those_who_ask_for_html_by_name() {
        for browser in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html",
            "TEXT/HTML;q=0.5, */*;q=0.1",
            "application/json;q=0.5, text/html",
            "*/*, text/html",
        ] {
            assert!(prefers_html(browser), "{browser}");
        }
        for program in ["", "*/*", "text/*", "application/json, text/html;q=0.9", "text/html;q=0", UP_TO_2_48, FROM_3_4]
        {
            assert!(!prefers_html(program), "{program}");
        }
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for accepted in ["gzip", "deflate, gzip;q=0.5", "*", "GZIP", "br, x-gzip"] {
            assert!(accepts_gzip(accepted), "{accepted}");
        }
        for refused in ["", "identity", "gzip;q=0", "*, gzip;q=0.0", "br", "*;q=0", "gzip;q=x"] {
            assert!(!accepts_gzip(refused), "{refused}");
        }
    }
}
