//! The providers that Playarr has: their names and whether they are in use.

use std::collections::{BTreeMap, HashMap};

use playarr_jobs::metric::OTHER;
use playarr_jobs::refresh::Snapshot;
use serde::Serialize;

use super::families::Families;

/// What the label rules make of a name that is missing.
const UNKNOWN: &str = "unknown";

/// The providers of a snapshot by their id.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    providers: BTreeMap<String, Provider>,
    /// Whether a provider that is not listed was removed. Without that family, or with folded series in it, this is not
    /// known.
    is_complete: bool,
}

#[derive(Debug)]
struct Provider {
    /// The name to show, which no other provider has.
    name: String,
    state: Option<ProviderState>,
}

/// Whether Playarr uses a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProviderState {
    /// Enabled, and its account is active.
    Active,
    /// Enabled, but its account is not active.
    Inactive,
    /// Disabled in Playarr.
    Disabled,
}

/// Which provider a row is about, beside its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ProviderTag {
    /// The provider's id.
    pub(crate) provider_id: String,
    /// `None` if it is not known.
    pub(crate) state: Option<ProviderState>,
}

impl Directory {
    /// The providers of a snapshot.
    pub(crate) fn of_snapshot(snapshot: &Snapshot) -> Self {
        Self::of(&Families::new(snapshot.collectors.iter().filter_map(|collector| collector.family.as_deref())))
    }

    pub(super) fn of(families: &Families<'_>) -> Self {
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        for ([id, name], _) in families.numbers("playarr_provider_info", ["provider_id", "provider_name"]) {
            // Several documents may share an id: the first name in alphabetical order stands for all.
            names.entry(id).and_modify(|known| *known = name.min(*known)).or_insert(name);
        }
        // A provider may really have that id; only a folded series has it as its name as well.
        let is_folded = names.remove(OTHER) == Some(OTHER);
        let is_complete = families.has("playarr_provider_info") && !is_folded;
        let states = states(families);
        for id in states.keys() {
            names.entry(id).or_insert(UNKNOWN);
        }
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for name in names.values() {
            *uses.entry(name).or_default() += 1;
        }
        let providers = names.iter().map(|(&id, &name)| {
            let name = match (id, name, uses[name]) {
                // Providers without an id share the id "unknown": none of their names stands for all.
                (UNKNOWN, _, _) | (_, UNKNOWN, _) => id.to_owned(),
                (_, _, 1) => name.to_owned(),
                _ => format!("{name} ({id})"),
            };
            (id.to_owned(), Provider { name, state: states.get(id).copied() })
        });
        Self { providers: providers.collect(), is_complete }
    }

    /// The ids of all providers.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.providers.keys().map(String::as_str)
    }

    /// The name to show for an id: the provider's name, with the id where several have that name, or the id alone.
    pub(crate) fn name(&self, id: &str) -> String {
        self.providers.get(id).map_or(id, |provider| &provider.name).to_owned()
    }

    /// Whether Playarr has a provider with this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.providers.contains_key(id)
    }

    pub(super) fn tag(&self, id: &str) -> ProviderTag {
        let state = self.providers.get(id).and_then(|provider| provider.state);
        ProviderTag { provider_id: id.to_owned(), state }
    }

    /// Whether Playarr has no provider with this id.
    pub(super) fn is_removed(&self, id: &str) -> bool {
        self.is_complete && id != OTHER && !self.providers.contains_key(id)
    }

    /// The number of providers in this state.
    pub(super) fn count(&self, state: ProviderState) -> usize {
        self.providers.values().filter(|provider| provider.state == Some(state)).count()
    }
}

fn states<'f>(families: &Families<'f>) -> BTreeMap<&'f str, ProviderState> {
    let mut states = BTreeMap::new();
    for ([id], active) in families.numbers("playarr_provider_active", ["provider_id"]) {
        states.insert(id, if active > 0.0 { ProviderState::Active } else { ProviderState::Inactive });
    }
    for ([id], enabled) in families.numbers("playarr_provider_enabled", ["provider_id"]) {
        if enabled <= 0.0 {
            states.insert(id, ProviderState::Disabled);
        }
    }
    states.remove(OTHER);
    states
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::families::gauge;

    const INFO: [&str; 3] = ["provider_id", "provider_name", "provider_type"];

    #[test]
    fn a_provider_is_shown_by_its_name_with_the_id_where_names_repeat() {
        let rows: [(&[&'static str], f64); 5] = [
            (&["p1", "Nordic", "xtream"], 1.0),
            (&["p2", "Sat", "agtv"], 1.0),
            (&["p3", "Sat", "xtream"], 1.0),
            (&["p4", "unknown", "unknown"], 1.0),
            (&["p1", "Arctic", "xtream"], 1.0),
        ];
        let families = [gauge("playarr_provider_info", &INFO, &rows)];
        let directory = Directory::of(&Families::new(&families));
        let names = ["p1", "p2", "p3", "p4", "p5"].map(|id| directory.name(id));
        assert_eq!(names, ["Arctic", "Sat (p2)", "Sat (p3)", "p4", "p5"]);
        assert!(directory.is_removed("p5") && !directory.is_removed("p4"));
    }

    #[test]
    fn a_disabled_provider_is_neither_active_nor_inactive() {
        let rows: [(&[&'static str], f64); 3] = [(&["a"], 1.0), (&["b"], 0.0), (&["c"], 1.0)];
        let enabled: [(&[&'static str], f64); 3] = [(&["a"], 1.0), (&["b"], 1.0), (&["c"], 0.0)];
        let families = [
            gauge("playarr_provider_active", &["provider_id"], &rows),
            gauge("playarr_provider_enabled", &["provider_id"], &enabled),
        ];
        let directory = Directory::of(&Families::new(&families));
        let states = ["a", "b", "c", "d"].map(|id| directory.tag(id).state);
        let (active, inactive, disabled) =
            (Some(ProviderState::Active), Some(ProviderState::Inactive), Some(ProviderState::Disabled));
        assert_eq!(states, [active, inactive, disabled, None]);
        assert_eq!(directory.count(ProviderState::Active), 1);
    }

    #[test]
    fn nobody_is_called_removed_while_the_list_of_providers_is_not_complete() {
        assert!(!Directory::of(&Families::new(&[])).is_removed("a"));
        let rows: [(&[&'static str], f64); 2] = [(&["a", "A", "agtv"], 1.0), (&["_other", "_other", "_other"], 9.0)];
        let families = [gauge("playarr_provider_info", &INFO, &rows)];
        let directory = Directory::of(&Families::new(&families));
        assert!(!directory.is_removed("b"));
        assert_eq!(directory.ids().collect::<Vec<_>>(), ["a"]);
    }
}
