// Names that belong to the host: no plugin has one, and what lies below one is granted to nobody.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace tenon::host {

/// `core`, `directory`, `grpc_hub`, `host` and `tenon`: as the name of a module, and as the first word of names of services, topics and namespaces.
inline bool is_reserved_word(std::string_view word) {
  constexpr std::array<std::string_view, 5> words = {"core", "directory", "grpc_hub", "host", "tenon"};
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace tenon::host
