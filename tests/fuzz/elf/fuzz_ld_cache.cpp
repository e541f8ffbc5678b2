// The loader's cache over any bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "ld_cache.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenon::host;
  const Bytes cache(std::as_bytes(std::span(data, size)));
  for (const char* name : {"libc.so.6", "a", ""})
    for (const std::string& path : paths_in_cache(cache, name))
      if (path.empty() || path.size() > size) std::abort();
  return 0;
}
