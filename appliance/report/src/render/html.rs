//! HTML: a whole document that says everything in words, prints on A4, and runs nothing.

use crate::render::text::{DIGEST, heads, more, people, visible};
use crate::{Body, Cell, CellKind, Kind, Report, Section, Table};

const STYLE: &str = "\
@page{size:A4 landscape;margin:14mm}\
body{font:10pt/1.4 sans-serif;color:#111;background:#fff;margin:1.5em}\
h1{font-size:1.6em;margin:0 0 .4em}h2{font-size:1.2em;margin:1.6em 0 .3em}\
p{margin:.3em 0}table{border-collapse:collapse;width:100%;font-size:.85em}\
caption{text-align:left;font-weight:bold;padding:.2em 0}thead{display:table-header-group}\
tr{break-inside:avoid}h2,caption{break-after:avoid}\
th,td{border:1px solid #999;padding:.2em .4em;text-align:left;vertical-align:top;\
overflow-wrap:anywhere}thead th{background:#eee}tbody th{font-weight:normal}\
.n{text-align:right}.good{color:#0b5a1f}.warning{color:#7a4b00}.bad{color:#a00010;\
font-weight:bold}.open,.nothing{color:#444}\
dl{display:grid;grid-template-columns:max-content auto;gap:.1em 1.2em;margin:.4em 0}\
dt{color:#444}dd{margin:0}code{overflow-wrap:anywhere}";

pub(crate) fn write(report: &Report) -> String {
    let mut page = Page::default();
    let title = match &report.client {
        Some(client) => format!("{}: {client}", report.title),
        None => format!("{}: {}", report.title, report.appliance),
    };
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width\">\n");
    page.raw("<title>").text(&title).raw("</title>\n<style>").raw(STYLE).raw("</style>\n");
    page.raw("</head>\n<body>\n<header>\n<h1>").text(&title).raw("</h1>\n<dl>\n");
    for (name, value) in heads(report) {
        page.raw("<dt>").text(name).raw("</dt><dd>").text(&value).raw("</dd>\n");
    }
    page.raw("</dl>\n</header>\n<main>\n");
    for section in &report.sections {
        page.section(section, report);
    }
    page.raw("</main>\n");
    if report.kind == Kind::Evidence {
        page.raw("<footer>\n<p>").text(DIGEST).raw(", to compare a copy: <code>");
        page.text(&report.digest()).raw("</code></p>\n</footer>\n");
    }
    page.raw("</body>\n</html>\n");
    page.html
}

/// A document under way.
#[derive(Default)]
struct Page {
    html: String,
}

impl Page {
    /// Takes over what this module wrote itself.
    fn raw(&mut self, html: &str) -> &mut Self {
        self.html.push_str(html);
        self
    }

    /// Takes over what comes from elsewhere: it can open and end nothing.
    fn text(&mut self, text: &str) -> &mut Self {
        for character in visible(text).chars() {
            match character {
                '&' => self.html.push_str("&amp;"),
                '<' => self.html.push_str("&lt;"),
                '>' => self.html.push_str("&gt;"),
                '"' => self.html.push_str("&quot;"),
                '\'' => self.html.push_str("&#39;"),
                '\n' => self.html.push_str("<br>"),
                other => self.html.push(other),
            }
        }
        self
    }

    fn section(&mut self, section: &Section, report: &Report) {
        self.raw("<section>\n<h2>").text(section.spec.heading).raw("</h2>\n");
        for paragraph in &section.paragraphs {
            self.raw("<p>").text(paragraph).raw("</p>\n");
        }
        match &section.body {
            Body::Figures(cells) => self.figures(section, cells, report),
            Body::Table(table) if table.rows.is_empty() => {
                self.raw("<p>There is nothing to list.</p>\n");
            }
            Body::Table(table) => self.table(section, table, report),
        }
        self.raw("</section>\n");
    }

    fn figures(&mut self, section: &Section, cells: &[Cell], report: &Report) {
        self.raw("<dl>\n");
        for (field, cell) in section.spec.fields.iter().zip(cells) {
            self.raw("<dt>").text(field.title).raw("</dt><dd>");
            self.value(cell, report).raw("</dd>\n");
        }
        self.raw("</dl>\n");
    }

    fn table(&mut self, section: &Section, table: &Table, report: &Report) {
        let fields = section.spec.fields;
        self.raw("<table>\n<caption>").text(section.spec.heading).raw("</caption>\n<thead>\n<tr>");
        for field in fields {
            self.raw("<th scope=\"col\"").class(field.kind).raw(">");
            self.text(field.title).raw("</th>");
        }
        self.raw("</tr>\n</thead>\n<tbody>\n");
        for row in &table.rows {
            self.raw("<tr>");
            for (place, (field, cell)) in fields.iter().zip(row).enumerate() {
                let (tag, scope) = if place == 0 { ("th", " scope=\"row\"") } else { ("td", "") };
                self.raw("<").raw(tag).raw(scope).class(field.kind).raw(">");
                self.value(cell, report).raw("</").raw(tag).raw(">");
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody>\n</table>\n");
        if let Some(more) = more(table.more) {
            self.raw("<p>").text(&more).raw("</p>\n");
        }
    }

    /// Numbers stand at the right.
    fn class(&mut self, kind: CellKind) -> &mut Self {
        match kind {
            CellKind::Text | CellKind::State | CellKind::Time => self,
            _ => self.raw(" class=\"n\""),
        }
    }

    /// A value, held together whatever direction its letters are written in.
    fn value(&mut self, cell: &Cell, report: &Report) -> &mut Self {
        let shown = people(cell, &report.zone);
        match cell {
            Cell::State(level, _) => {
                self.raw("<bdi class=\"").raw(level.as_str()).raw("\">").text(&shown).raw("</bdi>")
            }
            Cell::Nothing(_) => self.raw("<span class=\"nothing\">").text(&shown).raw("</span>"),
            Cell::Text(_) => self.raw("<bdi>").text(&shown).raw("</bdi>"),
            _ => self.text(&shown),
        }
    }
}
