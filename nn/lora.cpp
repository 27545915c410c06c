#include "nn/lora.h"

#include <string_view>

#include "nn/init.h"

namespace chainline::nn {
namespace {

/// Matches the whole text. After a mismatch only the last `*` needs to take one character more, so
/// the time is at most the product of the two lengths.
bool matches_whole(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool ends_with(const std::string& name, const std::string& end) {
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

bool matches(const std::string& pattern, const std::string& name) {
  if (matches_whole(pattern, name)) return true;
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    if (matches_whole(pattern, std::string_view(name).substr(dot + 1))) return true;
  }
  return false;
}

std::vector<std::string> add_low_rank_to(const std::vector<NamedLinear>& linears,
                                         const LowRankOptions& options) {
  for (const std::string& target : options.targets) {
    bool found = false;
    for (const NamedLinear& l : linears) found = found || matches(target, l.name);
    check<ValueError>(found, "lora: targets: no linear layer is meant by \"", target, "\"");
  }
  std::vector<std::string> names;
  for (const NamedLinear& l : linears) {
    for (const std::string& target : options.targets) {
      if (!matches(target, l.name)) continue;
      l.linear->add_low_rank(options.rank, options.alpha);
      names.push_back(l.name);
      break;
    }
  }
  check<ValueError>(!names.empty(), "lora: targets: expected at least one pattern, got none");
  return names;
}

void init_low_rank(const std::vector<NamedParameter>& parameters, std::uint64_t seed) {
  std::vector<NamedParameter> drawn;
  for (const NamedParameter& p : parameters) {
    if (ends_with(p.name, ".lora_A")) drawn.push_back(p);
  }
  init_weights(drawn, seed);
}

}  // namespace chainline::nn
