#pragma once

#include <CLI/CLI.hpp>

namespace chainline::experiments {

/// The subcommands of `chainline`, one file each (experiments/program/NAME.cpp). Each adds its
/// options and its help to the program and sets what runs when it is chosen; results go to standard
/// output, progress and messages to standard error, and errors are thrown.
void add_ask(CLI::App& program);
void add_bench(CLI::App& program);
void add_bisect(CLI::App& program);
void add_claims(CLI::App& program);
void add_gradcheck(CLI::App& program);
void add_gradients(CLI::App& program);
void add_inspect(CLI::App& program);
void add_ops(CLI::App& program);
void add_probe(CLI::App& program);
void add_replay(CLI::App& program);
void add_reproduce(CLI::App& program);
void add_train(CLI::App& program);
void add_watermark(CLI::App& program);

}  // namespace chainline::experiments
