//! Environment variables whose names are nearly, but not quite, those of settings.

use super::flags::variables;

/// Shorter names are near too many others.
const MIN_LENGTH: usize = 8;

/// How many letters may be wrong, missing or too many.
const MAX_DISTANCE: usize = 2;

/// For each of these names that is not a setting but resembles one: a message that says which setting is meant.
pub(super) fn mistyped(present: Vec<String>) -> Vec<String> {
    let settings: Vec<_> = variables().into_iter().map(|(name, _)| name).collect();
    let nearest = |name: &str| {
        let near = settings.iter().map(|known| (strsim::levenshtein(known, name), known));
        near.filter(|(distance, _)| *distance <= MAX_DISTANCE).min().map(|(_, known)| known)
    };
    let mut unknown: Vec<_> =
        present.into_iter().filter(|name| name.len() >= MIN_LENGTH && !settings.contains(name)).collect();
    unknown.sort_unstable();
    let message = |name: &String| Some(format!("{name} is no setting; is {} meant?", nearest(name)?));
    unknown.iter().filter_map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_resembles_a_setting_is_reported_and_others_are_not() {
        let present = ["MONGO_URI", "MONGODB_URL", "REFRESH_INTERVALL", "PORTS", "HOSTNAME", "MONGODB_URI", "PORT"];
        let told = mistyped(present.map(str::to_owned).to_vec());
        assert_eq!(
            told,
            [
                "MONGODB_URL is no setting; is MONGODB_URI meant?",
                "MONGO_URI is no setting; is MONGODB_URI meant?",
                "REFRESH_INTERVALL is no setting; is REFRESH_INTERVAL meant?",
            ]
        );
    }
}
