//! The web pages, rendered by the server. Scripts and styles are plain files, embedded as they are.
//!
//! A page is a template that extends `shell.html`, a file in `pages` that renders it, and its line in
//! `sidebar::GROUPS`, from which it also gets its route. Templates escape what they show; scripts put it into the page
//! as text. Nothing is loaded from other hosts.

mod assets;
mod links;
mod pages;
mod shell;
mod sidebar;
mod text;

pub(crate) use assets::{Asset, asset};
pub(crate) use links::QueryLinks;
pub use pages::{Block, Configuration, Encryption, Setup, Target, configurations, prometheus_yml};
pub(crate) use pages::{LoginPage, NoticePage};
pub(crate) use shell::{Page, Visit};
pub(crate) use sidebar::{HOME, pages, render};
