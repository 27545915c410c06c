#include "experiments/report/style.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

struct Colour {
  std::string_view name, light, dark;
};

/// Colours are variables, so that a chart drawn once fits light and dark. Those of the series keep
/// a contrast of 3 : 1 to the paper in both, and stay apart for the colour-blind. above and below
/// are those of a heat map at their strongest: dark on light paper and light on dark, so that the
/// order of strength is seen in grey too; cell and reverse are the text on weak and strong cells.
constexpr std::array<Colour, 17> kColours = {{
    {"paper", "#ffffff", "#14171b"},
    {"panel", "#f5f6f8", "#1d2126"},
    {"ink", "#1c2127", "#e6e8eb"},
    {"soft", "#59626d", "#a3acb7"},
    {"line", "#d8dce1", "#363c44"},
    {"grid", "#e7e9ed", "#2a2f36"},
    {"link", "#0b5cad", "#7ab8f5"},
    {"s0", "#0067a5", "#5ab4ec"},
    {"s1", "#c8500a", "#f28d50"},
    {"s2", "#00805e", "#2fc79b"},
    {"s3", "#9b4f96", "#d99bcb"},
    {"s4", "#8a6900", "#e2c02f"},
    {"s5", "#5f6b76", "#a9b4bf"},
    {"above", "#063a75", "#5aa9ea"},
    {"below", "#6e2300", "#f08a3c"},
    {"cell", "#000000", "#ffffff"},
    {"reverse", "#ffffff", "#000000"},
}};

constexpr std::string_view kText = R"css(
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
nav ol { margin: .4rem 0 0; padding-left: 1.4rem; }
nav ol ol { padding: 0; list-style: none; margin: 0 0 .5rem; }
nav details { margin: .6rem 0 0; }
nav .sections a { margin-right: 1rem; white-space: nowrap; }
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
.basis { margin: .35rem 0; }
.basis dt, .basis dd { display: inline; margin: 0; }
.basis dt { color: var(--ink); font-weight: 600; }
.basis dt::after { content: ": "; }
.basis div { display: inline; margin-right: 1rem; }
.badge { display: inline-block; border: 1.5px solid var(--soft); border-radius: 1rem;
  padding: 0 .55rem; font-size: .85em; font-weight: 600; line-height: 1.5; white-space: nowrap;
  color: var(--ink); }
.badge.supported { border-color: var(--s2); }
.badge.refuted { border-color: var(--s1); }
.badge.open { border-style: dashed; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg.narrow { display: none; }
)css";

constexpr std::string_view kDrawing = R"css(
svg text { font-family: system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-size: 12px;
  fill: var(--ink); font-variant-numeric: tabular-nums; }
svg .soft { fill: var(--soft); }
svg .strong { font-weight: 600; }
svg .small { font-size: 10px; }
svg .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 3; stroke-linejoin: round; }
svg .cell { fill: var(--cell); }
svg .reverse { fill: var(--reverse); }
svg .above { fill: var(--above); }
svg .below { fill: var(--below); }
svg .corner { fill: var(--cell); }
svg .corner.reverse { fill: var(--reverse); }
svg .plane { fill: none; stroke: var(--line); stroke-width: 1; }
svg .zone { fill: var(--soft); opacity: .16; }
svg .grid { stroke: var(--grid); stroke-width: 1; }
svg .axis { stroke: var(--soft); stroke-width: 1; }
svg .reference { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 2 2.5; }
svg .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .faint { stroke-width: 1; opacity: .28; }
svg .dashed { stroke-dasharray: 6 4; }
svg .whisker { stroke-width: 1.5; fill: none; }
svg .band { opacity: .18; stroke: none; }
svg .mark { stroke: var(--paper); stroke-width: 1; }
svg .hollow { fill: var(--paper); stroke-width: 1.8; }
svg .point { stroke: var(--paper); stroke-width: .5; opacity: .85; }
.f0 { fill: var(--s0); } .f1 { fill: var(--s1); } .f2 { fill: var(--s2); }
.f3 { fill: var(--s3); } .f4 { fill: var(--s4); } .f5 { fill: var(--s5); }
.l0 { stroke: var(--s0); } .l1 { stroke: var(--s1); } .l2 { stroke: var(--s2); }
.l3 { stroke: var(--s3); } .l4 { stroke: var(--s4); } .l5 { stroke: var(--s5); }
)css";

