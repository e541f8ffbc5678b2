// CodeRanges: which loaded file does an address belong to; readable in a signal handler.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace tenon::host {

/// One loaded file. Never freed, never changed after it was published.
struct CodeRange {
  std::uintptr_t begin = 0, end = 0;
  std::string module;    ///< the first module bound in it
  std::string build_id;  ///< hexadecimal, may be empty
  const CodeRange* next = nullptr;
};

/// Append-only list. Adding costs the same however many there are; a crash looks through all of them, once.
class CodeRanges {
 public:
  /// [control]
  void add(CodeRange range);
  /// nullptr if the address belongs to none. Async-signal-safe.
  [[nodiscard]] const CodeRange* find(std::uintptr_t address) const noexcept;

 private:
  std::atomic<const CodeRange*> head_{nullptr};
};

}  // namespace tenon::host
