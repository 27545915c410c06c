#include "experiments/plan/code_version.h"

#include "experiments/code_version.h"

namespace chainline::experiments {

std::string code_version() { return CHAINLINE_CODE_VERSION; }

std::string training_code_version() { return CHAINLINE_TRAINING_CODE_VERSION; }

}  // namespace chainline::experiments
