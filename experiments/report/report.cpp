#include "experiments/report/report.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <span>

#include "experiments/data/paths.h"
#include "experiments/report/figure.h"
#include "experiments/report/html.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// All ids of the page: those of sections, of figures and of rows.
std::set<std::string> checked_ids(const Report& report) {
  std::set<std::string> ids = {"manifest"};
  for (std::size_t s = 0; s < report.sections.size(); ++s)
    ids.insert(fmt::format("section-{}", s + 1));
  const auto insert = [&](const char* what, const std::string& id) {
    check<ValueError>(
        !id.empty() &&
            id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos,
        "report: ", what, ": expected lower-case letters, digits and -, got \"", id, "\"");
    check<ValueError>(ids.insert(id).second, "report: ", what, ": expected a new one, got ", id,
                      " again");
  };
  for (const Section& section : report.sections)
    for (const Figure& figure : section.figures) {
      insert("figure id", figure.id);
      if (const auto* table = std::get_if<Table>(&figure.body))
        for (const std::string& id : table->row_ids)
          if (!id.empty()) insert("row id", id);
    }
  return ids;
}

/// "Figure 3" and "Table 2" by id; tables have numbers of their own.
std::map<std::string, std::string> names_of(const Report& report) {
  std::map<std::string, std::string> names;
  int figures = 0, tables = 0;
  for (const Section& section : report.sections)
    for (const Figure& figure : section.figures)
      names[figure.id] = std::holds_alternative<Table>(figure.body)
                             ? fmt::format("Table {}", ++tables)
                             : fmt::format("Figure {}", ++figures);
  return names;
}

/// The sections in a line, and below, to be opened, every figure by its title.
std::string render_contents(const Report& report, const std::map<std::string, std::string>& names) {
  std::string html = "<nav aria-label=\"Contents\">\n<div class=\"sections\">";
  for (std::size_t s = 0; s < report.sections.size(); ++s)
    html += fmt::format("<a href=\"#section-{}\">{}</a>\n", s + 1,
                        escape_html(report.sections[s].title));
  if (!report.manifest.empty()) html += "<a href=\"#manifest\">Manifest</a>\n";
  html += "</div>\n<details>\n<summary>All figures and tables</summary>\n<ol>\n";
  for (std::size_t s = 0; s < report.sections.size(); ++s) {
    html += fmt::format("<li><a href=\"#section-{}\">{}</a>\n<ol>\n", s + 1,
                        inline_html(report.sections[s].title));
    for (const Figure& figure : report.sections[s].figures)
      html += fmt::format("<li><a href=\"#{}\">{}</a>. {}</li>\n", figure.id, names.at(figure.id),
                          inline_html(figure.title));
    html += "</ol></li>\n";
  }
  return html + "</ol>\n</details>\n</nav>\n";
}

std::string render_facts(const std::vector<Fact>& facts) {
  if (facts.empty()) return "";
  std::string html = "<dl class=\"facts\">\n";
  for (const Fact& fact : facts) {
    html += "<div class=\"fact\"><dt>" + inline_html(fact.label) + "</dt><dd class=\"value\">" +
            inline_html(fact.value) + "</dd>";
    if (!fact.note.empty()) html += "<dd class=\"note\">" + inline_html(fact.note) + "</dd>";
    html += "</div>\n";
  }
  return html + "</dl>\n";
}

std::string render_manifest(const Report& report) {
  if (report.manifest.empty()) return "";
  std::string html =
      "<section id=\"manifest\">\n<h2>Manifest</h2>\n<details>\n<summary>Everything needed to do "
      "it "
      "again</summary>\n<table>\n<tbody>\n";
  for (const std::pair<std::string, std::string>& entry : report.manifest)
    html += "<tr><th scope=\"row\">" + escape_html(entry.first) + "</th><td><code>" +
            escape_html(entry.second) + "</code></td></tr>\n";
  return html + "</tbody>\n</table>\n</details>\n</section>\n";
}

}  // namespace

std::string render_report(const Report& report) {
  check<ValueError>(!report.title.empty(), "report: title: expected one, got none");
  check<ValueError>(!report.sections.empty(), "report: sections: expected at least one, got none");
  const std::set<std::string> ids = checked_ids(report);
  const std::map<std::string, std::string> names = names_of(report);
  std::string html = "<header>\n<h1>" + inline_html(report.title) + "</h1>\n";
  if (!report.summary.empty())
    html += "<p class=\"summary\">" + inline_html(report.summary) + "</p>\n";
  html += "</header>\n" + render_facts(report.facts) + render_contents(report, names) + "<main>\n";
  for (std::size_t s = 0; s < report.sections.size(); ++s) {
    const Section& section = report.sections[s];
    html += fmt::format("<section id=\"section-{}\">\n<h2>{}</h2>\n", s + 1,
                        inline_html(section.title));
    for (const std::string& paragraph : section.paragraphs)
      html += "<p>" + inline_html(paragraph) + "</p>\n";
    for (const Figure& figure : section.figures)
      html += render_figure(figure, names.at(figure.id), ids);
    html += "</section>\n";
  }
  html += render_manifest(report) + "</main>\n";
  return html_document(report.title, html);
}

std::string figure_name(const Report& report, const std::string& id) {
  const std::map<std::string, std::string> names = names_of(report);
  const auto found = names.find(id);
  check<ValueError>(found != names.end(), "report: figure id: expected one of the report, got ",
                    id);
  return found->second;
}

void write_report(const std::filesystem::path& path, const Report& report) {
  const std::string html = render_report(report);
  write_atomically(path, std::as_bytes(std::span(html)));
}

}  // namespace chainline::experiments
