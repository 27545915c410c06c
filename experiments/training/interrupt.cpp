#include "experiments/training/interrupt.h"

namespace chainline::experiments {
namespace {

volatile std::sig_atomic_t noted = 0;

extern "C" void note_signal(int) { noted = 1; }

}  // namespace

InterruptNote::InterruptNote() {
  noted = 0;
  struct sigaction note {};
  note.sa_handler = note_signal;
  sigemptyset(&note.sa_mask);
  note.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &note, &before_int_);
  sigaction(SIGTERM, &note, &before_term_);
}

InterruptNote::~InterruptNote() {
  sigaction(SIGINT, &before_int_, nullptr);
  sigaction(SIGTERM, &before_term_, nullptr);
}

bool InterruptNote::requested() const { return noted != 0; }

}  // namespace chainline::experiments
