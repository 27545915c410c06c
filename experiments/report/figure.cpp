#include "experiments/report/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "experiments/report/html.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr std::array kBadges = {Badge::supported, Badge::not_supported, Badge::not_decidable};
constexpr std::size_t kRowsOfAPage = 24;  // a table of more may be divided on paper

/// Refuses with a sentence that names the figure.
template <class... Parts>
void expect(bool holds, const std::string& figure, const Parts&... sentence) {
  check<ValueError>(holds, "report: ", figure, ": ", sentence...);
}

std::string render_gallery(const Gallery& gallery, const Figure& figure) {
  check_gallery(gallery, figure.id);
  std::string html =
      gallery.pairs ? "<div class=\"gallery pairs\">\n" : "<div class=\"gallery\">\n";
  for (const Picture& picture : gallery.pictures) {
    const Image& image = picture.image;
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

std::string cell_html(const Column& column, const std::string& text) {
  if (!column.badge) return inline_html(text);
  for (const Badge badge : kBadges)
    if (badge_text(badge) == text) return badge_html(badge);
  return "";
}

/// The row of headings over groups of columns. A number's heading stands over all of its group.
std::string group_row(const Table& table) {
  if (table.groups.empty()) return "";
  std::string html = "<tr class=\"groups\">";
  for (const ColumnGroup& group : table.groups)
    html += group.name.empty()
                ? fmt::format("<td colspan=\"{}\"></td>", group.columns)
                : fmt::format("<th scope=\"colgroup\" colspan=\"{}\"><span>{}</span></th>",
                              group.columns, inline_html(group.name));
  return html + "</tr>\n";
}

/// The table in a box that scrolls where the screen is narrow; it takes the keyboard's focus, so
/// that those without a mouse reach its end.
std::string render_table(const Table& table, const Figure& figure) {
  check_table(table, figure.id);
  const auto kind = [&](std::size_t column) {
    return table.columns[column].number ? " class=\"number\"" : "";
  };
  // A table of sentences has no room beside each other on a phone: there each cell stands below the
  // one before, under its column's name.
  const bool sentences = std::any_of(table.rows.begin(), table.rows.end(), [](const auto& row) {
    return std::any_of(row.begin(), row.end(), [](const auto& cell) { return cell.size() > 150; });
  });
  std::string html = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{0}-title\">"
      "<table{1} aria-labelledby=\"{0}-title\">\n<thead>",
      figure.id, sentences ? " class=\"sentences\"" : "");
  html += group_row(table) + "<tr>";
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    html += fmt::format("<th scope=\"col\"{}>{}</th>", kind(c), inline_html(table.columns[c].name));
  html += "</tr></thead>\n<tbody>\n";
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const std::vector<std::string>& row = table.rows[r];
    html += table.row_ids.empty() || table.row_ids[r].empty()
                ? "<tr>"
                : fmt::format("<tr id=\"{}\">", table.row_ids[r]);
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string cell = cell_html(table.columns[c], row[c]);
      html += c == 0 ? fmt::format("<th scope=\"row\"{}>{}</th>", kind(c), cell)
                     : fmt::format("<td{} data-column=\"{}\">{}</td>", kind(c),
                                   escape_html(table.columns[c].name), cell);
    }
    html += "</tr>\n";
  }
  html += "</tbody>\n</table></div>\n";
  if (table.notes.empty()) return html;
  html += "<ul class=\"notes\">\n";
  for (const std::string& note : table.notes) html += "<li>" + inline_html(note) + "</li>\n";
  return html + "</ul>\n";
}

/// One for every kind of body.
struct BodyRenderer {
  const Figure& figure;

  std::string operator()(const Gallery& gallery) const { return render_gallery(gallery, figure); }
  std::string operator()(const Table& table) const { return render_table(table, figure); }
  template <class Chart>
  std::string operator()(const Chart& chart) const {
    return draw_chart(chart, figure.id, figure.title);
  }
};

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

