#include "experiments/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

#include "experiments/data/paths.h"
#include "experiments/report/html.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// Refuses with a sentence that names the figure.
template <class... Parts>
void expect(bool holds, const Figure& figure, const Parts&... sentence) {
  check<ValueError>(holds, "report: ", figure.id, ": ", sentence...);
}

std::string render_gallery(const Gallery& gallery, const Figure& figure) {
  expect(!gallery.pictures.empty(), figure, "expected pictures, got none");
  expect(gallery.magnify >= 1 && gallery.magnify <= 32, figure,
         "expected a magnification of 1 .. 32", ", got ", gallery.magnify);
  std::string html =
      gallery.pairs ? "<div class=\"gallery pairs\">\n" : "<div class=\"gallery\">\n";
  for (const Picture& picture : gallery.pictures) {
    const Image& image = picture.image;
    expect(image.width > 0 && image.height > 0, figure, "expected pixels in picture ",
           picture.label, ", got ", image.width, " x ", image.height);
    html += fmt::format("<figure class=\"picture\" style=\"--side:{}px\"><div class=\"frame\">",
                        image.width * gallery.magnify);
    html += fmt::format("<img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"{}\">",
                        png_data_uri(image), image.width * gallery.magnify,
                        image.height * gallery.magnify, escape_html(picture.label));
    if (picture.box) {
      const Box& box = *picture.box;
      const auto percent = [](int part, int whole) { return 100.0 * part / whole; };
      html += fmt::format(
          "<span style=\"left:{:.3f}%;top:{:.3f}%;width:{:.3f}%;height:{:.3f}%\"></span>",
          percent(box.x, image.width), percent(box.y, image.height),
          percent(std::min(box.width, image.width - box.x), image.width),
          percent(std::min(box.height, image.height - box.y), image.height));
    }
    html += "</div><figcaption>" + inline_html(picture.label) + "</figcaption></figure>\n";
  }
  return html + "</div>\n";
}

std::string render_table(const Table& table, const Figure& figure) {
  expect(!table.columns.empty() && !table.rows.empty(), figure, "expected rows, got none");
  const auto kind = [&](std::size_t column) {
    return table.columns[column].number ? " class=\"number\"" : "";
  };
  std::string html = "<div class=\"scroll\"><table>\n<thead><tr>";
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    html += fmt::format("<th scope=\"col\"{}>{}</th>", kind(c), inline_html(table.columns[c].name));
  html += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    expect(row.size() == table.columns.size(), figure, "expected ", table.columns.size(),
           " cells a row, got ", row.size());
    html += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c)
      html += c == 0 ? fmt::format("<th scope=\"row\"{}>{}</th>", kind(c), inline_html(row[c]))
                     : fmt::format("<td{}>{}</td>", kind(c), inline_html(row[c]));
    html += "</tr>\n";
  }
  return html + "</tbody>\n</table></div>\n";
}

std::string render_body(const Figure& figure) {
  if (const auto* chart = std::get_if<LineChart>(&figure.body))
    return draw_chart(*chart, figure.id, figure.title);
  if (const auto* gallery = std::get_if<Gallery>(&figure.body))
    return render_gallery(*gallery, figure);
  return render_table(std::get<Table>(figure.body), figure);
}

/// A relative address: anything else than letters, digits, - _ . ~ and / becomes %XX.
std::string link(const std::string& path) {
  std::string address = path.find(':') == path.npos ? "" : "./";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || c == '/';
    address += plain ? std::string(1, c)
                     : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return address;
}

/// A command as code. Browsers break lines after hyphens, and half of "--seed" reads like nothing.
std::string render_command(const std::string& command) {
  std::string html = "<code>";
  for (std::size_t begin = 0; begin < command.size();) {
    const std::size_t end = std::min(command.find(' ', begin), command.size());
    const std::string word = escape_html(command.substr(begin, end - begin));
    html += word.starts_with("--") ? "<span>" + word + "</span>" : word;
    if (end < command.size()) html += ' ';
    begin = end + 1;
  }
  return html + "</code>";
}

std::string render_figure(const Figure& figure, int number) {
  expect(!figure.title.empty(), figure, "expected a title, got none");
  expect(!figure.command.empty(), figure, "expected the command that makes it, got none");
  expect(figure.record.empty() || figure.record[0] != '/', figure,
         "expected a relative path to its record, got ", figure.record);
  const char* kind = std::holds_alternative<Table>(figure.body) ? "Table" : "Figure";
  std::string html = fmt::format("<figure id=\"{}\">\n<h3>{} {}. {}</h3>\n", figure.id, kind,
                                 number, inline_html(figure.title));
  html += render_body(figure);
  html += "<figcaption>";
  if (!figure.caption.empty()) html += "<p>" + inline_html(figure.caption) + "</p>";
  html += "<p class=\"source\">Made by " + render_command(figure.command);
  if (!figure.record.empty())
    html +=
        fmt::format(" from <a href=\"{}\">{}</a>", link(figure.record), escape_html(figure.record));
  return html + "</p></figcaption>\n</figure>\n";
}

void check_ids(const Report& report) {
  std::set<std::string> ids;
  for (const Section& section : report.sections)
    for (const Figure& figure : section.figures) {
      check<ValueError>(
          !figure.id.empty() && figure.id.find_first_not_of(
                                    "abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos,
          "report: figure id: expected lower-case letters, digits and -, got \"", figure.id, "\"");
      check<ValueError>(ids.insert(figure.id).second, "report: figure id: expected a new one, got ",
                        figure.id, " again");
    }
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
  check_ids(report);
  std::string html = "<header>\n<h1>" + inline_html(report.title) + "</h1>\n";
  if (!report.summary.empty())
    html += "<p class=\"summary\">" + inline_html(report.summary) + "</p>\n";
  html += "</header>\n" + render_facts(report.facts) + "<nav aria-label=\"Sections\">";
  for (std::size_t s = 0; s < report.sections.size(); ++s)
    html += fmt::format("<a href=\"#section-{}\">{}</a>\n", s + 1,
                        escape_html(report.sections[s].title));
  if (!report.manifest.empty()) html += "<a href=\"#manifest\">Manifest</a>";
  html += "</nav>\n<main>\n";
  int figures = 0, tables = 0;
  for (std::size_t s = 0; s < report.sections.size(); ++s) {
    const Section& section = report.sections[s];
    html += fmt::format("<section id=\"section-{}\">\n<h2>{}</h2>\n", s + 1,
                        inline_html(section.title));
    for (const std::string& paragraph : section.paragraphs)
      html += "<p>" + inline_html(paragraph) + "</p>\n";
    for (const Figure& figure : section.figures)
      html +=
          render_figure(figure, std::holds_alternative<Table>(figure.body) ? ++tables : ++figures);
    html += "</section>\n";
  }
  html += render_manifest(report) + "</main>\n";
  return html_document(report.title, html);
}

void write_report(const std::filesystem::path& path, const Report& report) {
  const std::string html = render_report(report);
  write_atomically(path, std::as_bytes(std::span(html)));
}

}  // namespace chainline::experiments
