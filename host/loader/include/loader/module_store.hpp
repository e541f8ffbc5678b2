// ModuleStore: private, content-addressed copies of plugins. Only these are ever loaded, so that overwriting, truncating or deleting the file an
// operator dropped can never touch running code.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"
#include "base/sha256.hpp"

namespace tenon::host {

/// A file to be stored, as it was examined.
struct StoreRequest {
  std::string name;  ///< of the module, for keeping its last versions
  std::string source_path;
  std::uint64_t size = 0;
  Digest digest{};
};

/// `<state>/modules/<sha256>.so`, mode 0555, in a directory of mode 0700. Nothing is fsynced: a torn copy fails its digest and is copied again.
/// A copy is hashed before its first use, after each boot, and whenever its inode or ctime differ from what they were then (the file `index`
/// remembers). provide() is thread-safe, but not beside keep(); the rest is not.
class ModuleStore {
 public:
  /// Makes the directory if needed and removes what an interrupted copy left; the caller is the only one at work in it. Errors: cannot_create; no_permission if it is not ours alone; os_error naming the mount if it is mounted noexec.
  static Result<ModuleStore> open(const std::string& state_dir);

  /// Path of a copy whose bytes have the digest, made now if there is none. Errors: data changed since it was examined, I/O, disk full.
  Result<std::string> provide(const StoreRequest& request) const;
  /// Records what is used and removes what nobody needs: kept are `used` and the last 3 stored per name. Writes nothing if nothing changed.
  /// Gives up the memory of open(): a later provide() hashes again.
  Result<void> keep(const std::vector<StoreRequest>& used) const;
  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  struct Memory;
  std::string directory_;
  std::shared_ptr<Memory> memory_;
  std::shared_ptr<UniqueFd> fd_;
};

}  // namespace tenon::host
