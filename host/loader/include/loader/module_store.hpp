// ModuleStore: private, content-addressed copies of plugins. Only these are ever loaded, so that overwriting, truncating or deleting the file an
// operator dropped can never touch running code.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
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
  std::uint64_t device = 0, inode = 0;  ///< of the source; both 0 = not told
};

/// `<state>/modules/<sha256>.so`, mode 0555, in a directory of mode 0700. Nothing is fsynced: a torn copy fails its digest and is copied again.
/// A copy is hashed before its first use, after each boot, and whenever its inode or ctime differ from what they were then (the file `index`
/// remembers). provide() is thread-safe, but not beside keep(); the rest is not.
class ModuleStore {
 public:
  /// Makes the directory if needed and removes what an interrupted copy left; the caller is the only one at work in it. Errors: cannot_create; no_permission if it is not ours alone; os_error naming the mount if it is mounted noexec.
  /// `looked`: the same directory's, to read the index once only.
  static Result<ModuleStore> open(const std::string& state_dir, std::optional<ModuleStore> looked = std::nullopt);
  /// What earlier starts have left, for `digest_of` only: nothing is made or removed. Nothing if there is no store, or it is not ours alone.
  static std::optional<ModuleStore> look(const std::string& state_dir);

  /// The digest of a file with these bytes, if the store has a copy that was made of that file and is equal, byte by byte: several times cheaper than
  /// hashing, and as safe, as the copy was hashed in this boot and has not changed since. Thread-safe, but not beside keep(), after which it knows nothing.
  [[nodiscard]] std::optional<Digest> digest_of(std::uint64_t device, std::uint64_t inode, std::span<const std::byte> bytes) const;

  /// Path of a copy whose bytes have the digest, made now if there is none. Errors: data changed since it was examined, I/O, disk full.
  Result<std::string> provide(const StoreRequest& request) const;
  /// Records what is used and removes what nobody needs: kept are `used` and the last 3 stored per name. Writes nothing if nothing changed.
  /// Gives up the memory of open(): a later provide() hashes again.
  Result<void> keep(const std::vector<StoreRequest>& used) const;
  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  struct Memory;
  void remember();
  std::string directory_;
  std::shared_ptr<Memory> memory_;
  std::shared_ptr<UniqueFd> fd_;
};

}  // namespace tenon::host
