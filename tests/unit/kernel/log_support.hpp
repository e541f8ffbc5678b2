// What tests of the log share: a directory of their own, lines of files, a replaced standard error, a process of its own.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/log.hpp"

namespace tenon::host::test {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "tenon-log-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all, ignored);
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(std::string_view name) const { return (path_ / name).string(); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Lines without their newline. A last one that has none is a torn line.
inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    REQUIRE_MESSAGE(end != std::string::npos, "torn line: ", text.substr(begin));
    out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}
inline std::vector<std::string> lines_of_file(const std::string& path) { return lines_of(text_of(path)); }

/// The number after "seq": of a JSON line; 0 if there is none.
inline std::uint64_t seq_of(std::string_view line) {
  const std::size_t at = line.find("\"seq\":");
  return at == std::string_view::npos ? 0 : std::strtoull(line.data() + at + 6, nullptr, 10);
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

inline std::size_t count_containing(const std::vector<std::string>& lines, std::string_view part) {
  std::size_t n = 0;
  for (const std::string& line : lines) n += contains(line, part) ? 1U : 0U;
  return n;
}

inline LogOptions json_file(const std::string& path) {
  LogOptions options;
  options.format = LogOptions::Format::json;
  options.target = LogOptions::Target::file;
  options.file.path = path;
  options.rate = 0;
  return options;
}

/// Descriptor 2 is another one (or closed: -1) for the life of this.
class StderrIs {
 public:
  explicit StderrIs(int fd) : saved_(fcntl(2, F_DUPFD_CLOEXEC, 10)) {
    if (fd < 0)
      close(2);
    else
      dup2(fd, 2);
  }
  ~StderrIs() {
    dup2(saved_, 2);
    close(saved_);
  }
  StderrIs(const StderrIs&) = delete;
  StderrIs& operator=(const StderrIs&) = delete;

 private:
  int saved_;
};

/// Standard error goes into a file meanwhile.
class CapturedStderr {
 public:
  CapturedStderr() : file_(dir_ / "stderr"), fd_(open(file_.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)), replaced_(fd_) {}
  ~CapturedStderr() { close(fd_); }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;
  [[nodiscard]] std::string text() const { return text_of(file_); }
  [[nodiscard]] std::vector<std::string> lines() const { return lines_of(text()); }

 private:
  TempDir dir_;
  std::string file_;
  int fd_;
  StderrIs replaced_;
};

/// What the daemon does first; here for as long as a test needs it.
class IgnoredSignal {
 public:
  explicit IgnoredSignal(int number) : number_(number), before_(std::signal(number, SIG_IGN)) {}
  ~IgnoredSignal() { std::signal(number_, before_); }
  IgnoredSignal(const IgnoredSignal&) = delete;
  IgnoredSignal& operator=(const IgnoredSignal&) = delete;

 private:
  int number_;
  void (*before_)(int);
};

/// Root may do everything; a test about permissions runs as somebody else meanwhile, who owns `dir`.
class Unprivileged {
 public:
  explicit Unprivileged(const TempDir& dir) : root_(geteuid() == 0) {
    if (!root_) return;
    constexpr uid_t nobody = 65534;
    REQUIRE(chown(dir.path().c_str(), nobody, nobody) == 0);
    REQUIRE(seteuid(nobody) == 0);
  }
  ~Unprivileged() {
    if (root_ && seteuid(0) != 0) std::abort();
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

 private:
  bool root_;
};

}  // namespace tenon::host::test