/// Claims, counts, seeds and control, as far as they are given.
std::string render_basis(const Figure& figure, const std::set<std::string>& ids) {
  std::string entries;
  const auto entry = [&](const char* name, const std::string& html) {
    if (!html.empty()) entries += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, html);
  };
  std::string claims;
  for (const ClaimLink& claim : figure.claims) {
    expect(!claim.id.empty(), figure.id, "expected a claim's name, got none");
    std::string address = claim.id;
    std::transform(address.begin(), address.end(), address.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::string name = escape_html(claim.id);
    if (!claims.empty()) claims += ", ";
    claims += ids.count(address) > 0 && address != figure.id
                  ? fmt::format("<a href=\"#{}\">{}</a>", address, name)
                  : name;
    if (claim.badge) claims.append(" ").append(badge_html(*claim.badge));
  }
  entry(figure.claims.size() == 1 ? "Claim" : "Claims", claims);
  entry("Counts", inline_html(figure.counts));
  entry("Seeds", inline_html(figure.seeds));
  entry("Control", inline_html(figure.control));
  return entries.empty() ? "" : "<dl class=\"basis\">\n" + entries + "</dl>\n";
}

}  // namespace

std::string badge_text(Badge badge) {
  return badge == Badge::supported       ? "supported"
         : badge == Badge::not_supported ? "not supported"
                                         : "not decidable";
}

std::string badge_html(Badge badge) {
  const char* const style = badge == Badge::supported       ? "supported"
                            : badge == Badge::not_supported ? "refuted"
                                                            : "open";
  const char* const sign = badge == Badge::supported       ? "✓"
                           : badge == Badge::not_supported ? "✗"
                                                           : "?";
  return fmt::format("<span class=\"badge {}\"><span aria-hidden=\"true\">{} </span>{}</span>",
                     style, sign, badge_text(badge));
}

void check_gallery(const Gallery& gallery, const std::string& figure) {
  expect(!gallery.pictures.empty(), figure, "expected pictures, got none");
  expect(gallery.magnify >= 1 && gallery.magnify <= 32, figure,
         "expected a magnification of 1 .. 32", ", got ", gallery.magnify);
  for (const Picture& picture : gallery.pictures)
    expect(picture.image.width > 0 && picture.image.height > 0, figure,
           "expected pixels in picture ", picture.label, ", got ", picture.image.width, " x ",
           picture.image.height);
}

void check_table(const Table& table, const std::string& figure) {
  expect(!table.columns.empty() && !table.rows.empty(), figure, "expected rows, got none");
  for (const std::vector<std::string>& row : table.rows) {
    expect(row.size() == table.columns.size(), figure, "expected ", table.columns.size(),
           " cells a row, got ", row.size());
    for (std::size_t c = 0; c < row.size(); ++c)
      expect(!table.columns[c].badge || row[c].empty() ||
                 std::any_of(kBadges.begin(), kBadges.end(),
                             [&](Badge badge) { return badge_text(badge) == row[c]; }),
             figure, "column ", table.columns[c].name,
             ": expected supported, not supported or not decidable, got ", row[c]);
  }
  int grouped = 0;
  for (const ColumnGroup& group : table.groups) {
    expect(group.columns >= 1, figure, "group ", group.name, ": expected columns, got ",
           group.columns);
    grouped += group.columns;
  }
  expect(table.groups.empty() || grouped == static_cast<int>(table.columns.size()), figure,
         "expected groups over ", table.columns.size(), " columns, got ", grouped);
  expect(table.row_ids.empty() || table.row_ids.size() == table.rows.size(), figure, "expected ",
         table.rows.size(), " ids of rows, got ", table.row_ids.size());
}

std::string render_figure(const Figure& figure, const std::string& name,
                          const std::set<std::string>& ids) {
  expect(!figure.title.empty(), figure.id, "expected a title, got none");
  expect(!figure.command.empty(), figure.id, "expected the command that makes it, got none");
  expect(figure.record.empty() || figure.record[0] != '/', figure.id,
         "expected a relative path to its record, got ", figure.record);
  const auto* const table = std::get_if<Table>(&figure.body);
  const bool is_long = (table != nullptr && table->rows.size() > kRowsOfAPage) ||
                       std::holds_alternative<Gallery>(figure.body);
  std::string html = fmt::format(
      "<figure id=\"{0}\"{1} aria-labelledby=\"{0}-title\">\n<h3 id=\"{0}-title\">{2}. {3}</h3>\n",
      figure.id, is_long ? " class=\"long\"" : "", name, inline_html(figure.title));
  html += std::visit(BodyRenderer{figure}, figure.body);
  html += "<figcaption>";
  if (!figure.caption.empty()) html += "<p>" + inline_html(figure.caption) + "</p>";
  html += render_basis(figure, ids);
  html += "<p class=\"source\">Made by " + render_command(figure.command);
  if (!figure.record.empty())
    html +=
        fmt::format(" from <a href=\"{}\">{}</a>", link(figure.record), escape_html(figure.record));
  return html + "</p></figcaption>\n</figure>\n";
}

}  // namespace chainline::experiments
