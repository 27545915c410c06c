#pragma once

#include <csignal>

#include "tensor/error.h"

namespace chainline::experiments {

/// Thrown when a signal ended a run early; the program exits with 130.
class Interrupted : public Error {
  using Error::Error;
};

/// While it lives, SIGINT and SIGTERM are noted instead of ending the process, each once: a second
/// one ends it as usual.
class InterruptNote {
 public:
  InterruptNote();
  ~InterruptNote();
  InterruptNote(const InterruptNote&) = delete;
  InterruptNote& operator=(const InterruptNote&) = delete;

  bool requested() const;

 private:
  struct sigaction before_int_ {};
  struct sigaction before_term_ {};
};

}  // namespace chainline::experiments