constexpr std::string_view kBodies = R"css(
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
.scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; line-height: 1.4; }
th, td { padding: .4rem .75rem .4rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--grid); }
thead th { border-bottom: 1px solid var(--soft); font-weight: 600; vertical-align: bottom; }
thead .groups > * { border-bottom: 0; padding-bottom: 0; }
thead .groups th span { display: block; text-align: center; border-bottom: 1px solid var(--line);
  margin-left: 1rem; padding-bottom: .2rem; }
tbody th { font-weight: 400; }
tr:target > * { background: var(--panel); }
th.number, td.number { text-align: right; padding: .4rem 0 .4rem 1rem;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
thead th.number { white-space: normal; }
.number + :not(.number) { padding-left: 1.25rem; }
.notes { margin: .5rem 0 0; padding-left: 1.2rem; color: var(--soft); font-size: .85rem;
  line-height: 1.4; }
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
  .sentences, .sentences tbody, .sentences tr, .sentences th, .sentences td { display: block; }
  .sentences thead { display: none; }
  .sentences tr { border-bottom: 1px solid var(--soft); padding: .3rem 0; }
  .sentences tbody > tr > * { border-bottom: 0; padding: .15rem 0; text-align: left; }
  .sentences tbody th { font-weight: 600; }
  .sentences td::before { content: attr(data-column) ": "; color: var(--soft); }
  th, td { padding-right: .4rem; }
  th.number, td.number { padding-left: .5rem; }
  details tbody th, .badge { white-space: normal; }
}
@media print {
  @page {
    size: A4; margin: 18mm 16mm;
    @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; }
  }
  html { font-size: 9.5pt; }
  body { padding: 0; max-width: none; }
  a { color: inherit; text-decoration: none; }
  .sections, nav summary { display: none; }
  section + section { break-before: page; }
  h2 { margin-top: 0; border-top: 0; padding-top: 0; }
  h2, h3 { break-after: avoid; }
  p { orphans: 3; widows: 3; }
  .facts { grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); }
  figure { margin: 1.1rem 0 1.5rem; }
  figure.long { break-inside: auto; }
  figure.long h3 { break-after: avoid; }
  thead { display: table-header-group; }
  .fact { border: 1px solid var(--line); break-inside: avoid; }
  .fact .value { font-size: 1.25rem; }
  tr { break-inside: avoid; }
  .scroll { overflow: visible; }
  table { font-size: 8pt; line-height: 1.3; }
  th.number, td.number { white-space: normal; padding-left: .6rem; }
  .source code { background: none; padding: 0; }
  details::details-content { content-visibility: visible; display: block; }
  svg, img, .fact { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
)css";

std::string variables(Theme theme) {
  std::string css;
  for (const Colour& colour : kColours)
    css +=
        fmt::format(" --{}: {};", colour.name, theme == Theme::light ? colour.light : colour.dark);
  return css;
}

}  // namespace

std::string_view theme_colour(Theme theme, std::string_view name) {
  const auto found = std::find_if(kColours.begin(), kColours.end(),
                                  [&](const Colour& colour) { return colour.name == name; });
  check<ValueError>(found != kColours.end(), "style: colour: expected one of the sheet, got ",
                    name);
  return theme == Theme::light ? found->light : found->dark;
}

std::string page_style() {
  return "\n:root { color-scheme: light dark;" + variables(Theme::light) +
         " }\n@media screen and (prefers-color-scheme: dark) { :root {" + variables(Theme::dark) +
         " } }" + std::string(kText) + std::string(kDrawing) + std::string(kBodies);
}

std::string drawing_style() {
  std::string css(kDrawing);
  for (std::size_t begin = css.find("var(--"); begin != css.npos; begin = css.find("var(--")) {
    const std::size_t end = css.find(')', begin);
    css.replace(begin, end + 1 - begin,
                theme_colour(Theme::light, css.substr(begin + 6, end - begin - 6)));
  }
  return css;
}

}  // namespace chainline::experiments
