//! `token`: prints a bearer token, or writes it to a file and keeps that up to date.

use std::path::Path;

use super::error::CommandError;
use super::signals::told_to_stop;
use super::stdout::print;
use super::token_file;
use crate::accounts::{TokenKind, Tokens};
use crate::app::AppError;
use crate::config::Config;
use crate::database::{self, Connection};

pub(super) async fn token(
    config: &Config,
    kind: TokenKind,
    rotate: bool,
    file: Option<&Path>,
    follow: bool,
) -> Result<(), CommandError> {
    let Connection { database, .. } = database::connect(config).await?;
    let tokens = Tokens::new(&database);
    // Following waits for a database that is away.
    if rotate || !follow {
        database::ping(config, &database).await?;
        let token = if rotate { tokens.rotate(kind).await } else { tokens.show(kind).await.map(|token| token.value) };
        let token = token.map_err(AppError::from)?;
        match file {
            None => print(format!("{}\n", token.reveal()).as_bytes())?,
            Some(file) => _ = token_file::write(file, &token)?,
        }
    }
    if let (true, Some(file)) = (follow, file) {
        token_file::follow(&tokens, kind, file, told_to_stop()?).await?;
    }
    Ok(())
}
