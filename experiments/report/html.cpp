#include "experiments/report/html.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace chainline::experiments {
namespace {

/// Colours are variables, so that a chart drawn once fits light and dark. Those of the series keep
/// a contrast of 3 : 1 to the paper in both, and stay apart for the colour-blind.
constexpr std::string_view kStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #ffffff; --panel: #f5f6f8; --ink: #1c2127; --soft: #59626d; --line: #d8dce1;
  --grid: #e7e9ed; --link: #0b5cad;
  --s0: #0067a5; --s1: #c8500a; --s2: #00805e; --s3: #9b4f96; --s4: #8a6900; --s5: #5f6b76;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --panel: #1d2126; --ink: #e6e8eb; --soft: #a3acb7; --line: #363c44;
    --grid: #2a2f36; --link: #7ab8f5;
    --s0: #5ab4ec; --s1: #f28d50; --s2: #2fc79b; --s3: #d99bcb; --s4: #e2c02f; --s5: #a9b4bf;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 53rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .75rem; letter-spacing: -.01em; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 3rem 0 .5rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
p { margin: .6rem 0; max-width: 44rem; }
a { color: var(--link); }
code { font: .875em/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
.summary { font-size: 1.08rem; }
nav { margin: 1.25rem 0 0; color: var(--soft); font-size: .92rem; }
nav a { margin-right: 1rem; white-space: nowrap; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem;
  margin: 1.5rem 0 0; padding: 0; }
.fact { background: var(--panel); border-radius: .5rem; padding: .8rem 1rem; }
.fact dt { color: var(--soft); font-size: .85rem; line-height: 1.3; }
.fact dd { margin: 0; }
.fact .value { font-size: 1.5rem; font-weight: 600; line-height: 1.4;
  font-variant-numeric: tabular-nums; }
.fact .note { color: var(--soft); font-size: .82rem; line-height: 1.35; }
figure { margin: 1.75rem 0 2.25rem; break-inside: avoid; }
h3 { font-size: 1.02rem; line-height: 1.35; margin: 0 0 .6rem; }
figcaption { margin-top: .5rem; color: var(--soft); font-size: .9rem; line-height: 1.45; }
figcaption p { margin: .25rem 0; }
.source code { color: var(--ink); background: var(--panel); border-radius: .25rem;
  padding: .1rem .35rem; -webkit-box-decoration-break: clone; box-decoration-break: clone; }
.source code span { white-space: nowrap; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg.narrow { display: none; }
svg text { font: 12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--ink);
  font-variant-numeric: tabular-nums; }
svg .soft { fill: var(--soft); }
svg .grid { stroke: var(--grid); stroke-width: 1; }
svg .axis { stroke: var(--soft); stroke-width: 1; }
svg .reference { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 2 2.5; }
svg .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .faint { stroke-width: 1; opacity: .28; }
svg .dashed { stroke-dasharray: 6 4; }
svg .whisker { stroke-width: 1.5; fill: none; }
svg .band { opacity: .18; stroke: none; }
svg .mark { stroke: var(--paper); stroke-width: 1; }
.f0 { fill: var(--s0); } .f1 { fill: var(--s1); } .f2 { fill: var(--s2); }
.f3 { fill: var(--s3); } .f4 { fill: var(--s4); } .f5 { fill: var(--s5); }
.l0 { stroke: var(--s0); } .l1 { stroke: var(--s1); } .l2 { stroke: var(--s2); }
.l3 { stroke: var(--s3); } .l4 { stroke: var(--s4); } .l5 { stroke: var(--s5); }
.legend { display: none; flex-wrap: wrap; gap: .2rem 1rem; margin: 0 0 .4rem; padding: 0;
  list-style: none; font-size: .85rem; }
.legend svg { display: inline-block; width: 16px; height: 12px; margin-right: .35rem;
  vertical-align: -1px; }
.gallery { display: flex; flex-wrap: wrap; gap: .75rem; }
.picture { margin: 0; flex: 0 1 var(--side); max-width: 100%; }
.gallery.pairs .picture { flex-basis: min(var(--side), 25% - .5625rem); }
.frame { position: relative; line-height: 0; }
.picture img { width: 100%; height: auto; image-rendering: pixelated; border-radius: 2px; }
.frame span { position: absolute; outline: 1.5px dashed #fff; outline-offset: 1px; }
.picture figcaption { margin-top: .3rem; font-size: .82rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; line-height: 1.4; }
th, td { padding: .4rem .75rem .4rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--grid); }
thead th { border-bottom: 1px solid var(--soft); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 400; }
th.number, td.number { text-align: right; padding: .4rem 0 .4rem 1rem;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
thead th.number { white-space: normal; }
.number + :not(.number) { padding-left: 1.25rem; }
details { margin: 1.25rem 0; }
summary { cursor: pointer; color: var(--link); }
details table { font-size: .85rem; margin-top: .6rem; }
details td { overflow-wrap: anywhere; }
details tbody th { color: var(--soft); white-space: nowrap; }
@media screen and (max-width: 40rem) {
  body { padding: 1.5rem 1rem 3rem; }
  h1 { font-size: 1.5rem; }
  h2 { margin-top: 2.25rem; }
  svg.wide { display: none; }
  svg.narrow { display: block; }
  .legend { display: flex; }
  .facts { grid-template-columns: 1fr 1fr; }
  .gallery.pairs .picture { flex-basis: calc(50% - .375rem); }
  table { font-size: .85rem; }
  th, td { padding-right: .4rem; }
  th.number, td.number { padding-left: .5rem; }
  details tbody th { white-space: normal; }
}
@media print {
  @page { margin: 18mm 16mm; }
  body { padding: 0; max-width: none; font-size: 10.5pt; }
  nav { display: none; }
  a { color: inherit; text-decoration: none; }
  h2, h3, section > p { break-after: avoid; }
  .facts { grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); }
  h2 { margin-top: 1.75rem; }
  figure { margin: 1.1rem 0 1.5rem; }
  .fact { border: 1px solid var(--line); break-inside: avoid; }
  .fact .value { font-size: 1.25rem; }
  tr { break-inside: avoid; }
  details::details-content { content-visibility: visible; display: block; }
  svg, img, .fact { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
)css";

/// Bytes of the UTF-8 character at the start of the text; 0 if there is no valid one.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  // Overlong forms, surrogates and what lies beyond U+10FFFF.
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

/// A number and its percent sign stay on one line.
std::string bind_percent(std::string html) {
  for (std::size_t i = html.find(" %"); i != html.npos; i = html.find(" %", i + 1))
    if (i > 0 && html[i - 1] >= '0' && html[i - 1] <= '9') html.replace(i, 1, "\xC2\xA0");
  return html;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text[0];
    const unsigned first = static_cast<unsigned char>(c);
    // Below U+0020, U+007F, and U+0080 .. U+009F.
    const bool control =
        (first < 0x20 && c != '\n' && c != '\t') || first == 0x7F ||
        (first == 0xC2 && length == 2 && static_cast<unsigned char>(text[1]) < 0xA0);
    if (length == 0 || control)
      escaped += "\xEF\xBF\xBD";
    else if (c == '&')
      escaped += "&amp;";
    else if (c == '<')
      escaped += "&lt;";
    else if (c == '>')
      escaped += "&gt;";
    else if (c == '"')
      escaped += "&quot;";
    else if (c == '\'')
      escaped += "&#39;";
    else
      escaped += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return escaped;
}

std::string inline_html(std::string_view text) {
  std::string html;
  while (!text.empty()) {
    const std::size_t open = text.find('`');
    const std::size_t close = open == text.npos ? open : text.find('`', open + 1);
    if (close == text.npos) return html + bind_percent(escape_html(text));
    html += bind_percent(escape_html(text.substr(0, open)));
    html += "<code>" + escape_html(text.substr(open + 1, close - open - 1)) + "</code>";
    text.remove_prefix(close + 1);
  }
  return html;
}

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t given = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (k < given ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= given ? kLetters[three >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string png_data_uri(const Image& image) {
  return "data:image/png;base64," + base64(encode_png(image));
}

std::string html_document(std::string_view title, std::string_view body) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; img-src data:\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += "<title>" + escape_html(title) + "</title>\n<style>";
  html += kStyle;
  html += "</style>\n</head>\n<body>\n";
  html += body;
  html += "</body>\n</html>\n";
  return html;
}

}  // namespace chainline::experiments
