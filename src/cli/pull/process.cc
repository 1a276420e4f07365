#include "cli/pull/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string_view>
#include <system_error>
#include <thread>

#include "cli/interrupt.h"

namespace kilter::cli {
namespace {

constexpr std::chrono::milliseconds kPoll(20);

/// The last line of a file that says something.
std::string last_line(const std::string& path) {
  std::ifstream file(path);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  }
  return last;
}

/// Starts the program; 0 or an errno.
int start(const std::vector<std::string>& command, const std::string& log, pid_t& child) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int failure = posix_spawnp(&child, arguments[0], &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  return failure;
}

}  // namespace

Result<ProcessEnd> run_process(const std::vector<std::string>& command, const std::string& log) {
  pid_t child = 0;
  const int failure = start(command, log, child);
  if (failure != 0) {
    return Error{ErrorCode::not_found, command[0],
                 fmt::format("cannot be started: {}", std::generic_category().message(failure)),
                 "is it installed?"};
  }
  int status = 0;
  bool ended_by_us = false;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (interrupted() && !ended_by_us) {
      kill(child, SIGTERM);
      ended_by_us = true;
    }
    std::this_thread::sleep_for(kPoll);
  }
  if (interrupted()) return interrupted_error();
  return ProcessEnd{WIFEXITED(status) ? WEXITSTATUS(status) : -1, last_line(log)};
}

}  // namespace kilter::cli
