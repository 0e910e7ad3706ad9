#include "tests/onnx/NodeRunner.h"

#include <fmt/format.h>

#include <algorithm>
#include <sys/wait.h>
#include <unistd.h>

namespace weft::test {

namespace fs = std::filesystem;
using Test = std::function<std::string(const fs::path &)>;

namespace {

/// A test that runs.
struct Child {
  pid_t process = -1;
  int output = -1;
  std::string name;
};

Child begin(const fs::path &folder, const Test &test) {
  int ends[2];
  Child child;
  child.name = folder.filename().string();
  if (pipe(ends) != 0)
    return child;
  child.process = fork();
  if (child.process == 0) {
    close(ends[0]);
    std::string reason = test(folder).substr(0, 4000); // less than a pipe holds
    [[maybe_unused]] auto written = write(ends[1], reason.data(), reason.size());
    _exit(0);
  }
  close(ends[1]);
  child.output = ends[0];
  return child;
}

/// What it said, once it has ended.
std::string end(const Child &child) {
  if (child.process < 0)
    return "no process";
  std::string reason;
  char buffer[4096];
  for (ssize_t got; (got = read(child.output, buffer, sizeof(buffer))) > 0;)
    reason.append(buffer, static_cast<size_t>(got));
  close(child.output);
  int status = 0;
  waitpid(child.process, &status, 0);
  if (WIFSIGNALED(status))
    return fmt::format("ended by signal {}", WTERMSIG(status));
  return reason;
}

} // namespace

int runNodeTests(int argc, char **argv, const std::string &where, const Test &test) {
  if (argc < 2)
    return 2;
  std::vector<fs::path> folders;
  for (const auto &entry : fs::directory_iterator(argv[1]))
    if (argc < 3 || entry.path().filename().string().find(argv[2]) != std::string::npos)
      folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  size_t passed = 0;
  auto finish = [&](const Child &child) {
    std::string reason = end(child);
    passed += reason.empty();
    if (!reason.empty())
      fmt::print("FAIL {}: {}\n", child.name, reason);
    fflush(stdout);
  };
  Child running;
  for (const fs::path &folder : folders) {
    Child next = begin(folder, test);
    if (!running.name.empty())
      finish(running);
    running = next;
  }
  if (!running.name.empty())
    finish(running);
  fmt::print("{} of {} node tests pass {}\n", passed, folders.size(), where);
  return passed == folders.size() ? 0 : 1;
}

} // namespace weft::test
