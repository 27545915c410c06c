#include "experiments/plan/plan.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "tensor/error.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

/// Names are shown on terminals and end up in tables.
bool is_plain(const std::string& name) {
  return !name.empty() && name.size() <= 100 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

/// The config as a process that reads its text has it.
Json as_read(const Json& config, const std::string& where) {
  std::string text;
  try {
    text = config.dump();
  } catch (const Json::exception&) {
    throw ValueError(where + ": config: expected text in UTF-8, got other bytes");
  }
  Json read = Json::parse(text);
  // What JSON cannot write becomes null there, and two configs would be one.
  check<ValueError>(read == config, where, ": config: expected finite numbers, got ",
                    excerpt(config));
  return read;
}

}  // namespace

Plan::Plan(std::vector<Job> jobs)
    : jobs_(std::move(jobs)),
      keys_(jobs_.size()),
      identities_(jobs_.size()),
      needs_(jobs_.size()),
      needed_by_(jobs_.size()) {
  std::map<std::string, std::size_t> place;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    Job& job = jobs_[i];
    check<ValueError>(is_plain(job.name),
                      "plan: name: expected 1 to 100 characters of ASCII without blanks, got ",
                      excerpt(job.name));
    const std::string where = "plan: " + job.name;
    check<ValueError>(place.emplace(job.name, i).second, where,
                      ": expected a name for each job, got it twice");
    check<ValueError>(std::isfinite(job.weight) && job.weight > 0, where,
                      ": weight: expected a positive number of seconds, got ", job.weight);
    job.config = as_read(job.config, where);
    names.push_back(job.name);
  }
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    for (const std::string& need : jobs_[i].needs) {
      const auto found = place.find(need);
      const std::string meant = found == place.end() ? nearest_spelling(need, names) : "";
      check<ValueError>(found != place.end(), "plan: ", jobs_[i].name,
                        ": needs: expected the name of a job, got ", excerpt(need),
                        meant.empty() ? "" : "; did you mean " + meant + "?");
      needs_[i].push_back(found->second);
      std::vector<std::size_t>& others = needed_by_[found->second];
      if (others.empty() || others.back() != i) others.push_back(i);
    }
  }
  sort();
  std::map<std::string, std::size_t> with_key;
  for (const std::size_t i : order_) {
    Json needs = Json::array();
    for (const std::size_t n : needs_[i]) needs.push_back(keys_[n]);
    identities_[i] = {{"code", jobs_[i].code},
                      {"config", jobs_[i].config},
                      {"kind", jobs_[i].kind},
                      {"needs", needs}};
    keys_[i] = sha256_hex(identities_[i].dump());
    const auto [same, is_new] = with_key.emplace(keys_[i], i);
    check<ValueError>(is_new, "plan: ", jobs_[i].name, ": expected work of its own, got that of ",
                      jobs_[same->second].name, "; their configs must differ");
  }
}

void Plan::sort() {
  std::vector<std::size_t> missing(jobs_.size());
  // A job named twice among the needs counts once, as needed_by_ has it.
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    std::vector<std::size_t> once = needs_[i];
    std::sort(once.begin(), once.end());
    missing[i] = static_cast<std::size_t>(std::unique(once.begin(), once.end()) - once.begin());
  }
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    if (missing[i] == 0) order_.push_back(i);
  }
  for (std::size_t at = 0; at < order_.size(); ++at) {
    for (const std::size_t other : needed_by_[order_[at]]) {
      if (--missing[other] == 0) order_.push_back(other);
    }
  }
  if (order_.size() == jobs_.size()) return;
  // Whoever walks on from need to need that isn't in order walks in a circle sooner or later.
  const auto stuck = [&](std::size_t i) { return missing[i] > 0; };
  std::size_t i = 0;
  while (!stuck(i)) ++i;
  std::vector<std::size_t> path;
  while (std::find(path.begin(), path.end(), i) == path.end()) {
    path.push_back(i);
    i = *std::find_if(needs_[i].begin(), needs_[i].end(), stuck);
  }
  std::string circle;
  for (auto at = std::find(path.begin(), path.end(), i); at != path.end(); ++at) {
    circle += jobs_[*at].name + " needs ";
  }
  throw ValueError("plan: needs: expected no circle, got " + circle + jobs_[i].name);
}

std::size_t Plan::place_of(const std::string& name) const {
  const auto found =
      std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.name == name; });
  check<ValueError>(found != jobs_.end(), "plan: expected the name of a job, got ", excerpt(name));
  return static_cast<std::size_t>(found - jobs_.begin());
}

std::size_t next_job(const Plan& plan, const std::vector<bool>& done,
                     const std::vector<std::size_t>& startable) {
  for (const std::size_t i : startable) {
    const std::vector<std::size_t>& others = plan.needed_by(i);
    if (std::any_of(others.begin(), others.end(), [&](std::size_t o) { return !done[o]; })) {
      return i;
    }
  }
  return startable.front();
}

}  // namespace chainline::experiments
