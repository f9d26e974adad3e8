//! The order and the places of panels: a row for each section, below it single numbers, then tables, then all others in
//! pairs. Panels of one shape stand in the order of their families in the catalog.

use playarr_jobs::metric::{Panel, PanelKind, Section};
use serde_json::{Value, json};

use super::panel;
use crate::catalog::Catalog;

/// The sections, from the top.
pub(in crate::catalog) const SECTIONS: [Section; 8] = [
    Section::Overview,
    Section::Providers,
    Section::Library,
    Section::Users,
    Section::Streams,
    Section::Jobs,
    Section::Custom,
    Section::Service,
];

/// The columns of Grafana's grid.
const COLUMNS: usize = 24;

/// How many panels of a single number fit side by side.
const STATS: usize = 6;

/// All panels of the catalog, in their places.
pub(super) fn panels(catalog: &Catalog) -> Vec<Value> {
    let mut grid = Grid::default();
    for section in SECTIONS {
        let described =
            catalog.entries.iter().flat_map(|entry| entry.monitoring.panels.iter().map(|panel| (panel, entry.note)));
        let panels: Vec<_> = described.filter(|(panel, _)| panel.section == section).collect();
        if !panels.is_empty() {
            grid.row(section.title());
            grid.section(&panels);
        }
    }
    grid.panels
}

/// The panels placed so far.
#[derive(Default)]
struct Grid {
    panels: Vec<Value>,
    y: usize,
}

impl Grid {
    /// Starts a section.
    fn row(&mut self, title: &str) {
        let row = json!({ "collapsed": false, "panels": [], "title": title, "type": "row" });
        self.line(1, vec![row]);
    }

    /// Places the panels of a section.
    ///
    /// Beside each is what Playarr does not report of its metric, if anything.
    fn section(&mut self, panels: &[(&Panel, Option<&str>)]) {
        let of = |wanted: fn(PanelKind) -> bool| {
            panels
                .iter()
                .filter(move |(panel, _)| wanted(panel.kind))
                .map(|(panel, note)| panel::json(panel, *note))
                .collect::<Vec<_>>()
        };
        for stats in of(is_stat).chunks(STATS) {
            self.line(4, stats.to_vec());
        }
        for table in of(is_table) {
            self.line(9, vec![table]);
        }
        for pair in of(|kind| !is_stat(kind) && !is_table(kind)).chunks(2) {
            self.line(8, pair.to_vec());
        }
    }

    /// Places panels side by side, over the whole width.
    fn line(&mut self, height: usize, panels: Vec<Value>) {
        let width = COLUMNS / panels.len();
        let last = panels.len() - 1;
        for (position, mut panel) in panels.into_iter().enumerate() {
            let x = position * width;
            let width = if position == last { COLUMNS - x } else { width };
            panel["id"] = (self.panels.len() + 1).into();
            panel["gridPos"] = json!({ "x": x, "y": self.y, "w": width, "h": height });
            self.panels.push(panel);
        }
        self.y += height;
    }
}

fn is_stat(kind: PanelKind) -> bool {
    kind == PanelKind::Stat
}

fn is_table(kind: PanelKind) -> bool {
    matches!(kind, PanelKind::Table(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_panel_of_the_catalog_has_a_place() {
        let catalog = Catalog::default();
        let placed = panels(&catalog);
        assert_eq!(placed.iter().filter(|panel| panel["type"] != "row").count(), catalog.panels().count());
    }
}
