// Running the real tenond: start, wait for what it prints, signal, exit code. Every wait has a deadline.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tenon::test {

/// A directory of its own, mode 0755, removed at the end (unless TENON_KEEP_TMP is set). Below the build tree's scratch space, unless said otherwise.
class TempDir {
 public:
  explicit TempDir(const std::string& parent = TENON_TEST_SCRATCH);
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  /// Writes a file (parents made) and returns its path.
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0644) const;
  std::string make_dir(const std::string& name, mode_t mode = 0755) const;
  std::string copy(const std::string& from, const std::string& name) const;

 private:
  std::string path_;
};

std::string read_file(const std::string& path);  ///< empty if it cannot be read
std::vector<std::string> lines_of(const std::string& text);

struct ProcessOptions {
  std::map<std::string, std::string> environment;  ///< added to a minimal one (PATH, HOME, sanitizer options)
  std::string working_directory;
  bool umask_002 = false;
  bool unread = false;  ///< what it prints stays in pipes of 4 KiB until read_on(): it blocks when one is full
};

/// A child process whose stdout and stderr are collected by a thread.
class Process {
 public:
  Process(const std::vector<std::string>& arguments, const ProcessOptions& options = {});
  ~Process();  ///< kills it if it is still there
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Waits until stderr (or stdout) contains `text`, false after `limit` or when the process has ended without it.
  bool wait_for(const std::string& text, std::chrono::milliseconds limit = std::chrono::seconds(20));
  void signal(int number) const;
  /// With ProcessOptions::unread: bytes on stderr that wait to be read.
  [[nodiscard]] std::size_t unread_bytes() const;
  void read_on();
  /// Waits for the end. Exit code, or 128 + signal; -1 after `limit` (then it is killed).
  int wait(std::chrono::milliseconds limit = std::chrono::seconds(30));
  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  struct State;
  std::shared_ptr<State> state_;
  pid_t pid_ = -1;
  int status_ = -2;    ///< -2: not waited for yet
  int err_pipe_ = -1;  ///< of state_, while nobody reads it
  int out_pipe_ = -1;
};

/// tenond of this build tree.
std::string tenond();
/// Runs a command to its end.
struct Ran {
  int exit;
  std::string out, err;
};
Ran run(const std::vector<std::string>& arguments, const ProcessOptions& options = {});

/// Waits until `done()` is true; false after `limit`.
template <class Done>
bool eventually(Done&& done, std::chrono::milliseconds limit = std::chrono::seconds(20));

/// 10 under sanitizers, else 1: factor for limits in tests.
int slow_factor();

}  // namespace tenon::test

#include <thread>
template <class Done>
bool tenon::test::eventually(Done&& done, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}
