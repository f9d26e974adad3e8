//! A flag for each setting, made of its row.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use super::settings::settings;

/// The flags that were given. Each stands for the environment variable of the same name, and wins over it.
#[derive(Clone, Default)]
pub struct Flags(BTreeMap<String, String>);

impl Flags {
    /// These flags with another database.
    #[must_use]
    pub fn with_database(self, uri: &str, name: &str) -> Self {
        self.with("MONGODB_URI", uri).with("MONGODB_DB_NAME", name)
    }

    /// These flags and one more, by its environment variable.
    pub(super) fn with(mut self, variable: &str, value: &str) -> Self {
        self.0.insert(variable.to_owned(), value.to_owned());
        self
    }

    /// Those of these flags that stand for one of these environment variables.
    pub(super) fn only(&self, variables: &[&str]) -> Self {
        let given = self.0.iter().filter(|(name, _)| variables.contains(&name.as_str()));
        Self(given.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    pub(super) fn get(&self, variable: &str) -> Option<String> {
        self.0.get(variable).cloned()
    }
}

/// Every environment variable with what `--help` says of it.
pub(super) fn variables() -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for setting in settings() {
        let default = match setting.default {
            "" => String::new(),
            default => format!(" [default: {default}]"),
        };
        let accepts = setting.accepts.trim_end_matches(',');
        let help = format!("{} Accepts {accepts} [env: {}]{default}", setting.help, setting.name);
        variables.push((setting.name.to_owned(), help));
        if setting.kind.may_be_in_file() {
            let file = format!("{}_FILE", setting.name);
            let help = format!("File that holds the value of {} [env: {file}]", setting.name);
            variables.push((file, help));
        }
    }
    variables
}

impl Flags {
    /// A flag for each setting. Its id is the environment variable.
    pub(crate) fn arguments() -> impl Iterator<Item = Arg> {
        variables().into_iter().map(|(name, help)| {
            let flag = name.to_ascii_lowercase().replace('_', "-");
            Arg::new(name).long(flag).help(help).value_name("VALUE").global(true).allow_hyphen_values(true)
        })
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        command.args(Self::arguments())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = variables().into_iter().filter_map(|(name, _)| {
            let value = matches.get_one::<String>(&name)?.clone();
            Some((name, value))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.extend(Self::from_arg_matches(matches)?.0);
        Ok(())
    }
}
