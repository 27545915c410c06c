#include "experiments/analysis/gradient_jobs.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"

namespace chainline::experiments {

GradientJobs::GradientJobs(const StudyResults& results, std::string checkpoint)
    : at(std::move(checkpoint)) {
  for (const Json& job : results.gradients) {
    if (string_member(job, "at", "gradients") != at) continue;
    const std::int64_t run = integer_member(job, "run", "gradients");
    const auto names = member(job, "groups", "gradients").get<std::vector<std::string>>();
    const std::vector<double> b = numbers(member(job, "sizes", "gradients"), "gradients: sizes");
    check<FileError>(jobs.empty() || (names == groups && b == sizes), "gradients of run ", run,
                     ": expected the groups and sizes of the other runs");
    groups = names;
    sizes = b;
    jobs.push_back(&job);
    sources.seeds.push_back(run);
  }
}

bool GradientJobs::has(const std::string& comparison) const {
  return std::any_of(jobs.begin(), jobs.end(), [&](const Json* job) {
    return member(*job, "comparisons", "gradients").contains(comparison);
  });
}

Batches GradientJobs::batches(const std::string& comparison, const char* what, std::size_t group,
                              std::size_t size) const {
  Batches found;
  for (const Json* job : jobs) {
    const Json& all = member(*job, "comparisons", "gradients");
    if (!all.contains(comparison)) continue;
    const Json& by_group = member(all[comparison], what, comparison);
    check<FileError>(by_group.is_array() && by_group.size() == groups.size(),
                     "gradients: ", comparison, ": ", what, ": expected ", groups.size(),
                     " groups");
    const Json& by_size = by_group[group];
    check<FileError>(by_size.is_array() && by_size.size() == sizes.size(),
                     "gradients: ", comparison, ": ", what, ": expected ", sizes.size(), " sizes");
    found.push_back(numbers(by_size[size], "gradients: " + comparison));
  }
  return found;
}

Batches GradientJobs::changes(const std::string& comparison, std::size_t group,
                              std::size_t size) const {
  Batches cosine = batches(comparison, "cosine", group, size);
  const Batches ratio = batches(comparison, "norm_ratio", group, size);
  for (std::size_t r = 0; r < cosine.size(); ++r)
    for (std::size_t b = 0; b < std::min(cosine[r].size(), ratio[r].size()); ++b)
      cosine[r][b] = std::max(0.0, 1 + ratio[r][b] * ratio[r][b] - 2 * ratio[r][b] * cosine[r][b]);
  return cosine;
}

const Json& GradientJobs::moments(const Json& job, const std::string& comparison,
                                  const std::string& group) const {
  static const Json none;
  const auto all = job.find("moments");
  if (all == job.end() || !all->contains(comparison)) return none;
  const Json& by_group = all->at(comparison);
  return by_group.contains(group) ? by_group.at(group) : none;
}

CosineMoments cosine_moments_of(const Json& moments) {
  CosineMoments m;
  m.g_square = number_at(moments, "G2");
  m.d_square = number_at(moments, "D2");
  m.product = number_at(moments, "GD");
  m.g_variance = number_at(moments, "S");
  m.d_variance = number_at(moments, "Sd");
  m.covariance = number_at(moments, "X");
  return m;
}

}  // namespace chainline::experiments
