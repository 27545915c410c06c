// The program `chainline`: reads the command line, runs one subcommand, and turns every error into
// one sentence on standard error and an exit code.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>

#include "experiments/program/commands.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace {

// 1 is for a check that failed (gradcheck, a claim), thrown as CLI::RuntimeError by the command.
constexpr int kUsage = 2, kData = 3, kDevice = 4;

int fail(int code, const char* message) {
  std::fprintf(stderr, "chainline: %s\n", message);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace chainline;
  CLI::App program{
      "Chainline: exact gradients, and what fine-tuning on private watermarks does to them."};
  program.name("chainline");
  program.set_version_flag("--version", CHAINLINE_VERSION);
  program.require_subcommand(1);
  program.fallthrough();
  int thread_count = 0;
  program.add_option("--threads", thread_count, "Threads to use; the results do not depend on it")
      ->check(CLI::Range(1, 1024));
  program.parse_complete_callback([&] {
    if (thread_count > 0) set_threads(thread_count);
  });
  program.footer("Example:\n  chainline reproduce --data shapes --out runs/shapes");
  try {
    experiments::add_gradcheck(program);
    experiments::add_inspect(program);
    experiments::add_ops(program);
    program.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& help) {
    return program.exit(help);
  } catch (const CLI::RuntimeError& failed_check) {
    return failed_check.get_exit_code();
  } catch (const CLI::ParseError& e) {
    return fail(kUsage, (std::string(e.what()) + "; see chainline --help").c_str());
  } catch (const DeviceError& e) {
    return fail(kDevice, e.what());
  } catch (const FileError& e) {
    return fail(kData, e.what());
  } catch (const ValueError& e) {
    return fail(kUsage, e.what());
  } catch (const Error& e) {
    return fail(kData, e.what());
  } catch (const std::bad_alloc&) {
    return fail(kDevice, "out of memory");
  }
}
