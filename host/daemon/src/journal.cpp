#include "daemon/journal.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "kernel/log.hpp"

namespace tenon::host {

bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat st {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &st) != 0) return false;
  char own[48];
  const int size =
      std::snprintf(own, sizeof own, "%llu:%llu", static_cast<unsigned long long>(st.st_dev), static_cast<unsigned long long>(st.st_ino));
  return std::string_view(stream) == std::string_view(own, static_cast<std::size_t>(size));
}

std::string for_stderr(std::string text, int level) {
  if (!stderr_is_journal()) return text;
  const std::string_view priority = level >= fatal ? "<2>" : level >= error ? "<3>" : level >= warn ? "<4>" : level >= info ? "<6>" : "<7>";
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    out.append(priority).append(text, begin, end - begin);
    begin = end;
  }
  return out;
}

std::string for_stderr(const Diagnostics& findings, bool colour) {
  std::string out;
  for (const Diagnostic& d : findings.items())
    out += for_stderr(to_text(d, colour), d.severity == Severity::error ? error : d.severity == Severity::warning ? warn : info);
  return out;
}

}  // namespace tenon::host
