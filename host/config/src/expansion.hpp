// `${VAR}`, `${VAR:-default}`, `${file:/path}`, `${cred:name}`; `$${` stands for `${`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace tenon::host {

/// Expands texts against one environment and one directory of credentials. Immutable, thread-safe; reads files anew each time.
class Expander {
 public:
  Expander(const std::vector<std::pair<std::string, std::string>>& environment, std::string credentials_dir);

  struct Expanded {
    std::string text;
    bool secret = false;  ///< some part came from a file, a credential, or a variable that is named like a secret
  };
  /// Once, from left to right: what was put in is not expanded again. `budget`: bytes that may still be put in, counted down; it bounds
  /// what many references to large files can add up to. The error does not contain any value.
  Result<Expanded> expand(std::string_view text, std::size_t& budget) const;

  static constexpr std::size_t max_file = 64 * 1024;  ///< bytes of one file or credential
  static constexpr std::size_t default_budget = 16 * 1024 * 1024;

 private:
  Result<Expanded> reference(std::string_view body) const;
  Result<Expanded> variable(std::string_view body) const;
  Result<Expanded> file(const std::string& path, const std::string& shown) const;
  std::unordered_map<std::string, std::string> environment_;
  std::string credentials_dir_;
};

/// True if `text` would be secret once expanded, whatever the environment holds, or if part of it cannot be expanded: as it is written, it may
/// hold a secret as a default.
bool refers_to_secret(std::string_view text);

}  // namespace tenon::host
