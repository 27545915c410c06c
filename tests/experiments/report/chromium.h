#pragma once

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "tests/tensor/folder.h"

namespace chainline::test {

using experiments::Json;

/// The bytes that base64 text stands for; the browser sends pictures so.
inline std::string from_base64(const std::string& text) {
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (value < 0) break;
    bits = bits << 6 | static_cast<unsigned>(value);
    if ((count += 6) >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return bytes;
}

/// Chromium without a window, spoken to in its DevTools protocol over two pipes: no port, no script
/// in the page. It tells of every address that a page asks for, also of those that the page's
/// content policy then refuses. Throws std::runtime_error where the browser is missing, dies or says
/// nothing for a minute.
class Chromium {
 public:
  Chromium() {
    std::signal(SIGPIPE, SIG_IGN);  // a browser that dies is an error, not our end
    const Pipe requests, answers;
    // Its own services would ask its maker for updates and the time; here nothing gets through.
    std::vector<std::string> words = {"chromium",
                                      "--headless",
                                      "--no-sandbox",  // which root in a container cannot have
                                      "--disable-gpu",
                                      "--disable-dev-shm-usage",
                                      "--disable-background-networking",
                                      "--disable-component-update",
                                      "--disable-sync",
                                      "--no-first-run",
                                      "--host-resolver-rules=MAP * ~NOTFOUND",
                                      "--remote-debugging-pipe",
                                      "--user-data-dir=" + profile_.path().string(),
                                      "about:blank"};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, requests.end[0], 3);  // as the protocol has it
    ::posix_spawn_file_actions_adddup2(&actions, answers.end[1], 4);
    const int refused =
        ::posix_spawnp(&child_, "chromium", &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (refused != 0)
      throw std::runtime_error("browser: expected Debian's chromium in the PATH, got none");
    out_ = ::dup(requests.end[1]);
    in_ = ::dup(answers.end[0]);
    const std::string target = call("Target.createTarget", {{"url", "about:blank"}}).at("targetId");
    session_ =
        call("Target.attachToTarget", {{"targetId", target}, {"flatten", true}}).at("sessionId");
    for (const char* domain : {"Page", "Network", "Log", "Runtime"})
      call(std::string(domain) + ".enable");
  }
  ~Chromium() {
    try {
      call("Browser.close");  // so that its processes end before their folder goes
    } catch (const std::runtime_error&) {
      ::kill(child_, SIGTERM);
    }
    ::waitpid(child_, nullptr, 0);
    ::close(out_);
    ::close(in_);
  }
  Chromium(const Chromium&) = delete;
  Chromium& operator=(const Chromium&) = delete;

  /// Calls a method of the protocol in the page's session and waits for the result. Events that
  /// arrive meanwhile are kept in `events`.
  Json call(const std::string& method, Json parameters = Json::object()) {
    Json message = {{"id", ++calls_}, {"method", method}, {"params", std::move(parameters)}};
    if (!session_.empty()) message["sessionId"] = session_;
    send(message.dump());
    for (;;) {
      Json answer = receive();
      if (!answer.contains("id")) {
        events.push_back(std::move(answer));
      } else if (answer.at("id") == calls_) {
        if (answer.contains("error"))
          throw std::runtime_error("browser: " + method + ": " + answer.at("error").dump());
        return answer.at("result");
      }
    }
  }

  /// The value of an expression in the page, which is none of the page's scripts.
  Json evaluate(const std::string& expression) {
    const Json result =
        call("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}});
    if (result.contains("exceptionDetails"))
      throw std::runtime_error("browser: " + result.at("exceptionDetails").dump());
    return result.at("result").value("value", Json());
  }

  /// Loads a page and waits until it is there, `events` being those of this page then.
  void open(const std::string& address) {
    events.clear();
    call("Page.navigate", {{"url", address}});
    while (!seen("Page.loadEventFired")) events.push_back(receive());
  }

  bool seen(const std::string& method) const {
    for (const Json& event : events)
      if (event.value("method", "") == method) return true;
    return false;
  }

  std::vector<Json> events;

 private:
  /// Both ends above what the child gives to the protocol.
  struct Pipe {
    int end[2] = {-1, -1};

    Pipe() {
      int low[2];
      if (::pipe2(low, O_CLOEXEC) != 0) throw std::runtime_error("browser: no pipe");
      for (int i = 0; i < 2; ++i) {
        end[i] = ::fcntl(low[i], F_DUPFD_CLOEXEC, 10);
        ::close(low[i]);
      }
    }
    ~Pipe() {
      ::close(end[0]);
      ::close(end[1]);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
  };

  void send(std::string text) {
    text += '\0';
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(out_, text.data() + done, text.size() - done);
      if (n <= 0) throw std::runtime_error("browser: it is gone");
      done += static_cast<std::size_t>(n);
    }
  }

  Json receive() {
    for (;;) {
      const std::size_t end = buffer_.find('\0');
      if (end != buffer_.npos) {
        Json message = Json::parse(buffer_.substr(0, end));
        buffer_.erase(0, end + 1);
        return message;
      }
      pollfd ready = {in_, POLLIN, 0};
      if (::poll(&ready, 1, 60'000) <= 0) throw std::runtime_error("browser: silent for a minute");
      char part[65536];
      const ssize_t n = ::read(in_, part, sizeof part);
      if (n <= 0) throw std::runtime_error("browser: it is gone");
      buffer_.append(part, static_cast<std::size_t>(n));
    }
  }

  Folder profile_;
  pid_t child_ = -1;
  int out_ = -1, in_ = -1, calls_ = 0;
  std::string session_, buffer_;
};

}  // namespace chainline::test
