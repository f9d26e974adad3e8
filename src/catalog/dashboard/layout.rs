//! The places of panels: a row for each section, below it single numbers, then tables, then all others in pairs.

use playarr_jobs::metric::{Panel, PanelKind};
use serde_json::{Value, json};

use super::panel;

/// The columns of Grafana's grid.
const COLUMNS: usize = 24;

/// How many panels of a single number fit side by side.
const STATS: usize = 6;

/// The panels placed so far.
#[derive(Default)]
pub(super) struct Grid {
    pub(super) panels: Vec<Value>,
    y: usize,
}

impl Grid {
    /// Starts a section.
    pub(super) fn row(&mut self, title: &str) {
        let row = json!({ "collapsed": false, "panels": [], "title": title, "type": "row" });
        self.line(1, vec![row]);
    }

    /// Places the panels of a section.
    ///
    /// Beside each is what Playarr does not report of its metric, if anything.
    pub(super) fn section(&mut self, panels: &[(&Panel, Option<&str>)]) {
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
