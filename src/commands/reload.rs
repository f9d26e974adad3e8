//! SIGHUP: reads again what can change without a restart, and says in one line what came of it.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::config::{Config, ConfigError, Flags};
use crate::logging::LogLevel;

/// What the service runs with, and where that came from.
pub(super) struct Reload {
    flags: Flags,
    config: Config,
    level: LogLevel,
}

impl Reload {
    /// The service runs with this configuration, made of these flags and the environment.
    pub(super) fn new(flags: Flags, config: Config, level: LogLevel) -> Self {
        Self { flags, config, level }
    }

    /// The configuration that the service runs with.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Reads the configuration again with each signal. Never returns.
    pub(super) async fn with_each(mut self, mut hangups: Signal, app: Arc<App>) {
        while hangups.recv().await.is_some() {
            match Config::load(&self.flags) {
                Ok(config) => self.apply(config, &app).await,
                Err(error) => refuse(&error),
            }
        }
    }

    async fn apply(&mut self, config: Config, app: &Arc<App>) {
        let before = std::mem::replace(&mut self.config, config);
        let now = &self.config;
        let has_key_changed = before.jwt_secret_key != now.jwt_secret_key;
        let has_level_changed = before.log_level != now.log_level;
        let mut changes = Vec::new();
        if has_level_changed {
            changes.push(format!("LOG_LEVEL is {} now", now.log_level));
        }
        if has_key_changed {
            changes
                .push("JWT_SECRET_KEY is another now, and sessions signed with the one before have ended".to_owned());
        }
        let reloading = app.clone();
        // Files may be on a share that does not answer.
        let files =
            spawn_blocking(move || (reloading.custom.reload_file(), reloading.tls.get().map(|tls| tls.reload())));
        let (custom_file, tls_files) = files.await.unwrap_or_default();
        match custom_file {
            Some(Ok(1)) => changes.push("CUSTOM_METRICS_FILE was read again and has 1 metric".to_owned()),
            Some(Ok(count)) => changes.push(format!("CUSTOM_METRICS_FILE was read again and has {count} metrics")),
            Some(Err(error)) => changes.push(format!("the custom metrics of the file stay as they are: {error}")),
            None => {}
        }
        match tls_files {
            Some(Ok(true)) => {
                changes
                    .push("the files of TLS were read again, and new connections have the new certificate".to_owned());
            }
            Some(Err(error)) => changes.push(format!("the files of TLS that are in use stay: {error}")),
            Some(Ok(false)) | None => {}
        }
        if before.mongodb_uri.reveal() != now.mongodb_uri.reveal() {
            changes.push("MONGODB_URI is another, which needs a restart".to_owned());
        }
        if changes.is_empty() {
            changes.push("nothing has changed".to_owned());
        }
        let changes = changes.join("; ");
        // Where the level before or the one now lets the line through.
        let is_shown = tracing::enabled!(tracing::Level::INFO);
        if is_shown {
            tracing::info!("SIGHUP: {changes}");
        }
        self.level.set(&now.log_level);
        if !is_shown {
            tracing::info!("SIGHUP: {changes}");
        }
        if has_key_changed {
            app.admins.renew_sessions(now);
        }
    }
}

fn refuse(error: &ConfigError) {
    tracing::warn!("SIGHUP: everything stays as it is: {error}");
}
