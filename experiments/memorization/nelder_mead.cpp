#include "experiments/memorization/nelder_mead.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

struct Vertex {
  std::vector<double> at;
  double value;
};

bool lower(const Vertex& a, const Vertex& b) { return a.value < b.value; }

class Simplex {
 public:
  Simplex(const std::function<double(std::span<const double>)>& f, const NelderMeadOptions& options)
      : f_(f), options_(options) {}

  int evaluations() const { return evaluations_; }

  double evaluate(const std::vector<double>& at) {
    ++evaluations_;
    const double value = f_(at);
    return std::isnan(value) ? std::numeric_limits<double>::infinity() : value;
  }

  /// Walks from a fresh simplex around the vertex; returns whether the tolerances were met.
  bool descend(Vertex& best) {
    vertices_ = {best};
    for (std::size_t j = 0; j < best.at.size(); ++j) {
      std::vector<double> at = best.at;
      at[j] += options_.step;
      const double value = evaluate(at);
      vertices_.push_back({std::move(at), value});
    }
    bool small = false;
    while (true) {
      // Stable: among equal values the older vertex stays in front, so ties have one order.
      std::stable_sort(vertices_.begin(), vertices_.end(), lower);
      small = is_small();
      if (small || evaluations_ >= options_.max_evaluations) break;
      step();
    }
    best = vertices_.front();
    return small;
  }

 private:
  bool is_small() const {
    if (!(vertices_.back().value - vertices_.front().value <= options_.value_tolerance))
      return false;
    for (const Vertex& vertex : vertices_)
      for (std::size_t j = 0; j < vertex.at.size(); ++j)
        if (!(std::abs(vertex.at[j] - vertices_.front().at[j]) <= options_.place_tolerance))
          return false;
    return true;
  }

  /// centre + t (worst - centre), centre that of all vertices but the worst.
  Vertex along(double t) {
    const std::vector<double>& worst = vertices_.back().at;
    std::vector<double> at(worst.size());
    for (std::size_t j = 0; j < at.size(); ++j) {
      double centre = 0;
      for (std::size_t i = 0; i + 1 < vertices_.size(); ++i) centre += vertices_[i].at[j];
      centre /= static_cast<double>(vertices_.size() - 1);
      at[j] = centre + t * (worst[j] - centre);
    }
    const double value = evaluate(at);
    return {std::move(at), value};
  }

  void step() {
    const Vertex reflected = along(-1);
    if (lower(reflected, vertices_.front())) {
      const Vertex stretched = along(-2);
      vertices_.back() = lower(stretched, reflected) ? stretched : reflected;
      return;
    }
    if (lower(reflected, vertices_[vertices_.size() - 2])) {
      vertices_.back() = reflected;
      return;
    }
    const bool outside = lower(reflected, vertices_.back());
    const Vertex contracted = along(outside ? -0.5 : 0.5);
    if (lower(contracted, outside ? reflected : vertices_.back())) {
      vertices_.back() = contracted;
      return;
    }
    for (std::size_t i = 1; i < vertices_.size(); ++i) {
      for (std::size_t j = 0; j < vertices_[i].at.size(); ++j)
        vertices_[i].at[j] = vertices_[0].at[j] + 0.5 * (vertices_[i].at[j] - vertices_[0].at[j]);
      vertices_[i].value = evaluate(vertices_[i].at);
    }
  }

  const std::function<double(std::span<const double>)>& f_;
  const NelderMeadOptions& options_;
  std::vector<Vertex> vertices_;
  int evaluations_ = 0;
};

}  // namespace

Minimum nelder_mead(const std::function<double(std::span<const double>)>& f,
                    std::vector<double> start, const NelderMeadOptions& options) {
  check<ValueError>(!start.empty(), "nelder_mead: start: expected coordinates, got none");
  check<ValueError>(options.step > 0, "nelder_mead: step: expected a positive number, got ",
                    options.step);
  Simplex simplex(f, options);
  Vertex best{start, simplex.evaluate(start)};
  check<ValueError>(std::isfinite(best.value), "nelder_mead: f(start): expected a number, got ",
                    best.value);
  bool converged = false;
  while (!converged && simplex.evaluations() < options.max_evaluations) {
    const double before = best.value;
    const bool small = simplex.descend(best);
    converged = small && before - best.value <= options.value_tolerance;
  }
  return {best.at, best.value, converged, simplex.evaluations()};
}

}  // namespace chainline::experiments
