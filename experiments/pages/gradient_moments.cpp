#include <fmt/format.h>

#include <cmath>

#include "experiments/claims/thresholds.h"
#include "experiments/pages/gradient_page.h"

namespace chainline::experiments::gradients_page {
namespace {

/// plateau + decay (1 + offset) / (b + offset), as statistics/plateau.h fits it.
Series plateau_curve(const Json& fit, const std::vector<double>& sizes) {
  Series curve;
  curve.name = "fit";
  curve.dashed = true;
  const double plateau = number_of(at_path(fit, {"plateau"}), "estimate");
  const double decay = number_of(at_path(fit, {"decay"}), "estimate");
  const double offset = number_of(fit, "offset");
  for (const double b : sizes) {
    const double y = plateau + decay * (1 + offset) / (b + offset);
    if (!(b > 0) || !(y > 0) || !std::isfinite(y)) continue;
    curve.x.push_back(b);
    curve.y.push_back(y);
  }
  return curve;
}

const Json& fit_of(const StudyPage& page, const std::string& at, const std::string& comparison) {
  return find_in(at_path(gradients_of(page), {"plateaus"}),
                 {{"at", at.c_str()}, {"comparison", comparison.c_str()}});
}

/// A fit that is held at no decay: its share is 1 whatever was measured, and tells nothing.
bool rises(const Json& fit) { return at_path(fit, {"rises"}) == Json(true); }

/// A number of a fit with its limits; "" without.
std::string fit_text(const Json& fit, const char* what) {
  const Json& of = at_path(fit, {what});
  Value value;
  value.mean = number_of(of, "estimate");
  value.low = number_of(of, "low"), value.high = number_of(of, "high");
  return value.exists() ? value_text(value, 2) : "";
}

}  // namespace

void add_sizes(const StudyPage& page, Part& part) {
  SmallMultiples chart;
  chart.x = size_axis();
  chart.y.label = "cosine with the clean gradient";
  chart.columns = 2;
  for (const char* at : kCheckpoints) {
    ChartPanel panel{where(at, true), {}};
    for (const char* name : {"W100", "W50", "P-noise", "IMG", "TXT", "other batch"}) {
      Series series = cosine_series(page, row_of(page, at, name), name, false);
      series.dashed = std::string(name) == "other batch";
      if (!series.x.empty()) panel.series.push_back(std::move(series));
    }
    if (!panel.series.empty()) chart.panels.push_back(std::move(panel));
  }
  if (chart.panels.empty()) return part.lacks("the cosine over batch sizes");
  const std::vector<double> sizes = sizes_of(page);
  const std::string courses = at_each([&](const std::string& at) -> std::string {
    const Series w = cosine_series(page, row_of(page, at, "W100"), "W100", false);
    if (w.x.size() < 2) return "";
    const std::string first = number_text(w.y.front()), last = number_text(w.y.back());
    const std::string over = w.x.front() == sizes.front() && w.x.back() == sizes.back()
                                 ? ""
                                 : fmt::format(" (b = {:g} to {:g})", w.x.front(), w.x.back());
    if (first == last) return "stays at " + first + over;
    return fmt::format("{} from {} to {}{}", w.y.back() > w.y.front() ? "rises" : "falls", first,
                       last, over);
  });
  Figure figure = page.figure(
      "gradient-sizes",
      titled(fmt::format("From batch {:g} to {:g} the cosine of clean and marked gradients ",
                         sizes.front(), sizes.back()),
             courses, "Cosine of clean and changed gradients over batch sizes"),
      std::move(chart), {"K2", "K4"});
  figure.caption =
      "All parameters; means over batches and runs with " + bootstrap_limits(page) + "." +
      fewer_batches(page) +
      fmt::format(
          " They decide nothing: K2 is decided by Student's limits over runs at b = {}, K4 by "
          "moments of single samples (table).",
          plain_text(number_of(gradients_of(page), "size")));
  describe(page, figure, gradient_counts(page), {"other batch", "P-noise"});
  part.add(std::move(figure));
}

void add_predicted(const StudyPage& page, Part& part) {
  SmallMultiples chart;
  chart.x = size_axis();
  chart.y.label = "cosine with the clean gradient";
  chart.columns = deciding(page) == "base" ? 3 : 4;  // a comparison's checkpoints side by side
  double worst = -1;
  std::string worst_of, cards[2];
  const std::vector<double> sizes = sizes_of(page);
  for (const std::string& comparison : comparisons_of(page))
    for (const std::size_t c : {0, 1}) {
      const std::string at = kCheckpoints[c];
      const Json& row = row_of(page, at, comparison);
      Series measured = cosine_series(page, row, "measured", false);
      const std::vector<double> predicted = numbers_of(at_path(row, {"predicted"}));
      if (measured.x.empty() || predicted.size() != sizes.size()) continue;
      Series curve;
      curve.name = "predicted from moments";
      curve.dashed = true;
      double worst_here = -1;
      for (std::size_t i = 0; i < sizes.size(); ++i) {
        if (!std::isfinite(predicted[i])) continue;
        curve.x.push_back(sizes[i]);
        curve.y.push_back(predicted[i]);
        const double error = std::abs(cosine_of(page, at, comparison, i) - predicted[i]);
        if (error > worst_here) worst_here = error;  // not where nothing was measured
        if (!(error > worst)) continue;
        worst = error;
        worst_of = fmt::format("{} at b = {:g} {}", comparison, sizes[i], where(at));
      }
      if (curve.x.empty()) continue;
      if (comparison == "W100" && worst_here >= 0) cards[c] = number_text(worst_here);
      chart.panels.push_back({comparison + ", " + at, {std::move(measured), std::move(curve)}});
    }
  if (chart.panels.empty()) return part.lacks("predicted cosines");
  std::string title = "Cosines of batches, measured and predicted from single samples' gradients";
  if (worst >= 0)
    title = fmt::format(
        "Mean and variance of single samples' gradients predict the cosines of batches to within "
        "{} ({})",
        number_text(worst), worst_of);
  const std::string of_cards = at_each([&](const std::string& at) { return cards[at != "base"]; });
  if (!of_cards.empty()) title += ", those of cards (W100) to within " + of_cards;
  Figure figure = page.figure("gradient-predicted", title, std::move(chart), {"K4"});
  figure.caption =
      "C0: after clean fine-tuning. With mean G and variance S of single gradients, D and Sd of "
      "their change, X the covariance of the two: `cos(b) = (|G|² + G·D + (S + X)/b) / "
      "sqrt((|G|² + S/b) (|G + D|² + (S + 2X + Sd)/b))`, a quotient of expectations. Nothing is "
      "fitted to the batches. A mean of cosines counts every batch alike, this quotient each by "
      "the length of its gradient: where a few samples have far longer ones than the rest, the two "
      "part. What was measured has " +
      bootstrap_limits(page) + ", predictions have none." + fewer_batches(page) +
      " K4 is decided by neither, but by a share made of the same moments (table), with Student's "
      "limits over runs.";
  const std::string lost = at_each([&](const std::string& at) {
    const double g = number_of(at_path(row_of(page, at, "W100"), {"moments"}), "G2");
    return g <= 0 ? number_text(g) : "";
  });
  if (!lost.empty())
    figure.caption += fmt::format(
        " The unbiased |G|² is {}, not above 0: the curve means little at large b there.", lost);
  describe(page, figure, moment_counts(page), {"P-noise", "P-const"});
  part.add(std::move(figure));
}

void add_plateau_chart(const StudyPage& page, Part& part) {
  SmallMultiples chart;
  chart.x = size_axis();
  chart.y = {"1/cos² − 1", {}, {}, false, {}, Scale::log10, {}};
  chart.columns = deciding(page) == "base" ? 3 : 4;
  for (const std::string& comparison : comparisons_of(page))
    for (const std::string at : kCheckpoints) {
      const Json& fit = fit_of(page, at, comparison);
      ChartPanel panel{comparison + ", " + at, {}};
      panel.series.push_back(cosine_series(page, row_of(page, at, comparison), "measured", true));
      Series curve = plateau_curve(fit, sizes_of(page));
      if (panel.series[0].x.empty() || curve.x.empty()) continue;
      if (!rises(fit)) panel.series.push_back(std::move(curve));
      chart.panels.push_back(std::move(panel));
    }
  if (chart.panels.empty()) return part.lacks("the plateau fit");
  const std::string kept = at_each([&](const std::string& at) -> std::string {
    const Json& fit = fit_of(page, at, "W100");
    if (rises(fit)) return "rises with b";
    const std::string share = fit_text(fit, "ratio");
    return share.empty() ? "" : "keeps a share of " + share + " at any batch";
  });
  Figure figure =
      page.figure("gradient-plateau",
                  titled("By a fit to mean cosines, 1/cos² − 1 of clean and marked gradients ",
                         kept, "What stays of 1/cos² − 1 at large batches, by a fit"),
                  std::move(chart), {"K4"});
  figure.caption =
      "C0: after clean fine-tuning. Of the mean cosine of each size; both axes logarithmic. A "
      "mini-batch effect falls on without end; a systematic shift of the gradient is the plateau. "
      "Fit: `plateau + decay (1 + c) / (b + c)`, not drawn where what was measured rises with b. "
      "Points have " +
      bootstrap_limits(page) + ", and so has the fit's share." + fewer_batches(page) +
      " K4 is decided by moments of single samples instead (table), which need no fit, with "
      "Student's limits over runs.";
  describe(page, figure, gradient_counts(page), {"P-noise", "P-const"});
  part.add(std::move(figure));
}

void add_plateau_table(const StudyPage& page, Part& part) {
  const auto share_of = [&](const std::string& at, const std::string& comparison) -> const Json& {
    return find_in(at_path(gradients_of(page), {"shares"}),
                   {{"at", at.c_str()}, {"comparison", comparison.c_str()}});
  };
  Table table;
  table.columns = {
      {"At"},          {"Clean against"}, {"share", true}, {"at b = 1", true}, {"at any b", true},
      {"share", true}, {"plateau", true}};
  table.groups = {{"", 2}, {"By moments", 3}, {"Fit to mean cosines", 2}};
  for (const std::string at : kCheckpoints)
    for (const std::string& comparison : comparisons_of(page)) {
      const Json& fit = fit_of(page, at, comparison);
      const Json& share = share_of(at, comparison);
      if (!fit.is_object() && !share.is_object()) continue;
      const auto number = [&](const char* what) {
        return number_text(number_of(at_path(share, {what}), "mean"), 2);
      };
      const auto fitted = [&](const char* what) {
        const std::string text = fit_text(fit, what);
        return text.empty() ? "–" : text;
      };
      table.rows.push_back({at, comparison, value_text(value_of(at_path(share, {"share"})), 2),
                            number("at_one"), number("at_any"),
                            rises(fit) ? "rises with b" : fitted("ratio"),
                            rises(fit) ? "–" : fitted("plateau")});
    }
  if (table.rows.empty()) return part.lacks("what stays of 1/cos² − 1");
  // Of W100, which K4 is judged by: a number by moments, and what no run has.
  const auto by_moments = [&](const char* what) {
    return at_each([&](const std::string& at) -> std::string {
      const Json& e = at_path(share_of(at, "W100"), {what});
      const Value value = value_of(e);
      if (value.exists()) return value_text(value, 2);
      return at_path(e, {"runs"}) == Json(0) ? "not defined" : "";
    });
  };
  const std::string lost = at_each([&](const std::string& at) -> std::string {
    const Json& share = share_of(at, "W100");
    const double runs = number_of(share, "runs");
    const double without = runs - number_of(at_path(share, {"fall"}), "runs");
    return without > 0 ? fmt::format("{:g} of {:g} runs", without, runs) : "";
  });
  if (!lost.empty())
    table.notes.push_back("The unbiased |G|² of the clean gradient is not above 0 in " + lost +
                          ": there is no direction to turn from, and such a run has no numbers by "
                          "moments.");
  const std::vector<double> sizes = sizes_of(page);
  if (const std::string fall = by_moments("fall"); !fall.empty() && !sizes.empty())
    table.notes.push_back(fmt::format(
        "K4 also needs the cosine by moments at b = {:g} to be below that at b = {:g}. W100's "
        "difference: {}.",
        sizes.front(), sizes.back(), fall));
  Figure figure = page.figure(
      "gradient-plateaus",
      titled("The share of cards' 1/cos² − 1 at batch 1 that stays at any batch, by moments: ",
             by_moments("share"), "What of 1/cos² − 1 stays at any batch size"),
      std::move(table), {"K4"});
  figure.caption = fmt::format(
      "C0: after clean fine-tuning. By moments: `1/cos² − 1` of the predicted cosine, "
      "run by run, with {}Student's limits over runs, which decide K4; a share of 0 where the "
      "unbiased |D|² is not above 0. Fit: to `1/cos² − 1` of each size's mean cosine, with {}; "
      "where that rises with b, the fit has no share and refutes nothing. K4 needs W100's share "
      "by moments below {:g}. Mean cosines count every batch alike and moments each by its "
      "length, so that samples of very unequal gradients set the two apart.",
      sure(page), bootstrap_limits(page), kPlateauShare);
  describe(page, figure, moment_counts(page), {"P-noise", "P-const"});
  part.add(std::move(figure));
}

}  // namespace chainline::experiments::gradients_page
