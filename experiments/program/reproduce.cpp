#include "experiments/study/reproduce.h"

#include <fmt/core.h>

#include <memory>
#include <optional>

#include "experiments/data/paths.h"
#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/training/manifest.h"

namespace chainline::experiments {
namespace {

/// What was given on the command line; the rest follows from the scale.
struct Given {
  std::string scale = "cpu", data = "shapes", out, device, font, keep;
  std::vector<std::string> adopt;
  std::optional<std::uint64_t> seed;
  std::optional<std::int64_t> jobs, primary_seeds, other_seeds;
  bool dry_run = false, report_only = false, slides = false;

  ReproduceOptions options() const {
    ReproduceOptions o;
    o.study = study_at(scale, data);
    o.out = out;
    for (const std::string& folder : adopt) o.adopted.emplace_back(folder);
    const auto set = [](auto& option, const auto& value) {
      if (value) option = *value;
    };
    set(o.study.seed, seed);
    set(o.study.primary_seeds, primary_seeds);
    set(o.study.other_seeds, other_seeds);
    if (!device.empty()) o.study.device = device;
    if (!font.empty()) o.study.font = font;
    if (jobs) o.jobs = static_cast<int>(*jobs);
    o.keep = keep;
    o.report_only = report_only;
    if (slides) o.copies = Copies::svg_pdf_and_png;
    o.command = command();
    return o;
  }

  std::string command() const {
    std::string text = "chainline reproduce --scale " + scale + " --data " + shell_word(data);
    const auto add = [&](const char* name, const auto& value) {
      if (value) text += fmt::format(" {} {}", name, *value);
    };
    add("--seed", seed);
    add("--primary-seeds", primary_seeds);
    add("--other-seeds", other_seeds);
    if (!device.empty()) text += " --device " + shell_word(device);
    if (!font.empty()) text += " --font " + shell_word(font);
    return text + " --out " + shell_word(out);
  }
};

}  // namespace

void add_reproduce(CLI::App& program) {
  CLI::App* c = program.add_subcommand(
      "reproduce", "Run the paper's experiments with their controls, from data to report.html");
  auto given = std::make_shared<Given>();
  c->add_option("--scale", given->scale,
                "smoke (minutes, nothing is learned), cpu (hours on two cores) or gpu")
      ->check(one_of({"smoke", "cpu", "gpu"}))
      ->capture_default_str();
  c->add_option("--data", given->data, "shapes, easy-vqa:DIR or llava:FILE.json,images=DIR")
      ->capture_default_str();
  c->add_option("--out", given->out,
                "Folder for runs, numbers and report; goes on with what is there")
      ->required()
      ->check(named("a folder"));
  c->add_option("--jobs", given->jobs,
                "Runs side by side [one for each processor]; 0: in this process")
      ->check(whole_number(0, 1024));
  c->add_option("--adopt", given->adopt,
                "Results of an earlier sitting, which are not computed again: the folder `runs` of "
                "its --out, or a file that --keep wrote; read only")
      ->check(named("a folder or a file"));
  c->add_option("--keep", given->keep,
                "Write all results there are into this file, one a line: what --adopt takes")
      ->check(named("a file"));
  c->add_option("--primary-seeds", given->primary_seeds,
                "Run seeds of the primary endpoint [10; 3 at smoke]")
      ->check(whole_number(1, 1000));
  c->add_option("--other-seeds", given->other_seeds,
                "Run seeds of every other condition [3; 2 at smoke]")
      ->check(whole_number(1, 1000));
  c->add_option("--seed", given->seed, "Of everything that is drawn [1]")->check(any_seed());
  c->add_option("--device", given->device,
                "cpu or cuda [cpu; cuda at gpu]; the results are the same")
      ->check(named("a device"));
  c->add_option("--font", given->font, "TrueType file of the cards, not the built-in font")
      ->check(named("a file"));
  c->add_flag("--dry-run", given->dry_run, "Show the jobs, their states and the time they need");
  c->add_flag("--report-only", given->report_only, "Analyse what is there; run nothing");
  c->add_flag("--slides", given->slides, "Write the figures as PDF and PNG, too, by rsvg-convert");
  c->footer(
      "A run that is finished is never repeated: a job's key is its configuration, what its data "
      "hold and\nthe code's version. Interrupt it at any time; the same command goes on. "
      "`chainline claims DIR`\nprints the verdicts again.\n\n"
      "Examples:\n  chainline reproduce --scale smoke --out out/smoke\n"
      "  chainline reproduce --scale cpu --data easy-vqa:data/easy-vqa --out out/easy-vqa\n"
      "  chainline reproduce --scale cpu --out out/cpu --dry-run");
  c->callback([given] {
    const ReproduceOptions options = given->options();
    if (given->dry_run) {
      fmt::print("{}", reproduction_plan(options));
      return;
    }
    const Reproduction done = reproduce(options);
    fmt::print("{}\n", done.report.string());
  });
}

}  // namespace chainline::experiments
