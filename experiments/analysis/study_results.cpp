#include "experiments/analysis/study_results.h"

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

std::vector<Json> objects(const Json& json, const std::string& key, const std::string& where) {
  const Json& list = member(json, key, where);
  check<FileError>(list.is_array(), where, ": ", key, ": expected a list, got ", list.type_name());
  for (std::size_t i = 0; i < list.size(); ++i)
    check<FileError>(list[i].is_object(), where, ": ", key, "[", i, "]: expected an object, got ",
                     list[i].type_name());
  return list.get<std::vector<Json>>();
}

}  // namespace

Json to_json(const StudyResults& results) {
  return {{"study", results.study},
          {"bases", results.bases},
          {"runs", results.runs},
          {"gradients", results.gradients},
          {"twins", results.twins}};
}

StudyResults study_results(const Json& json, const std::string& where) {
  check_keys(json, {"study", "bases", "runs", "gradients", "twins"}, where);
  StudyResults results;
  results.study = member(json, "study", where);
  check<FileError>(results.study.is_object(), where, ": study: expected an object, got ",
                   results.study.type_name());
  results.bases = objects(json, "bases", where);
  results.runs = objects(json, "runs", where);
  results.gradients = objects(json, "gradients", where);
  results.twins = objects(json, "twins", where);
  return results;
}

}  // namespace chainline::experiments
