// A directory of the test's own, with everything on the way to it trusted, whoever runs the test.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "discovery/candidate.hpp"
#include "discovery/path_safety.hpp"

namespace tenon::host {

class Directory {
 public:
  Directory() {
    static std::atomic<unsigned> number = 0;
    path_ = "/tmp/tenon-discovery-" + std::to_string(::getpid()) + "-" + std::to_string(number++);
    std::filesystem::remove_all(path_);
    make("");
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] std::string path(const std::string& name = {}) const { return name.empty() ? path_ : path_ + "/" + name; }

  /// Makes the directory `name` with mode 0755, whatever the umask.
  std::string make(const std::string& name) const {
    std::filesystem::create_directories(path(name));
    mode(name, 0755);
    return path(name);
  }
  void write(const std::string& name, const std::string& text, mode_t with_mode = 0644) const {
    REQUIRE(write_file_atomic(path(name), text, with_mode));
  }
  void mode(const std::string& name, mode_t to) const { REQUIRE(::chmod(path(name).c_str(), to) == 0); }
  void link(const std::string& target, const std::string& name) const { REQUIRE(::symlink(target.c_str(), path(name).c_str()) == 0); }
  /// A copy of a file of tests/fixtures/elf.
  void library(const std::string& fixture, const std::string& name) const {
    const auto bytes = read_text_file(std::string(ELF_FIXTURES "/") + fixture, 64u << 20u);
    REQUIRE_MESSAGE(bytes, fixture);
    write(name, *bytes, 0755);
  }

 private:
  std::string path_;
};

inline TrustedOwners this_user() { return TrustedOwners::of_process({}); }

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// "error code" of each diagnostic.
inline std::vector<std::string> codes(const Diagnostics& diagnostics) {
  std::vector<std::string> list;
  for (const Diagnostic& d : diagnostics.items()) {
    const char* severity = d.severity == Severity::error ? "error " : d.severity == Severity::warning ? "warning " : "note ";
    list.push_back(severity + d.code);
  }
  return list;
}

}  // namespace tenon::host
