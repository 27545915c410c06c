// The program `chainline`: reads the command line, runs one subcommand, and turns every error into
// one sentence on standard error and an exit code.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>

#include "experiments/data/json.h"
#include "experiments/plan/job_command.h"
#include "experiments/plan/run_plan.h"
#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/study/study_plan.h"
#include "experiments/training/interrupt.h"
#include "tensor/error.h"
#include "tensor/isa.h"
#include "tensor/parallel.h"

namespace {

// 1 is for a check that failed (gradcheck, a claim), thrown as CLI::RuntimeError by the command.
constexpr int kUsage = 2, kData = 3, kDevice = 4, kInterrupted = 130;

/// The subcommand that was chosen, or the program where none was.
const CLI::App& chosen(const CLI::App& app) {
  for (const CLI::App* sub : app.get_subcommands()) return chosen(*sub);
  return app;
}

/// The long names of its options and subcommands.
std::vector<std::string> known_words(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  for (const CLI::App* sub : app.get_subcommands(nullptr)) words.push_back(sub->get_name());
  return words;
}

/// What is wrong with a command line. A word that nothing takes is named before anything that is
/// missing, since it is probably why that is missing.
std::string usage_sentence(const CLI::App& program, const CLI::ParseError& error) {
  const CLI::App& app = chosen(program);
  const bool top = &app == &program;
  const std::string help =
      "; see chainline " + (top ? std::string() : app.get_name() + " ") + "--help";
  const std::vector<std::string> unknown = program.remaining(true);
  if (unknown.empty()) return error.what() + help;
  const std::string word = unknown.front().substr(0, unknown.front().find('='));
  std::vector<std::string> words = known_words(app);
  if (!top) {
    for (const std::string& more : known_words(program)) {
      if (more.rfind("--", 0) == 0) words.push_back(more);
    }
  }
  const std::string meant = chainline::experiments::nearest_spelling(word, words);
  return std::string("unknown ") +
         (word.rfind('-', 0) == 0 ? "option "
          : top                   ? "command "
                                  : "argument ") +
         word + (meant.empty() ? "" : ", did you mean " + meant + "?") + help;
}

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
      ->check(experiments::whole_number(1, 1024));
  program.parse_complete_callback([&] {
    if (thread_count > 0) set_threads(thread_count);
    isa();  // a CHAINLINE_ISA that is none is said now, not in the middle of the work
  });
  program.footer("Example:\n  chainline reproduce --scale smoke --out out/smoke");
  try {
    experiments::add_reproduce(program);
    experiments::add_claims(program);
    experiments::add_train(program);
    experiments::add_replay(program);
    experiments::add_bisect(program);
    experiments::add_probe(program);
    experiments::add_gradients(program);
    experiments::add_watermark(program);
    experiments::add_ask(program);
    experiments::add_inspect(program);
    experiments::add_gradcheck(program);
    experiments::add_ops(program);
    experiments::add_bench(program);
    experiments::add_job(program, experiments::study_kinds());
    program.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& help) {
    return program.exit(help);
  } catch (const CLI::RuntimeError& failed_check) {
    return failed_check.get_exit_code();
  } catch (const CLI::ParseError& e) {
    return fail(kUsage, usage_sentence(program, e).c_str());
  } catch (const experiments::Interrupted& e) {
    return fail(kInterrupted, e.what());
  } catch (const experiments::JobFailed& e) {
    return fail(e.exit_code(), e.what());
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
  } catch (const std::exception& e) {  // of the standard library: the file system's, mostly
    return fail(kData, e.what());
  }
}
