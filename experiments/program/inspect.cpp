#include <fmt/core.h>
#include <fmt/ostream.h>

#include <iostream>
#include <thread>

#include "experiments/program/commands.h"
#include "tensor/parallel.h"

namespace chainline::experiments {

void add_inspect(CLI::App& program) {
  CLI::App* inspect = program.add_subcommand("inspect", "Show what a file or the machine holds");
  inspect->require_subcommand(1);
  inspect->footer("Example:\n  chainline inspect machine");
  CLI::App* machine = inspect->add_subcommand("machine", "Processors and threads in use");
  machine->callback([] {
    fmt::print("processors  {}\nthreads     {}\n", std::thread::hardware_concurrency(), threads());
  });
}

}  // namespace chainline::experiments
