#include "journal.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "kernel/log.hpp"

namespace tenon::host {

bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat st {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &st) != 0) return false;
  return std::string(stream) == std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino);
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

}  // namespace tenon::host
