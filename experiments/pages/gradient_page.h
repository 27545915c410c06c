#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "experiments/pages/page.h"

/// What the figures of the gradient study share.
namespace chainline::experiments::gradients_page {

inline constexpr const char* kAll = "all parameters";
inline constexpr const char* kCheckpoints[] = {"base", "C0"};

const Json& gradients_of(const StudyPage& page);
const Json& rows_of(const StudyPage& page);
std::vector<double> sizes_of(const StudyPage& page);
const Json& row_of(const StudyPage& page, const std::string& at, const std::string& comparison,
                   const std::string& group = kAll);
/// Comparisons that rows speak of, in their order; reruns, of single samples alone, are a note.
std::vector<std::string> comparisons_of(const StudyPage& page);
std::string where(const std::string& at, bool begins = false);
/// The checkpoint that K2 to K4 are judged at, as gradient_claims.cpp chooses it.
std::string deciding(const StudyPage& page);
/// "0.591 at the base and 0.593 after clean fine-tuning", of those with a text; "" without any.
std::string at_each(const std::function<std::string(const std::string& at)>& text);
/// `begin` and then the texts of the checkpoints, or where there are none another title.
std::string titled(const std::string& begin, const std::string& texts, const char* otherwise);
std::string text_or_none(double value, int digits = 3);
/// The place of the training batch's size among the sizes; nullopt without any.
std::optional<std::size_t> main_size(const StudyPage& page);
const Json& item(const Json& list, std::size_t i);
double cosine_of(const StudyPage& page, const std::string& at, const std::string& comparison,
                 std::size_t size, const std::string& group = kAll);
/// Cosines and intervals over batch sizes; where `squared`, 1/cos^2 - 1 with its limits exchanged.
Series cosine_series(const StudyPage& page, const Json& row, std::string name, bool squared);
Axis size_axis();

/// The fewest and the most of any run.
struct Count {
  std::int64_t fewest = 0, most = 0;
  friend bool operator==(const Count&, const Count&) = default;
  std::string text() const;
};

/// Batches of each size that a change of the data was measured on, from the raw results; empty
/// without.
std::vector<Count> batch_counts(const StudyPage& page);
/// "2 runs, 32 batches a run at b ≤ 16, 2 at b = 256", or of one size alone.
std::string gradient_counts(const StudyPage& page, std::optional<std::size_t> size = {});
/// The same of figures that moments of single samples are in: with "moments of 512 samples a run".
std::string moment_counts(const StudyPage& page);
/// That intervals of large sizes rest on fewer batches, where they do.
std::string fewer_batches(const StudyPage& page);

/// "95 % ", or nothing where the analysis does not say.
std::string sure(const StudyPage& page);
/// "95 % intervals by bootstrap over runs and then their batches".
std::string bootstrap_limits(const StudyPage& page);
/// The mean of runs with Student's limits, as claims are judged. It does not exist where a run has
/// no number, and has no limits below kFewestRuns.
Value over_runs(const Json& estimate);

/// W100's amplitude over another's at the training batch's size; a null without.
const Json& ratio_of(const StudyPage& page, const std::string& at, const std::string& to,
                     const char* kind);
/// A ratio as K2 and K3 take it, from kFewestRuns on; else of all batches together.
struct Amplitude {
  Value value;
  bool by_runs = false;
};
Amplitude amplitude_of(const Json& ratio);

/// "vision layers 1 and 2, projector and decoder layers 1 to 3": numbers that follow each other
/// stand together.
std::string group_list(const std::vector<std::string>& groups);

/// Counts, run numbers, and of these controls those that were measured.
void describe(const StudyPage& page, Figure& figure, const std::string& counts,
              const std::vector<std::string>& controls);

/// The figures over batch sizes: cosines, what moments of single samples say of them, and fits to
/// batches beside those (K4).
void add_sizes(const StudyPage& page, Part& part);
void add_predicted(const StudyPage& page, Part& part);
void add_plateau_chart(const StudyPage& page, Part& part);
void add_plateau_table(const StudyPage& page, Part& part);

}  // namespace chainline::experiments::gradients_page
