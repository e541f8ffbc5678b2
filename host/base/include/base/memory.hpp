// What happens when there is no memory left: most code throws and takes back what it began; some threads have to wait.
#pragma once

namespace tenon::host {

/// Has `operator new` ask WaitsForMemory before it throws. Once, at the start of the process, whose business alone it is: there is one new-handler per
/// process, and a library that sets another one afterwards takes this away.
void prepare_memory() noexcept;

/// While it lives, `operator new` on its thread does not throw: it tries again every millisecond until there is memory. For a thread that has acknowledged
/// something and now must follow it up, with nobody to tell that it cannot. Whoever watches the thread sees it hang.
class WaitsForMemory {
 public:
  WaitsForMemory() noexcept;
  ~WaitsForMemory();
  WaitsForMemory(const WaitsForMemory&) = delete;
  WaitsForMemory& operator=(const WaitsForMemory&) = delete;
  /// One lives on this thread.
  static bool here() noexcept;
};

}  // namespace tenon::host
