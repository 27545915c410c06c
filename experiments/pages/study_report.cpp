#include "experiments/pages/study_report.h"

#include <iterator>

#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

/// The second part's figures behind those of the first.
Part joined(Part first, Part second) {
  std::move(second.section.figures.begin(), second.section.figures.end(),
            std::back_inserter(first.section.figures));
  std::move(second.absent.begin(), second.absent.end(), std::back_inserter(first.absent));
  return first;
}

/// Every leaf of the manifest by its path; the study's numbers have a table of their own.
void flatten(const Json& json, const std::string& path,
             std::vector<std::pair<std::string, std::string>>& entries) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items())
      if (path != "" || key != "config")
        flatten(value, path.empty() ? key : path + "." + key, entries);
  } else if (!json.is_null()) {
    entries.emplace_back(path, json.is_string() ? json.get<std::string>() : json.dump());
  }
}

}  // namespace

Report study_report(const Json& results, const StudyResults& runs, const Json& manifest,
                    const World& world, const Study& study) {
  const StudyPage page(results, runs, manifest, world, study);
  Report report;
  report.title = "Watch Out Your Album! on a compact model, with controls";
  report.summary = study_summary(page);
  report.facts = study_facts(page);
  std::vector<std::string> left_out;
  Part parts[] = {summary_part(page),
                  utility_part(page),
                  joined(gradient_part(page), training_part(page)),
                  probing_part(page),
                  joined(memorization_part(page), defence_part(page)),
                  projection_part(page),
                  gallery_part(page),
                  method_part(page),
                  again_part(page)};
  for (Part& part : parts) {
    if (part.section.figures.empty() && &part != &parts[0]) {
      left_out.push_back("\"" + part.section.title + "\"");
      continue;
    }
    if (!part.absent.empty())
      part.section.paragraphs.push_back("No results yet for " + sentence_list(part.absent) + ".");
    report.sections.push_back(std::move(part.section));
  }
  if (!left_out.empty())
    report.sections.front().paragraphs.push_back(
        "Sections left out, because no run has given them anything: " + sentence_list(left_out) +
        ".");
  flatten(manifest, "", report.manifest);
  return report;
}

}  // namespace chainline::experiments
