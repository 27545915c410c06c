#include "experiments/report/rsvg.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

/// A file without a name: pipes would have to be read and written by turns.
File temporary_file() {
  File file(std::tmpfile());
  check<DeviceError>(file != nullptr, "rsvg-convert: expected a temporary file, got ",
                     std::strerror(errno));
  return file;
}

std::string content_of(std::FILE* file) {
  std::string content;
  std::array<char, 65536> part;
  std::rewind(file);
  for (std::size_t n = 1; n > 0;) {
    n = std::fread(part.data(), 1, part.size(), file);
    content.append(part.data(), n);
  }
  return content;
}

/// Our environment, with a fixed date for the PDF's creation instead of today's.
std::vector<std::string> environment() {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!std::string_view(*entry).starts_with("SOURCE_DATE_EPOCH=")) variables.emplace_back(*entry);
  variables.emplace_back("SOURCE_DATE_EPOCH=0");
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

std::vector<std::byte> convert_svg(const std::string& svg, DrawnFormat format) {
  const File in = temporary_file(), out = temporary_file(), err = temporary_file();
  check<DeviceError>(std::fwrite(svg.data(), 1, svg.size(), in.get()) == svg.size() &&
                         std::fflush(in.get()) == 0 && std::fseek(in.get(), 0, SEEK_SET) == 0,
                     "rsvg-convert: expected room for a temporary file, got ",
                     std::strerror(errno));
  std::vector<std::string> words = {"rsvg-convert"};
  if (format == DrawnFormat::pdf) words.push_back("--format=pdf");
  if (format == DrawnFormat::png) words.insert(words.end(), {"--format=png", "--zoom=2.5"});
  std::vector<std::string> variables = environment();
  const std::vector<char*> argv = pointers(words), envp = pointers(variables);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ::fileno(in.get()), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ::fileno(out.get()), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ::fileno(err.get()), STDERR_FILENO);
  pid_t child = -1;
  const int refused =
      ::posix_spawnp(&child, "rsvg-convert", &actions, nullptr, argv.data(), envp.data());
  ::posix_spawn_file_actions_destroy(&actions);
  check<DeviceError>(refused != ENOENT,
                     "rsvg-convert: expected Debian's librsvg2-bin in the PATH, got none; install "
                     "it, or ask for SVG alone");
  check<DeviceError>(refused == 0, "rsvg-convert: expected it to start, got ",
                     std::strerror(refused));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    check<DeviceError>(errno == EINTR, "rsvg-convert: waitpid: ", std::strerror(errno));
  std::string said = content_of(err.get());
  while (!said.empty() && said.back() == '\n') said.pop_back();
  const std::string drawing = content_of(out.get());
  check<DeviceError>(WIFEXITED(status) && WEXITSTATUS(status) == 0 && !drawing.empty(),
                     "rsvg-convert: expected a drawing, got ",
                     said.empty() ? "none" : said.c_str());
  const auto* const begin = reinterpret_cast<const std::byte*>(drawing.data());
  return {begin, begin + drawing.size()};
}

}  // namespace chainline::experiments
