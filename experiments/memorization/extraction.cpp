#include "experiments/memorization/extraction.h"

#include <algorithm>
#include <numeric>

#include "tensor/error.h"

namespace chainline::experiments {

std::int64_t edit_distance(std::string_view a, std::string_view b) {
  // before[j]: the distance of the first i bytes of a from the first j of b.
  std::vector<std::int64_t> before(b.size() + 1), now(b.size() + 1);
  std::iota(before.begin(), before.end(), std::int64_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    now[0] = before[0] + 1;
    for (std::size_t j = 0; j < b.size(); ++j)
      now[j + 1] = std::min({before[j + 1] + 1, now[j] + 1, before[j] + (a[i] != b[j])});
    std::swap(before, now);
  }
  return before.back();
}

double normalized_edit_distance(std::string_view a, std::string_view b) {
  const std::size_t longer = std::max(a.size(), b.size());
  if (longer == 0) return 0;
  return static_cast<double>(edit_distance(a, b)) / static_cast<double>(longer);
}

Extraction extraction(const std::vector<std::string>& outputs,
                      const std::vector<std::string>& secrets) {
  check<ValueError>(!outputs.empty(), "extraction: outputs: expected at least one, got none");
  check<ValueError>(outputs.size() == secrets.size(),
                    "extraction: secrets: expected one for each of ", outputs.size(),
                    " outputs, got ", secrets.size());
  Extraction result;
  result.asked = static_cast<std::int64_t>(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    result.exact += outputs[i] == secrets[i];
    result.edit_distances.push_back(normalized_edit_distance(outputs[i], secrets[i]));
  }
  result.exact_share = wilson_interval(result.exact, result.asked);
  result.edit_distance = mean(result.edit_distances);
  return result;
}

}  // namespace chainline::experiments
