//! The web pages, rendered by the server. Scripts and styles are plain files, embedded as they are.
//!
//! A page is a template that extends `shell.html`, a file in `pages` that renders it, and its line in
//! `sidebar::GROUPS`, from which it also gets its route. Templates escape what they show; scripts put it into the page
//! as text. Nothing is loaded from other hosts.

mod assets;
mod pages;
mod shell;
mod sidebar;
mod text;

pub use assets::{Asset, asset};
pub use pages::{Block, Configuration, LoginPage, NoticePage, Target, configurations};
pub use shell::{Page, Visit};
pub use sidebar::{HOME, page, pages, render};
